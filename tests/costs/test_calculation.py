"""How a record becomes money, to the cent."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ondol.costs.calculation import Calculation, Item, calculate, rounded
from ondol.costs.months import Month
from ondol.costs.price_table import Dated, PriceTable
from tests.costs.lives import KST, kst, life

START = kst("01-01 00:00")
JUNE = Month(2026, 6).span(KST)
PRICES = PriceTable(
    {
        "t3.small": [Dated(START, Decimal("0.026"))],
        "t3.medium": [Dated(START, Decimal("0.052"))],
        "public-ipv4": [Dated(START, Decimal("0.005"))],
        "gp3": [Dated(START, Decimal("0.0912"))],
        "alarm": [Dated(START, Decimal("0.10"))],
    }
)


def june(*machines, now="07-20 12:00", prices=PRICES) -> Calculation:
    return calculate(machines, prices, JUNE, kst(now))


def seconds(calculation: Calculation, item: Item = Item.COMPUTE) -> int:
    return sum(line.seconds for line in calculation.lines if line.item is item)


def cents(calculation: Calculation) -> dict[str, str]:
    shown = rounded([line.amount for line in calculation.lines])
    return {line.item.value: str(usd) for line, usd in zip(calculation.lines, shown, strict=True)}


def test_a_month_by_hand():
    """Alice's June, with pencil and paper.

    Running: 1 June 09:00 to 18:30 (9.5 h), 2 June 10:00:00 to 3 June 02:40 (16 h 40 min), 10 June 20 seconds (billed
    as 60), 29 June 22:00 over the end of the month (26 h of June). Together 52 h 10 min 60 s = 52 h 11 min = 187,860 s.
      compute  187,860 s × 0.026 / 3600 = 1.356766…
      address  187,860 s × 0.005 / 3600 = 0.260916…
    There: 1 June 09:00 to the end of the month, 29 days 15 h of 30 days = 2,559,600 of 2,592,000 s.
      disk     30 GiB × 0.0912 × 0.9875 = 2.7018
      alarm    0.10 × 0.9875            = 0.09875
    Total 4.418233…, shown 4.42: rounded down that is 1.35 + 0.26 + 2.70 + 0.09 = 4.40, and the two cents that are
    missing go where most was cut off: to the alarm (0.875 of a cent) and to compute (0.677).
    Resting: 2,559,600 − (34,200 + 60,000 + 20 + 93,600) = 2,371,780 s × (0.026 + 0.005) / 3600 = 20.423661…, of that by
    auto-stop 3 June 02:40 to 10 June 12:00 (638,400 s) and 10 June 12:00:20 to 29 June 21:58 (1,677,460 s): 19.942127….
    """
    alice = life(
        "06-01 08:58 PENDING",
        "06-01 09:00 RUNNING",
        "06-01 18:30 STOPPING PERSON",
        "06-01 18:31 STOPPED PERSON",
        "06-02 09:59 STARTING PERSON",
        "06-02 10:00 RUNNING",
        "06-03 02:40 STOPPING IDLE",
        "06-03 02:41 STOPPED IDLE",
        "06-10 12:00 RUNNING OUTSIDE",
        "06-10 12:00:20 STOPPED IDLE",
        "06-29 21:58 STARTING PERSON",
        "06-29 22:00 RUNNING",
        "07-01 03:00 STOPPED IDLE",
    )
    told = june(alice)
    assert seconds(told) == seconds(told, Item.ADDRESS) == 187_860
    assert seconds(told, Item.DISK) == seconds(told, Item.ALARM) == 2_559_600
    assert cents(told) == {"compute": "1.36", "public-ipv4": "0.26", "gp3": "2.70", "alarm": "0.10"}
    assert [rounded([usd]) for usd in (told.total, told.saved, told.saved_by_idle)] == [
        [Decimal("4.42")], [Decimal("20.42")], [Decimal("19.94")],
    ]  # fmt: skip


def test_only_running_is_paid_for_not_booting_nor_stopping():
    told = june(
        life(
            "06-10 10:00 PENDING",
            "06-10 10:05 RUNNING",
            "06-10 11:05 STOPPING PERSON",
            "06-10 11:15 STOPPED PERSON",
            "06-10 12:00 STARTING PERSON",
            "06-10 12:10 STOPPED NO_CAPACITY",
        )
    )
    assert seconds(told) == 3600


def test_a_machine_that_would_not_stop_was_running_all_the_while():
    told = june(
        life(
            "06-10 10:00 RUNNING",
            "06-10 11:00 STOPPING PERSON",
            "06-10 11:10 RUNNING STOP_FAILED",
            "06-10 12:00 STOPPED PERSON",
        )
    )
    assert seconds(told) == 7200


def test_every_start_is_paid_for_a_minute_at_least():
    blink = ["06-10 10:00:00 RUNNING", "06-10 10:00:10 STOPPED", "06-10 10:00:30 RUNNING", "06-10 10:00:40 STOPPED"]
    assert seconds(june(life(*blink))) == 120


def test_a_minute_that_begins_in_june_ends_in_july():
    blink = life("06-30 23:59:50 RUNNING", "06-30 23:59:55 STOPPED")
    july = calculate([blink], PRICES, Month(2026, 7).span(KST), kst("07-20 12:00"))
    assert (seconds(june(blink)), seconds(july)) == (10, 50)


def test_months_are_those_of_seoul():
    """1 June 00:00 there is 31 May 15:00 in UTC."""
    may = calculate([night := life("05-31 23:00 RUNNING", "06-01 01:00 STOPPED")], PRICES, *_may())
    assert (seconds(may), seconds(june(night))) == (3600, 3600)


def _may():
    return Month(2026, 5).span(KST), kst("07-20 12:00")


def test_what_runs_still_is_paid_up_to_now():
    bob = life("06-10 10:00 RUNNING")
    assert seconds(june(bob, now="06-10 11:30")) == 5400
    assert seconds(june(bob, now="06-10 10:00:05")) == 60


def test_two_machines_after_each_other_or_at_once_are_both_paid():
    old = life("06-01 10:00 RUNNING", "06-01 12:00 TERMINATING ADMIN", "06-01 12:01 TERMINATED")
    new = life("06-01 11:00 RUNNING", "06-01 13:00 STOPPED")
    told = june(old, new)
    assert seconds(told) == 4 * 3600
    assert seconds(told, Item.DISK) == 2 * 3600 + seconds(june(new), Item.DISK)


def test_a_disk_is_paid_from_the_first_run_to_the_end_of_the_machine():
    told = june(life("06-05 00:00 RUNNING", "06-05 01:00 STOPPED", "06-20 00:00 TERMINATING ADMIN"))
    assert seconds(told, Item.DISK) == 15 * 86_400


def test_a_machine_that_could_not_be_made_costs_nothing():
    assert june(life("06-05 00:00 PENDING", "06-05 00:10 FAILED TOO_LATE")) == Calculation()


def test_a_new_price_in_the_middle_of_the_month_makes_another_line():
    dearer = PriceTable({"t3.small": [Dated(START, Decimal("0.026")), Dated(kst("06-15 00:00"), Decimal("0.030"))]})
    told = june(life("06-14 22:00 RUNNING", "06-15 01:00 STOPPED"), prices=dearer)
    lines = {line.usd: line.seconds for line in told.lines if line.item is Item.COMPUTE}
    assert lines == {Decimal("0.026"): 7200, Decimal("0.030"): 3600}


def test_another_type_and_a_bigger_disk_are_paid_from_the_change_on():
    small = life("06-01 00:00 RUNNING", "06-01 02:00 STOPPED")
    big = life("06-11 00:00 RUNNING", "06-11 01:00 STOPPED", size=("t3.medium", 100))
    told = june(small + big)
    assert {(line.what, line.count): line.seconds for line in told.lines if line.item in {Item.COMPUTE, Item.DISK}} == {
        ("t3.small", 1): 7200,
        ("t3.medium", 1): 3600,
        ("gp3", 30): 10 * 86_400,
        ("gp3", 100): 20 * 86_400,
    }


def test_what_has_no_price_is_named_and_not_guessed():
    told = june(life("06-01 00:00 RUNNING", "06-01 02:00 STOPPED", size=("p5.48xlarge", 30)))
    (compute,) = [line for line in told.lines if line.item is Item.COMPUTE]
    assert (compute.usd, compute.seconds, compute.amount) == (None, 7200, 0)


def test_a_forecast_goes_on_at_the_pace_of_four_weeks():
    """28 days of 8 hours each: a third. 2 days 16 h of June are left, so 21 h 20 min are to come."""
    days = [kst("05-31 08:00") + timedelta(days=day) for day in range(28)]
    lines = [
        line
        for day in days
        for line in (f"{day.astimezone(KST):%m-%d} 08:00 RUNNING", f"{day.astimezone(KST):%m-%d} 16:00 STOPPED IDLE")
    ]
    told = june(life(*lines), now="06-28 08:00")
    rest = Decimal(64) / 720
    to_come = Decimal(64) / 3 * Decimal("0.031") + rest * (30 * Decimal("0.0912") + Decimal("0.10"))
    assert told.forecast() == pytest.approx(told.total + to_come, abs=Decimal("1e-11"))


def test_a_young_machine_is_taken_to_be_typical_though_it_has_run_from_its_first_minute():
    told = june(life("06-01 00:00 RUNNING"), now="06-01 01:00")
    assert Decimal(8) < told.forecast() < Decimal(9)  # all month round it would be 25.16


def test_what_a_budget_will_stop_is_not_forecast():
    told = june(life("06-01 00:00 RUNNING"), now="06-15 00:00")
    assert told.forecast() > told.forecast(Decimal(1)) == told.total + told.to_rest + 1
    assert told.forecast(Decimal(-1)) == told.forecast(Decimal(0)) == told.total + told.to_rest > told.total


def test_nothing_more_is_to_come_of_a_machine_that_has_ended():
    told = june(life("06-01 00:00 RUNNING", "06-02 00:00 TERMINATING ADMIN"), now="06-10 00:00")
    assert told.forecast() == told.total > 0


def test_what_is_rounded_adds_up():
    third = [Decimal(1) / 3] * 3
    assert rounded(third) == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]
    assert rounded([Decimal("0.005")]) == [Decimal("0.01")]
    assert rounded([]) == []
