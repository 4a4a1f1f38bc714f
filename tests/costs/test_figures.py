"""A prepared month says to the last digit what the record says, at every moment for which it holds."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from ondol.costs.calculation import calculate
from ondol.costs.figures import NEVER, SECOND, prepare
from ondol.costs.months import Month
from ondol.costs.price_table import Dated, PriceTable
from tests.costs.lives import KST, kst, life, lives
from tests.costs.test_calculation import JUNE, PRICES
from tests.costs.test_calculation_always import months, nows, several, zones

usd = st.decimals(0, 50, allow_nan=False, places=10)
tables = st.fixed_dictionaries(
    {what: st.lists(st.builds(Dated, nows, usd), max_size=3) for what in ("t3.small", "public-ipv4", "gp3", "alarm")}
).map(PriceTable)
shares = st.floats(0, 1, exclude_max=True)


def known(machines, now):
    """Return the changes that have happened by then: as many machines as one person may have at once."""
    return [[change for change in changes if change.at <= now] for changes in machines]


def within(prepared, share):
    """Return a moment at which it holds, not more than two years ahead."""
    until = min(prepared.valid_until, prepared.at + timedelta(days=700)) - timedelta(microseconds=1)
    return prepared.at + (until - prepared.at) * share


@given(several, tables, zones, months, nows, shares)
def test_it_says_what_the_record_says_for_as_long_as_it_holds(machines, prices, zone, month, now, share):
    machines, span = known(machines, now), month.span(zone)
    prepared = prepare(machines, prices, span, now)
    moment = within(prepared, share)
    assert prepared.tally_at(moment).calculation() == calculate(machines, prices, span, moment)


@given(lives(), tables, nows, shares)
def test_it_does_so_in_the_month_that_goes_on(changes, prices, now, share):
    machines, span = known([changes], now), Month.of(now, KST).span(KST)
    prepared = prepare(machines, prices, span, now)
    moment = within(prepared, share)
    assert prepared.tally_at(moment).calculation() == calculate(machines, prices, span, moment)


@given(several, zones, months, nows)
@example([life("06-10 09:00 RUNNING")] * 2, KST, Month(2026, 6), kst("06-10 09:00"))
def test_it_holds_for_a_moment_at_least_and_beyond_the_month_for_ever(machines, zone, month, now):
    machines, span = known(machines, now), month.span(zone)
    prepared = prepare(machines, PRICES, span, now)
    assert prepared.valid_until > now
    over = max(now, span.end) + timedelta(days=100)
    assert prepare(machines, PRICES, span, over).valid_until == NEVER


def test_a_start_of_a_few_seconds_is_a_minute_and_then_grows():
    alice = life("06-10 09:00 RUNNING")
    prepared = prepare([alice], PRICES, JUNE, kst("06-10 09:00") + 20 * SECOND)
    assert prepared.valid_until == kst("06-10 09:01")
    assert set(prepared.tally_at(prepared.valid_until - SECOND).paid.values()) == {60, 59}


def test_it_ends_where_a_new_price_begins():
    soon = kst("06-12 00:00")
    prices = PriceTable({"t3.small": [Dated(kst("01-01 00:00"), Decimal(1)), Dated(soon, Decimal(2))]})
    assert prepare([life("06-01 09:00 RUNNING")], prices, JUNE, kst("06-10 09:00")).valid_until == soon


def test_it_ends_where_a_run_leaves_the_weeks_that_a_forecast_goes_by():
    alice = life("05-20 09:00 RUNNING", "05-20 17:00 STOPPED IDLE")
    assert prepare([alice], PRICES, JUNE, kst("06-10 09:00")).valid_until == kst("06-17 09:00")
