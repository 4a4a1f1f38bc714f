"""Prepared figures are the record's, to the cent: whatever happens, whoever is killed, and who asks twice."""

from dataclasses import astuple
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ondol import clock
from ondol.accounts.models import User
from ondol.config import config
from ondol.costs import bills, prepared, sums, tasks
from ondol.costs.bills import Bill, money_of
from ondol.costs.calculation import Change, Item, line_of, scale_of, worth
from ondol.costs.figures import NEVER
from ondol.costs.models import Budget, ExchangeRate, ListPrice, MonthFigure
from ondol.costs.months import Month
from ondol.instances import actions
from ondol.instances.models import Instance, StatusChange
from ondol.instances.record import Record, Size
from ondol.instances.resizing import change_size
from ondol.instances.states import Reason, Status
from tests.costs.lives import kst, lives, spans
from tests.instances.rig import person

JUNE, JULY = Month(2026, 6), Month(2026, 7)
WON = Decimal("1387.50")
budgets = st.none() | st.tuples(st.decimals("0.01", 300, places=2), st.booleans())
prices = st.lists(
    st.tuples(
        st.sampled_from(["t3.small", "t3.medium", "gp3", "public-ipv4", "alarm"]),
        spans(timedelta(days=60)),
        st.decimals(0, 5, allow_nan=False, places=10),
    ),
    max_size=3,
)


class Undone(Exception):
    """Rolls back what one example has written."""


def write(owner, changes):
    """Write a machine's record as the worker would have left it by now."""
    told = [change for change in changes if change.at <= clock.now()]
    if not told:
        return
    row = Instance.objects.create(
        owner=owner, status=told[-1].status, status_since=told[-1].at, created_at=told[0].at,
        instance_type=told[-1].instance_type, volume_gib=told[-1].volume_gib,
    )  # fmt: skip
    StatusChange.objects.bulk_create(_line(row, change) for change in told)


def go_on(owner, changes):
    """Write the rest of somebody's record: what has happened since."""
    row = Instance.objects.filter(owner=owner).first()
    if row is None:
        write(owner, changes)
        return
    last = row.changes.last().at
    later = [change for change in changes if last < change.at <= clock.now()]
    StatusChange.objects.bulk_create(_line(row, change) for change in later)
    if later:
        Instance.objects.filter(pk=row.pk).update(
            status=later[-1].status, status_since=later[-1].at, instance_type=later[-1].instance_type
        )


def _line(row, change):
    record = Record(size=Size(change.instance_type, change.volume_gib))
    return StatusChange(
        instance=row, new=change.status, reason=change.reason, detail=record.to_json(), at=change.at
    )  # fmt: skip


def as_told(month: Month) -> dict[int, Bill]:
    """Return the bills that the record alone makes."""
    return bills.of_calculations(month, dict(bills.computed(month)))


def agree(month: Month) -> None:
    """Compare all that is prepared of a month with what the record says."""
    told, rate = as_told(month), bills.rate_in_won()
    assert dict(prepared.calculations(month)) == dict(bills.computed(month))
    assert bills.bills(month) == told
    for owner, bill in told.items():
        assert bills.bill_of(User.objects.get(pk=owner), month) == bill
    basis = prepared.Basis.of(month)
    rows = {row.owner_id: row for row in sums.rows(basis)}
    assert set(rows) == set(told)
    for owner, row in rows.items():
        bill = told[owner]
        shown = [money_of(amount, rate) for amount in (row.total, row.forecast, row.savings, row.savings_by_idle)]
        assert shown == [bill.total, bill.forecast, bill.saved, bill.saved_by_idle]
        assert Decimal(row.seconds) / 3600 == bill.hours
        assert row.percent == (bill.budget_status.percent if bill.budget_status else None)
    everybody = sums.sums(sums.rows(basis), rate)
    for name in ("total", "forecast", "saved", "saved_by_idle"):
        nothing = bills.money_of(Decimal(0), rate)
        sum_of_all = bills.total([nothing, *(getattr(bill, name) for bill in told.values())])
        assert astuple(getattr(everybody, name)) == astuple(sum_of_all)
    kinds_agree(basis, told.values(), rate)


def kinds_agree(basis, told, rate) -> None:
    """Compare what PostgreSQL says of the kinds of costs with what bills add up to: to the cent, the won, and the rest
    that is less than either."""
    shown, exact = sums.by_item(basis, rate), bills.by_item(told)
    for item, money in exact.items():
        assert (shown[item].usd, shown[item].krw or 0) == (money.usd, money.krw or 0)
        assert shown[item].has_rest == money.has_rest


@settings(max_examples=40, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    st.lists(st.tuples(lives(), budgets), min_size=1, max_size=3), prices, st.booleans(),
    st.sampled_from(["Asia/Seoul", "UTC", "America/New_York"]),
    st.lists(spans(timedelta(days=25)), min_size=1, max_size=3),
)  # fmt: skip
def test_whatever_has_happened_both_say_the_same_today_and_later(
    db, machines_clock, monkeypatch_of_zone, people, table, has_rate, zone, pauses
):
    monkeypatch_of_zone(zone)
    now = kst("05-20 10:00")
    try:
        with transaction.atomic():
            if has_rate:
                ExchangeRate.objects.create(krw=WON, as_of=now.date())
            machines_clock.freeze(now)
            owners = [person(f"p{number}") for number in range(len(people))]
            for owner, (changes, budget) in zip(owners, people, strict=True):
                write(owner, changes)
                if budget:
                    Budget.objects.create(owner=owner, usd=budget[0], stops=budget[1])
            agree(bills.this_month())
            for what, after, usd in table:
                ListPrice.objects.update_or_create(
                    region=config().region, what=what, since=now + after, defaults={"usd": usd}
                )
            for pause in pauses:
                now += pause
                machines_clock.freeze(now)
                agree(bills.this_month())
                for owner, (changes, _budget) in zip(owners, people, strict=True):
                    go_on(owner, changes)
                agree(bills.this_month())
                agree(bills.this_month().previous)
            raise Undone
    except Undone:
        pass


@pytest.fixture
def monkeypatch_of_zone(monkeypatch):
    """Set the zone of the months."""
    return lambda zone: monkeypatch.setattr(config(), "time_zone", zone)


def figure(owner, month=JUNE):
    return MonthFigure.objects.get(owner=owner, month=str(month))


half_a_cent = Decimal("0.005")
"""The price of an hour: of two such lines, the first one gets the cent, and the won at a rate of 1,300."""
a_line = st.tuples(
    st.sampled_from(Item), st.none() | st.just(half_a_cent) | st.decimals(0, 9999, places=10), st.integers(1, 900),
    st.just(3600) | st.integers(0, 2_592_000), st.integers(0, 1),
)  # fmt: skip
some_lines = st.lists(a_line, min_size=1, max_size=12, unique_by=lambda line: line[:3])
rates = st.none() | st.just(Decimal(1300)) | st.decimals(1, 100_000, places=2)


@settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(some_lines, min_size=1, max_size=4), rates)
def test_the_kinds_of_costs_are_the_lines_of_all_bills_however_dear(db, machines_clock, bills_of, rate):
    """Prices of a tenth of a millionth of a cent, and bills of millions; twelve lines of which each misses a part."""
    machines_clock.freeze(kst("06-20 10:00"))
    basis = prepared.Basis.of(JUNE)
    try:
        with transaction.atomic():
            if rate:
                ExchangeRate.objects.create(krw=rate, as_of=clock.now().date())
            for number, lines in enumerate(bills_of):
                _with_lines(person(f"p{number}"), lines, basis)
            rows = {row.owner_id: row for row in MonthFigure.objects.all()}
            found = {owner: prepared.tally_of(row, basis).calculation() for owner, row in rows.items()}
            told = bills.of_calculations(JUNE, found)
            kinds_agree(basis, told.values(), bills.rate_in_won())
            everybody = sums.sums(sums.rows(basis), bills.rate_in_won())
            assert astuple(everybody.total) == astuple(bills.total(bill.total for bill in told.values()))
            assert everybody.total == bills.total(sums.by_item(basis, bills.rate_in_won()).values())
            raise Undone
    except Undone:
        pass


def _with_lines(owner, lines, basis) -> None:
    """Write a figure that has these lines now; some of them grow."""
    scale, month = scale_of(basis.span.seconds), basis.span.seconds
    kept, paid, growing = [], [], []
    for item, usd, count, seconds, rate in sorted(lines, key=lambda line: list(Item).index(line[0])):
        key = item, f"{item} {count}", count if item is Item.DISK else 1, usd
        kept.append([*key[:3], None if usd is None else str(usd), seconds - rate * basis.seconds, rate])
        paid.append(line_of(key, seconds, month))
        growing.append(line_of(key, rate, month))
    nothing = {name: 0 for name in ("hours", "saved", "saved_by_idle", "running", "pace", "to_rest")}
    MonthFigure.objects.create(
        owner=owner, month=str(basis.month), basis=basis.fingerprint, at=clock.now(), valid_until=NEVER, last_change=0,
        is_final=True, is_billed=True, lines=kept,
        paid=worth(paid, scale) - worth(growing, scale) * basis.seconds, paid_rate=worth(growing, scale),
        **nothing, **{f"{name}_rate": 0 for name in nothing},
    )  # fmt: skip


def test_a_figure_is_made_again_only_after_something_has_happened(rig, at, alice, bob):
    at("06-01 09:00")
    for one in (alice, bob):
        rig.running(one)
    at("06-02 09:00")
    prepared.refresh(JUNE)
    before = figure(alice), figure(bob)
    at("06-02 10:00")
    actions.stop(bob)
    assert prepared.stale(prepared.Basis.of(JUNE)) == [bob.pk]
    agree(JUNE)
    assert figure(alice).at == before[0].at
    assert figure(bob).at > before[1].at


def test_a_resize_and_the_end_of_a_machine_count_at_once(rig, at, alice, ada, monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("t3.large",))
    at("06-01 09:00")
    rig.running(alice)
    at("06-03 09:00")
    agree(JUNE)
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    change_size(alice, "t3.large", 40)
    rig.work()
    agree(JUNE)
    at("06-11 10:00")
    agree(JUNE)
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(3)
    agree(JUNE)
    at("06-11 12:00")
    rig.running(alice)  # her next machine, in the same month
    for moment in ("06-11 12:00", "06-20 09:00", "07-02 09:00"):
        at(moment)
        agree(JUNE)


def test_a_stop_of_june_that_is_noticed_in_july_changes_june(rig, at, alice):
    at("06-20 08:00")
    rig.running(alice)
    at("07-01 00:30")
    assert bills.bills(JUNE)[alice.pk].hours == 10 * 24 + 16
    rig.cloud.world.stop_by_alarm(rig.mine(alice).instance_id)
    StatusChange.objects.create(
        instance=rig.mine(alice), new=Status.STOPPED, reason=Reason.IDLE, at=clock.now(),
        detail=Record(since=kst("06-30 20:00")).to_json(),
    )  # fmt: skip
    assert bills.bills(JUNE)[alice.pk].hours == 10 * 24 + 12
    agree(JUNE)


def test_a_month_that_is_over_is_read_and_never_made_again(rig, at, alice):
    at("06-01 09:00")
    rig.running(alice)
    at("07-01 09:00")
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    prepared.refresh(JUNE)
    actions.start(alice)
    rig.work()
    assert figure(alice).is_final
    assert prepared.stale(prepared.Basis.of(JUNE)) == []
    agree(JUNE)


def test_another_price_list_and_another_time_zone_make_all_figures_again(rig, at, alice, monkeypatch):
    at("06-01 09:00")
    rig.running(alice)
    at("07-05 09:00")
    prepared.refresh(JUNE)
    ListPrice.objects.create(region=config().region, what="t3.small", since=kst("06-10 00:00"), usd=Decimal("0.03"))
    agree(JUNE)
    monkeypatch.setattr(config(), "time_zone", "America/New_York")
    agree(JUNE)


def test_who_is_killed_on_the_way_leaves_only_whole_figures(rig, at, monkeypatch):
    people = [person(f"p{number}") for number in range(5)]
    at("06-01 09:00")
    for one in people:
        rig.running(one)
    at("06-05 09:00")
    monkeypatch.setattr(prepared, "_AT_ONCE", 2)
    made, make = [], prepared._make

    def killed(basis, owners):
        if made:
            raise KeyboardInterrupt
        made.append(owners)
        make(basis, owners)

    with monkeypatch.context() as patched:
        patched.setattr(prepared, "_make", killed)
        with pytest.raises(KeyboardInterrupt):
            prepared.refresh(JUNE)
    assert MonthFigure.objects.count() == 2
    agree(JUNE)
    before = list(MonthFigure.objects.order_by("pk").values())
    for _twice in range(2):
        tasks.figures(0)
    assert list(MonthFigure.objects.filter(month=str(JUNE)).order_by("pk").values()) == before


def test_a_late_worker_does_not_hide_what_has_happened_since(rig, at, alice):
    """It has read the record before a change, and writes its figure after one that knows the change."""
    at("06-01 09:00")
    rig.running(alice)
    at("06-05 09:00")
    prepared.refresh(JUNE)
    late = MonthFigure.objects.filter(owner=alice).values().get()
    at("06-05 10:00")
    actions.stop(alice)
    prepared.refresh(JUNE)
    MonthFigure.objects.filter(owner=alice).update(**late)
    agree(JUNE)


def test_a_figure_that_somebody_has_written_is_found_told_and_made_again(rig, at, alice, bob, caplog):
    at("06-01 09:00")
    for one in (alice, bob):
        rig.running(one)
    at("06-05 09:00")
    prepared.refresh(JUNE)
    MonthFigure.objects.filter(owner=bob).update(paid=1)
    assert prepared.differing(JUNE) == [bob.pk]
    assert "a prepared figure is not what the record says" in caplog.text
    agree(JUNE)
    assert prepared.differing(JUNE) == []


def test_every_night_the_month_before_is_compared_too(rig, at, alice):
    at("06-01 09:00")
    rig.running(alice)
    at("07-02 09:00")
    tasks.figures(0)
    assert MonthFigure.objects.update(paid=1) == 2
    tasks.compare(0)
    assert not MonthFigure.objects.filter(paid=1).exists()
    agree(JUNE)
    agree(JULY)


def test_a_budget_stops_a_machine_by_its_prepared_figure(rig, at, alice):
    at("06-01 09:00")
    rig.running(alice)
    prepared.refresh(JUNE)
    Budget.objects.create(usd=Decimal("1.00"), stops=True)
    at("06-02 21:00")
    assert bills.bills(JUNE)[alice.pk].budget_status.is_used_up
    tasks.budgets(0)
    assert rig.mine(alice).status_reason == Reason.BUDGET


def test_a_bill_is_made_from_the_record_where_the_figure_holds_no_more(db, machines_clock):
    machines_clock.freeze(kst("06-10 10:00"))
    alice = person("alice")
    running = Change(kst("06-01 10:00"), Status.RUNNING, Reason.PERSON, "t3.small", 30)
    write(alice, [running])
    assert prepared.prepared_of(alice.pk, JUNE) is None
    prepared.refresh(JUNE)
    before = bills.bill_of(alice, JUNE)
    assert prepared.prepared_of(alice.pk, JUNE) is not None
    MonthFigure.objects.update(hours=0, hours_rate=0, lines=[])
    assert bills.bill_of(alice, JUNE).hours == 0, "the figure is not read"
    machines_clock.freeze(kst("06-10 12:00"))
    go_on(alice, [running, Change(kst("06-10 11:00"), Status.STOPPED, Reason.IDLE, "t3.small", 30)])
    assert prepared.prepared_of(alice.pk, JUNE) is None
    assert bills.bill_of(alice, JUNE).hours == before.hours + 1
