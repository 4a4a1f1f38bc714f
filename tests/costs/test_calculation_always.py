"""What holds for every life of a machine, every month, every zone and every price list."""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ondol.costs.calculation import CENT, MINIMUM, WON, Item, Line, calculate, charge, life_of, rounded, uses
from ondol.costs.months import Month, Span
from ondol.costs.price_table import Dated, PriceTable
from tests.costs.lives import KST, lives, moments
from tests.costs.test_calculation import PRICES

TINY = Decimal("1e-10")
zones = st.sampled_from([KST, ZoneInfo("UTC"), ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")])
nows = moments(2025, 12, 2028, 1).map(lambda moment: moment.replace(microsecond=0))
months = st.builds(Month, st.integers(2026, 2027), st.integers(1, 12))
whens = st.lists(nows, min_size=1, max_size=4, unique=True)
several = st.lists(lives(), max_size=3)


def seconds(lines: list[Line] | tuple[Line, ...], item: Item) -> int:
    return sum(line.seconds for line in lines if line.item is item)


def all_months(zone) -> list[Span]:
    """Return the months from before the first life to after the last."""
    month, found = Month(2025, 12), []
    while month < Month(2028, 2):
        found.append(month.span(zone))
        month = month.next
    return found


@given(zones)
def test_months_follow_each_other_without_gap_or_overlap(zone):
    spans = all_months(zone)
    assert all(before.end == after.start for before, after in pairwise(spans))


@given(nows, zones)
def test_every_moment_is_in_its_month(moment, zone):
    span = Month.of(moment, zone).span(zone)
    assert span.start <= moment < span.end


@given(months)
def test_a_month_is_read_as_it_is_written(month):
    assert Month.parse(str(month)) == month
    assert month.next.previous == month


@given(lives(), nows)
def test_a_life_has_no_gaps_and_no_overlaps(changes, now):
    life = life_of(changes, now)
    assert all(before.span.end == after.span.start for before, after in pairwise(life))
    assert all(interval.span.start <= interval.span.end for interval in life)


@given(several, zones, nows)
def test_the_months_together_are_all_of_it(machines, zone, now):
    """Each second is in one month only, and none is lost at its ends."""
    found = [use for changes in machines for use in uses(life_of(changes, now))]
    for item in Item:
        by_months = sum(seconds(charge(found, PRICES, month), item) for month in all_months(zone))
        assert by_months == sum(use.span.seconds for use in found if use.item is item)


@given(lives(), nows)
def test_running_and_resting_are_the_whole_life(changes, now):
    life = life_of(changes, now)
    billed = [use for use in uses(life) if use.item is Item.COMPUTE]
    runs = sum(interval.span.seconds for interval in life if interval.runs)
    topped_up = sum(use.span.seconds for use in billed)
    assert all(use.span.seconds >= MINIMUM.total_seconds() for use in billed)
    assert runs <= topped_up <= runs + 60 * len(billed)
    disk = sum(use.span.seconds for use in uses(life) if use.item is Item.DISK)
    assert disk == runs + sum(interval.span.seconds for interval in life if not interval.runs)


@given(several, months, nows, zones)
def test_people_are_the_sum_of_their_machines(machines, month, now, zone):
    span = month.span(zone)
    together = calculate(machines, PRICES, span, now)
    alone = [calculate([machine], PRICES, span, now) for machine in machines]
    for what in ("total", "to_run", "to_rest", "saved", "saved_by_idle"):
        assert abs(getattr(together, what) - sum(getattr(one, what) for one in alone)) < TINY


@given(several, months, nows, zones, whens)
def test_a_price_that_is_told_anew_changes_nothing(machines, month, now, zone, again):
    told = {what: [Dated(moment, price.usd) for moment in again] for what, price in PRICES.in_force(again[0]).items()}
    span = month.span(zone)
    assert calculate(machines, PriceTable(told), span, now) == calculate(machines, PRICES, span, now)


@given(several, months, nows, zones, nows)
def test_a_new_price_counts_from_its_moment_on(machines, month, now, zone, change):
    """The times before and after it add up to all of it, each at its own price."""
    span = month.span(zone)
    found = [use for changes in machines for use in uses(life_of(changes, now)) if use.item is Item.ADDRESS]
    table = PriceTable({"public-ipv4": [Dated(span.start, Decimal(1)), Dated(change, Decimal(3))]})
    # A change before this month's start makes its price the only one.
    before, after = Span(span.start, min(max(change, span.start), span.end)), Span(max(change, span.start), span.end)
    cheap, dear = (sum(use.span.within(part).seconds for use in found) for part in (before, after))
    if change < span.start:
        cheap, dear = 0, cheap + dear
        table = PriceTable({"public-ipv4": [Dated(change, Decimal(3))]})
    amount = sum((line.amount for line in charge(found, table, span)), Decimal(0))
    assert abs(amount - Decimal(cheap + 3 * dear) / 3600) < TINY


@given(lives(), months, nows, st.timedeltas(timedelta(), timedelta(days=60)))
def test_a_bill_only_grows(changes, month, now, later):
    """While nothing else happens."""
    known = [change for change in changes if change.at <= now]
    span = month.span(KST)
    assert calculate([known], PRICES, span, now).total <= calculate([known], PRICES, span, now + later).total


@given(several, months, nows)
def test_a_forecast_is_never_less_than_the_bill_and_at_last_the_bill(machines, month, now):
    span = month.span(KST)
    machines = [[change for change in changes if change.at <= now] for changes in machines]
    told = calculate(machines, PRICES, span, now)
    assert told.forecast() >= told.total
    assert 0 <= told.saved_by_idle <= told.saved
    over = calculate(machines, PRICES, span, max(now, span.end))
    assert over.forecast() == over.total


amounts = st.lists(st.decimals(0, 10_000, allow_nan=False, places=9), max_size=30)


@given(amounts, st.sampled_from([CENT, WON]))
def test_what_is_shown_adds_up_and_is_never_a_unit_off(some, unit):
    shown = rounded(some, unit)
    assert abs(sum(shown) - sum(some)) <= unit / 2
    assert all(abs(one - exact) < unit for one, exact in zip(shown, some, strict=True))
    assert all(one == one.quantize(unit) for one in shown)
