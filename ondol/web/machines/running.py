"""What all machines come to: how many run, what they cost in an hour, which of them would not stop by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Value
from django.db.models.functions import Coalesce, NullIf

from ondol import clock
from ondol.costs.calculation import Item
from ondol.costs.price_table import PriceTable
from ondol.costs.prices import prices
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance, Run

_ARMED = ("ended_at", "armed_at", "launched_at", "awake_until", "armed_awake_until", "lease_until", "armed_lease_until")
"""What `Run.is_armed` reads."""


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
    kinds = running.order_by().values_list(Coalesce(NullIf("seen_type", Value("")), "instance_type"))
    # Runs without their machines: of thousands, each field that is read counts.
    runs = Run.objects.filter(pk__in=running.order_by().values("run")).only(*_ARMED)
    by_kind = dict(kinds.annotate(count=Count("pk")))
    return Totals(
        machines=Instance.objects.exclude(status=Status.TERMINATED).count(),
        running=sum(by_kind.values()),
        unarmed=sum(not run.is_armed for run in runs),
        hourly=_sum(by_kind),
    )


def hourly(table: PriceTable, kind: str) -> Decimal | None:
    """Return what a machine of this type costs in an hour of running, with its address; None if it is not known."""
    price, address = table.at(kind, clock.now()), table.at(Item.ADDRESS, clock.now())
    return price.usd + (address.usd if address else 0) if price else None


def _sum(running: Mapping[str, int]) -> Decimal:
    table = prices()
    return sum((count * usd for kind, count in running.items() if (usd := hourly(table, kind))), Decimal())
