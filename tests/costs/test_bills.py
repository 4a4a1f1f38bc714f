"""What the worker has recorded becomes a bill that adds up."""

from datetime import date
from decimal import Decimal

import pytest

from ondol.cloud.errors import Throttled
from ondol.config import config
from ondol.costs import bills
from ondol.costs.calculation import Item
from ondol.costs.models import ExchangeRate
from ondol.costs.months import Month
from ondol.instances import actions
from ondol.instances.models import Instance
from ondol.instances.resizing import change_size
from ondol.reconciler import observe
from tests.instances.rig import person

JUNE, JULY = Month(2026, 6), Month(2026, 7)


def won(krw="1387.50"):
    ExchangeRate.objects.create(krw=Decimal(krw), as_of=date(2026, 6, 1))


def hours(user, month=JUNE):
    return bills.bill_of(user, month).hours


def stop(rig, user):
    actions.stop(user)
    rig.work()
    rig.tick(2)


def start(rig, user):
    actions.start(user)
    rig.work()
    rig.tick(2)


def test_three_hours_are_three_hours(rig, at, alice):
    at("06-01 09:00")
    rig.running(alice)
    at("06-01 12:00")
    stop(rig, alice)
    at("06-01 18:00")
    assert hours(alice) == 3


def test_a_stop_that_is_noticed_weeks_later_ends_the_run_when_it_was(rig, at, alice):
    at("06-20 08:00")
    rig.running(alice)
    at("06-20 20:00")
    rig.cloud.world.stop_by_alarm(rig.mine(alice).instance_id)
    rig.cloud.world.settle()
    at("07-05 09:00")
    rig.tick(2)
    assert (hours(alice), hours(alice, JULY)) == (12, 0)


@pytest.mark.parametrize(("fires", "seen", "told"), [
    ("06-20 20:00", "06-20 20:30", "06-20 20:40"), ("06-30 23:00", "07-01 00:10", "07-01 00:20"),
])  # fmt: skip
def test_a_stop_that_is_seen_under_way_ends_the_run_when_the_alarm_fired(rig, at, alice, fires, seen, told):
    at(f"{fires[:5]} 08:00")
    rig.running(alice)
    at(fires)
    rig.cloud.world.stop_by_alarm(rig.mine(alice).instance_id)
    at(seen)
    observe.observe_all(rig.cloud)
    rig.work()
    assert rig.mine(alice).status == "STOPPING"
    at(told)
    rig.tick()
    june = bills.bill_of(alice, JUNE)
    assert (june.hours, hours(alice, JULY)) == (int(fires[6:8]) - 8, 0)
    assert june.saved_by_idle == june.saved != bills.Money()


def test_another_type_and_a_bigger_disk_cost_from_the_moment_that_aws_has_them(rig, at, alice, monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("t3.large",))
    rig.running(alice)
    at("06-01 12:00")
    rig.cloud.world.stop_by_alarm(rig.mine(alice).instance_id)
    rig.tick(2)
    at("06-10 00:00")
    rig.cloud.next_error["resize"] = [Throttled("RequestLimitExceeded")]
    change_size(alice, "t3.large", 40)
    rig.work()
    at("06-11 00:00")
    rig.tick(2)
    start(rig, alice)
    at("06-11 10:00")
    stop(rig, alice)
    at("07-01 00:00")
    bill = bills.bill_of(alice, JUNE)
    # 12 h × $0.026 + 10 h × $0.104, 22 h × $0.005, $0.0912 × (30 GiB × 10 days + 40 GiB × 20 days) / 30, $0.10
    assert bill.total.usd == Decimal("4.91")
    # 9.5 days of t3.small with its address, asleep since the alarm: the change of size does not hide why
    assert bill.saved_by_idle.usd == Decimal("7.07")


def test_a_stop_by_the_alarm_counts_from_the_alarm_though_nobody_looked_for_a_night(rig, at, alice):
    at("06-01 09:00")
    instance = rig.running(alice)
    at("06-01 12:00")
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    rig.cloud.world.settle()
    at("06-02 09:00")
    rig.tick(2)
    assert hours(alice) == 3
    assert bills.bill_of(alice, JUNE).saved_by_idle.usd == Decimal("0.65")  # 21 h × $0.031


def test_a_run_counts_from_its_boot_though_ssh_was_slow(rig, at, alice):
    rig.ssh = False
    at("06-01 09:00")
    actions.create(alice)
    rig.work()
    rig.tick(2)
    at("06-01 09:03")
    rig.ssh = True
    rig.tick()
    at("06-01 10:00")
    assert hours(alice) == 1


def test_each_run_is_of_the_type_that_it_had_then(rig, at, alice):
    at("06-01 09:00")
    rig.running(alice)
    at("06-01 11:00")
    stop(rig, alice)
    Instance.objects.update(instance_type="t3.medium", volume_gib=100)
    at("06-02 09:00")
    start(rig, alice)
    at("06-02 10:00")
    lines = {(shown.line.what, shown.line.count): shown.line.seconds for shown in bills.bill_of(alice, JUNE).lines}
    assert (lines["t3.small", 1], lines["t3.medium", 1]) == (7200, 3600)
    assert (lines["gp3", 30], lines["gp3", 100]) == (24 * 3600, 3600)


def test_a_run_of_months_ago_is_still_paid_for(rig, at, alice):
    at("01-15 09:00")
    rig.running(alice)
    at("06-11 00:00")
    assert hours(alice) == 240
    assert hours(alice, Month(2026, 5)) == 31 * 24


def test_what_ended_before_costs_nothing_any_more(rig, at, alice, ada):
    at("06-01 09:00")
    rig.running(alice)
    at("06-01 12:00")
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(3)
    at("07-20 12:00")
    assert hours(alice) == 3
    assert bills.bill_of(alice, JULY).lines == ()
    assert bills.bills(JULY) == {}


def test_the_lines_add_up_to_the_total_in_dollars_and_won(rig, at, alice):
    won()
    at("06-01 09:00:17")
    rig.running(alice)
    at("06-09 23:11:05")
    stop(rig, alice)
    at("06-20 00:00")
    bill = bills.bill_of(alice, JUNE)
    assert bills.total(shown.money for shown in bill.lines) == bill.total
    exact = sum(shown.line.amount for shown in bill.lines)
    assert bill.total.usd == exact.quantize(Decimal("0.01"))
    assert bill.total.krw == (exact * Decimal("1387.50")).quantize(Decimal(1))


def test_everybody_together_is_the_sum_of_what_each_one_sees(rig, at):
    won()
    people = [person(f"p{number}") for number in range(5)]
    for number, one in enumerate(people):
        at(f"06-0{number + 1} 09:00:0{number}")
        rig.running(one)
    at("06-20 13:37")
    found = bills.bills(JUNE)
    assert set(found) == {one.pk for one in people}
    by_item = bills.by_item(found.values())
    assert bills.total(by_item.values()) == bills.total(bill.total for bill in found.values())
    assert all(bills.bill_of(one, JUNE) == found[one.pk] for one in people)
    assert by_item[Item.COMPUTE].krw > 0


def test_without_a_rate_there_are_no_won_and_the_last_one_counts(rig, at, alice):
    rig.running(alice)
    at("06-01 10:00")
    assert bills.bill_of(alice, JUNE).total.krw is None
    won("1000")
    won("2000")
    bill = bills.bill_of(alice, JUNE)
    assert bill.total.krw == round(sum(shown.line.amount for shown in bill.lines) * 2000)


@pytest.mark.parametrize("people", [1, 8])
def test_many_people_cost_as_many_questions_as_one(rig, at, django_assert_num_queries, people):
    for number in range(people):
        rig.running(person(f"p{number}"))
    at("06-03 00:00")
    with django_assert_num_queries(11):  # with those that make the figures: the record in three parts, …
        assert len(bills.bills(JUNE)) == people
    at("06-03 01:00")
    with django_assert_num_queries(5):  # the rate, the prices, whose figures hold no more, the figures, the budgets
        assert len(bills.bills(JUNE)) == people
