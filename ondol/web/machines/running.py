"""Totals of all machines: how many run, what they cost in an hour, which of them would not stop by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce, NullIf

from ondol import clock
from ondol.costs.calculation import Item
from ondol.costs.price_table import PriceTable
from ondol.costs.prices import prices
from ondol.instances.models import Instance, Run
from ondol.instances.runs import is_armed
from ondol.instances.states import Status

KIND = Coalesce(NullIf("seen_type", Value("")), "instance_type")
"""The type that a machine has in AWS."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of all machines."""

    machines: int
    running: int
    unarmed: int
    hourly: Decimal
    """The costs of all running machines in an hour by today's prices, in dollars; without those whose price is
    unknown."""


def totals() -> Totals:
    """Return the sums of all machines that have not ended."""
    running = Instance.objects.filter(status=Status.RUNNING)
    kinds = running.order_by().values_list(KIND)
    by_kind = dict(kinds.annotate(count=Count("pk")))
    return Totals(
        machines=Instance.objects.exclude(status=Status.TERMINATED).count(),
        running=sum(by_kind.values()),
        unarmed=Instance.objects.filter(unarmed()).count(),
        hourly=_sum(by_kind),
    )


def kinds_running() -> list[str]:
    """Return the types of the machines that run."""
    return list(Instance.objects.filter(status=Status.RUNNING).order_by().values_list(KIND, flat=True).distinct())


def unarmed() -> Q:
    """Return machines that run, and that nothing would stop."""
    return Q(Q(status=Status.RUNNING), ~Exists(Run.objects.filter(is_armed(), pk=OuterRef("run"))))


def hourly(table: PriceTable, kind: str) -> Decimal | None:
    """Return what a machine of this type costs in an hour of running, with its address; None if it is not known."""
    price, address = table.at(kind, clock.now()), table.at(Item.ADDRESS, clock.now())
    return price.usd + (address.usd if address else 0) if price else None


def _sum(running: Mapping[str, int]) -> Decimal:
    table = prices()
    return sum((count * usd for kind, count in running.items() if (usd := hourly(table, kind))), Decimal())
