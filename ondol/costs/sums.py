"""Everybody's month in PostgreSQL: figures as rows that can be sorted and filtered, and their sums.

PostgreSQL does here what `Tally.calculation` and `bills` do in Python, to the same digit: one division, rounded as
there.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    Count,
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
    Sum,
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


class _Divided(Func):
    """Divide once, and round as `calculation` does."""

    template = "round((%(expressions)s)::numeric(100, 40) / %(denominator)s, 12)"
    output_field = _DECIMAL


class _Rounded(Func):
    """Round halves up."""

    template = "round(%(expressions)s, %(places)s)"
    output_field = _DECIMAL


class _WholeOf(Func):
    """Return the whole percentage: nothing is rounded up."""

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
    """What everybody's months come to: the sums of what each person sees."""

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
    """What those have spent who have a budget."""

    @property
    def hours(self) -> Decimal:
        return Decimal(self.seconds) / 3600

    @property
    def percent(self) -> int | None:
        """Return how much of these budgets is used, rounded down."""
        return int(self.of_budget * 100 / self.budget.usd) if self.budget else None


def sums(found: QuerySet[MonthFigure], krw: Decimal | None) -> Sums:
    """Return the sums of some of these rows; `krw` is the rate, None where none is set."""
    names = {"total": "total", "forecast": "forecast", "saved": "savings", "saved_by_idle": "savings_by_idle"}
    money: dict[str, Any] = {}
    for key, name in names.items():
        money[f"{key}_usd"] = Sum(_Rounded(F(name), places=2), default=Decimal(0))
        money[f"{key}_rest"] = Count("pk", filter=Q(**{f"{name}__gt": 0, f"{name}__lt": Decimal("0.005")}))
        if krw is not None:
            money[f"{key}_krw"] = Sum(
                _Rounded(F(name) * Value(krw, output_field=_DECIMAL), places=0), default=Decimal(0)
            )
    told = found.aggregate(
        **money,
        people=Count("pk"),
        all_seconds=Sum("seconds", default=0),
        over_budget=Count("pk", filter=OVER),
        near_budget=Count("pk", filter=NEAR),
        budget=Sum("limit"),
        of_budget=Sum("total", filter=~Q(limit=None), default=Decimal(0)),
    )
    return Sums(
        people=told["people"],
        seconds=told["all_seconds"],
        over_budget=told["over_budget"],
        near_budget=told["near_budget"],
        budget=money_of(told["budget"], krw) if told["budget"] else None,
        of_budget=told["of_budget"],
        **{key: Money(told[f"{key}_usd"], told.get(f"{key}_krw"), bool(told[f"{key}_rest"])) for key in names},
    )


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
            },
        )  # fmt: skip
        found = {Item(item): Money(usd, krw and won, rest) for item, usd, won, rest in cursor.fetchall()}
    return {item: found.get(item, Money(krw=krw and Decimal(0))) for item in Item}


# As `calculation.rounded` does it: each line of a bill rounded down, and what the bill misses goes to where most was
# cut off. Materialized, since PostgreSQL would divide again wherever an amount is mentioned.
_BY_ITEM = """
WITH figure AS (
  SELECT id, lines, round((paid + paid_rate * %(seconds)s)::numeric(100, 40) / %(scale)s, 12) AS total
  FROM costs_monthfigure WHERE month = %(month)s AND basis = %(basis)s AND is_billed
), line AS MATERIALIZED (
  SELECT figure.id, total, number, value->>0 AS item, round((
      coalesce((value->>3)::numeric, 0) * (value->>2)::bigint
      * ((value->>4)::bigint + (value->>5)::bigint * %(seconds)s))::numeric(100, 40)
    / CASE WHEN value->>0 IN ('compute', 'public-ipv4') THEN 3600 ELSE %(month_seconds)s END, 12) AS amount
  FROM figure CROSS JOIN jsonb_array_elements(lines) WITH ORDINALITY AS every(value, number)
), down AS MATERIALIZED (
  SELECT *, trunc(amount, 2) AS usd, trunc(amount * %(krw)s) AS won FROM line
), missing AS (
  SELECT *, row_number() OVER (PARTITION BY id ORDER BY usd - amount, number) AS usd_rank,
    row_number() OVER (PARTITION BY id ORDER BY won - amount * %(krw)s, number) AS won_rank,
    (round(total, 2) - sum(usd) OVER bill) * 100 AS cents,
    round(total * %(krw)s) - sum(won) OVER bill AS wons
  FROM down WINDOW bill AS (PARTITION BY id)
)
SELECT item, sum(usd + CASE WHEN usd_rank <= cents THEN 0.01 ELSE 0 END),
  sum(won + CASE WHEN won_rank <= wons THEN 1 ELSE 0 END), bool_or(amount > 0 AND usd = 0 AND usd_rank > cents)
FROM missing GROUP BY item
"""


def _grown(name: str, basis: Basis) -> Expression:
    return ExpressionWrapper(F(name) + F(f"{name}_rate") * Value(basis.seconds), output_field=_DECIMAL)


def _divided(numerator: Expression, denominator: int) -> _Divided:
    return _Divided(numerator, denominator=str(denominator))
