"""Everybody's month in PostgreSQL: figures as rows that can be sorted and filtered, and their sums.

PostgreSQL does here what `Tally.calculation` and `bills` do in Python, to the same digit: one division, rounded as
there. `OFFSET 0` keeps PostgreSQL from merging a subquery into the outer query, where it would divide again at each
use.
"""

from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    DecimalField,
    Expression,
    ExpressionWrapper,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest, Least

from ondol.costs.bills import Money, money_of
from ondol.costs.calculation import PACE_SCALE, Item, scale_of
from ondol.costs.limits import LEVELS, for_everybody
from ondol.costs.models import MonthFigure
from ondol.costs.prepared import Basis

_DECIMAL = DecimalField(max_digits=60, decimal_places=12)
OVER = Q(percent__gte=max(LEVELS))
NEAR = Q(percent__gte=min(LEVELS), percent__lt=max(LEVELS))


class _Grown(Func):
    """A number with the growth by its rate since the figure was made."""

    template, arg_joiner = "(%(expressions)s * %(seconds)s)", " + "
    output_field = _DECIMAL


class _Divided(Func):
    """An amount divided once, and rounded as `calculation` does."""

    template = "round((%(expressions)s)::numeric(100, 40) / %(denominator)s, 12)"
    output_field = _DECIMAL


class _WholeOf(Func):
    """A percentage, rounded down."""

    function, template, arg_joiner = "div", "div(100 * %(expressions)s)::bigint", ", "
    output_field = IntegerField()


def rows(basis: Basis) -> QuerySet[MonthFigure]:
    """Return the figures of all who had a machine, each with `total`, `forecast`, `savings`, `seconds`, and of their
    budget `limit` and `percent`: empty where there is none."""
    scale, default = scale_of(basis.span.seconds), for_everybody()
    found = MonthFigure.objects.filter(month=str(basis.month), basis=basis.fingerprint, is_billed=True).annotate(
        total=_divided(_grown("paid", basis), scale),
        savings=_divided(_grown("saved", basis), scale),
        savings_by_idle=_divided(_grown("saved_by_idle", basis), scale),
        seconds=ExpressionWrapper(_grown("hours", basis), IntegerField()),
        limit=Coalesce(F("owner__budget__usd"), Value(default.usd if default else None), output_field=_DECIMAL),
        stops=Case(
            When(owner__budget=None, then=Value(bool(default and default.stops))),
            default=F("owner__budget__stops"),
            output_field=BooleanField(),
        ),
    )
    to_rest = _divided(_grown("to_rest", basis), scale)
    to_run: Expression = _divided(_grown("running", basis) * _grown("pace", basis), scale * PACE_SCALE)
    room = Least(to_run, Greatest(F("limit") - F("total"), Value(Decimal(0))))
    to_run = Case(When(stops=True, then=room), default=to_run, output_field=_DECIMAL)
    return found.annotate(
        percent=Case(When(limit__isnull=False, then=_WholeOf(F("total"), F("limit"))), output_field=IntegerField()),
        forecast=ExpressionWrapper(F("total") + to_rest + to_run, output_field=_DECIMAL),
    )


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums of everybody's months, as each person sees them."""

    people: int
    total: Money
    forecast: Money
    saved: Money
    saved_by_idle: Money
    seconds: int
    over_budget: int
    """How many people have used up their budgets."""
    near_budget: int
    """How many have used 80 per cent or more, but not all."""
    budget: Money | None
    """The sum of the budgets of those with costs; None if nobody has one."""
    of_budget: Decimal
    """What people with a budget have spent."""

    @property
    def hours(self) -> Decimal:
        return Decimal(self.seconds) / 3600

    @property
    def percent(self) -> int | None:
        """Return how much of these budgets is used, rounded down."""
        return int(self.of_budget * 100 / self.budget.usd) if self.budget else None


def sums(found: QuerySet[MonthFigure], krw: Decimal | None) -> Sums:
    """Return the sums of some of these rows; `krw` is the rate, None where none is set."""
    needed = found.order_by().values(*_AMOUNTS, "seconds", "limit", "percent")
    rows, params = needed.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"WITH bill AS ({rows} OFFSET 0) {_SUMS}", [*params, krw or 0])
        people, seconds, over, near, budget, of_budget, *told = cursor.fetchone()
    monies = (Money(usd, krw and won, rest) for usd, won, rest in zip(told[::3], told[1::3], told[2::3], strict=True))
    total, forecast, saved, saved_by_idle = monies
    return Sums(
        people=people, total=total, forecast=forecast, saved=saved, saved_by_idle=saved_by_idle, seconds=seconds,
        over_budget=over, near_budget=near, budget=money_of(budget, krw) if budget else None, of_budget=of_budget,
    )  # fmt: skip


_AMOUNTS = ("total", "forecast", "savings", "savings_by_idle")
_EACH = """
  coalesce(sum(round({0}, 2)), 0), coalesce(sum(round({0} * krw)), 0),
  coalesce(bool_or({0} > 0 AND {0} < 0.005), false)"""
_SUMS = f"""
SELECT count(*), coalesce(sum(seconds), 0)::bigint, count(*) FILTER (WHERE percent >= {max(LEVELS)}),
  count(*) FILTER (WHERE percent >= {min(LEVELS)} AND percent < {max(LEVELS)}),
  sum("limit"), coalesce(sum(total) FILTER (WHERE "limit" IS NOT NULL), 0), {",".join(map(_EACH.format, _AMOUNTS))}
FROM bill CROSS JOIN (SELECT %s::numeric AS krw) AS rate
"""  # noqa: S608  of constants alone


def total_of(owner: OuterRef, basis: Basis) -> Subquery:
    """Return the costs of the owner of a row of another table, to sort it by."""
    paid = _divided(_grown("paid", basis), scale_of(basis.span.seconds))
    figures = MonthFigure.objects.filter(owner=owner, month=str(basis.month), basis=basis.fingerprint, is_billed=True)
    return Subquery(figures.annotate(total=paid).values("total")[:1])


def by_item(basis: Basis, krw: Decimal | None) -> dict[Item, Money]:
    """Return what was paid for each kind of thing, as the sum of the rounded lines of all bills."""
    with connection.cursor() as cursor:
        cursor.execute(
            _BY_ITEM,
            {
                "month": str(basis.month), "basis": basis.fingerprint, "seconds": basis.seconds,
                "scale": scale_of(basis.span.seconds), "month_seconds": basis.span.seconds, "krw": krw or 0,
                "rate": int((krw or 0) * 100),
            },
        )  # fmt: skip
        found = {Item(item): Money(usd, krw and won, rest) for item, usd, won, rest in cursor.fetchall()}
    return {item: found.get(item, Money(krw=krw and Decimal(0))) for item in Item}


# As `calculation.rounded` does it: each line of a bill is rounded down, and the missing units go to the lines that lost
# most. Amounts are integers in units of 1e-12, which PostgreSQL compares and adds much faster. Won are computed in two
# parts, since an amount times the rate has more digits than a bigint. A window is a whole bill in one order, so it
# gives both the rank of a line and the sum that is missing.
_BY_ITEM = """
WITH figure AS (
  SELECT id, lines, round((paid + paid_rate * %(seconds)s)::numeric(100, 40) / %(scale)s, 12) AS total
  FROM costs_monthfigure WHERE month = %(month)s AND basis = %(basis)s AND is_billed OFFSET 0
), bill AS (
  SELECT id, lines, (round(total, 2) * 100)::bigint AS cents, round(total * %(krw)s)::bigint AS wons
  FROM figure OFFSET 0
), line AS (
  SELECT id, cents, wons, number, value->>0 AS item, (1e12 * round((
      coalesce((value->>3)::numeric, 0) * (value->>2)::bigint
      * ((value->>4)::bigint + (value->>5)::bigint * %(seconds)s))::numeric(100, 40)
    / CASE WHEN value->>0 IN ('compute', 'public-ipv4') THEN 3600 ELSE %(month_seconds)s END, 12))::bigint AS amount
  FROM bill CROSS JOIN jsonb_array_elements(lines) WITH ORDINALITY AS every(value, number) OFFSET 0
), cut AS (
  SELECT *, amount / 10000000000 AS usd, amount %% 10000000000 AS usd_rest FROM line
), parted AS (
  SELECT *, usd * %(rate)s %% 10000 * 10000000000 + usd_rest * %(rate)s AS part FROM cut
), down AS (
  SELECT *, usd * %(rate)s / 10000 + part / 100000000000000 AS won, part %% 100000000000000 AS won_rest FROM parted
), missing AS (
  SELECT item, usd, usd_rest, won,
    row_number() OVER by_usd AS usd_rank, cents - (sum(usd) OVER by_usd)::bigint AS cents,
    row_number() OVER by_won AS won_rank, wons - (sum(won) OVER by_won)::bigint AS wons
  FROM down
  WINDOW by_usd AS (PARTITION BY id ORDER BY usd_rest DESC, number RANGE_OF_ALL),
    by_won AS (PARTITION BY id ORDER BY won_rest DESC, number RANGE_OF_ALL)
)
SELECT item, sum(usd + (usd_rank <= cents)::int) * 0.01, sum(won + (won_rank <= wons)::int),
  bool_or(usd = 0 AND usd_rest > 0 AND usd_rank > cents)
FROM missing GROUP BY item
""".replace("RANGE_OF_ALL", "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING")


def _grown(name: str, basis: Basis) -> _Grown:
    return _Grown(name, f"{name}_rate", seconds=str(basis.seconds))


def _divided(numerator: Expression, denominator: int) -> _Divided:
    return _Divided(numerator, denominator=str(denominator))
