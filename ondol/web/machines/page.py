"""All machines at a glance, for administrators: what runs, whether it stops by itself, what differs from AWS."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from django.core import paginator
from django.db.models import Case, Count, IntegerField, QuerySet, Value, When
from django.db.models.functions import Coalesce, NullIf

from ondol import clock
from ondol.accounts.models import User
from ondol.costs.calculation import Item
from ondol.costs.prices import prices
from ondol.instances.lifecycle import CHANGING, Status, View
from ondol.instances.models import Instance, Run
from ondol.policy.threshold import Threshold
from ondol.web.badge import Badge, badge_of
from ondol.web.machine.notices import trouble_of
from ondol.web.page import Page
from ondol.web.unconfirmed import Unconfirmed, unconfirmed

PER_PAGE = 50

_MATCHES = {
    Status.RUNNING: {View.RUNNING, View.PENDING},
    Status.STOPPED: {View.STOPPED},
}
_LONG = 300
"""The time is real seconds. Until then, a change in AWS is still on its way into the row."""
_ARMED = ("ended_at", "armed_at", "launched_at", "awake_until", "armed_awake_until", "lease_until", "armed_lease_until")
"""What `Run.is_armed` reads."""
_FIRST = (Status.FAILED, *sorted(CHANGING), Status.RUNNING, Status.STOPPED)
"""The statuses that need attention come first."""


@dataclass(frozen=True, slots=True)
class FleetEntry:
    """One machine in the list."""

    instance: Instance
    badge: Badge
    trouble: str
    is_out_of_step: bool
    """True if AWS shows another state than the one that it should be in."""

    @property
    def is_unarmed(self) -> bool:
        """Return whether it runs, and nothing would stop it."""
        return self.badge.status is Status.RUNNING and not self.instance.is_armed

    @property
    def has_unknown(self) -> bool:
        """Return whether AWS has other machines that carry its tags."""
        return bool(self.instance.unrecognized_instance_ids or self.instance.superseded_instance_ids)

    @property
    def threshold(self) -> Threshold:
        """Return the threshold of its alarm."""
        return Threshold.armed(self.instance.run.armed_cpu_percent, self.instance.size.instance_type)

    @property
    def kept_awake_until(self) -> datetime | None:
        return self.instance.kept_awake_until(clock.now())


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of all machines."""

    machines: int
    running: int
    unarmed: int
    hourly: Decimal
    """The costs of all running machines in an hour by today's prices, in dollars; without those whose price is
    unknown."""


class MachinesPage(Page):
    """Show what runs, whether it stops by itself, what differs from AWS."""

    template = "machines/page.html"

    def __init__(self, reader: User, number: str | None) -> None:
        self._reader, self._number = reader, number

    @cached_property
    def instances(self) -> paginator.Page[Instance]:
        return paginator.Paginator(self._all, PER_PAGE).get_page(self._number)

    @cached_property
    def entries(self) -> list[FleetEntry]:
        rows = self.instances.object_list
        return [FleetEntry(row, badge_of(row), trouble_of(row), _is_out_of_step(row)) for row in rows]

    @cached_property
    def totals(self) -> Totals:
        return _totals(self.instances.paginator.count)

    @cached_property
    def unconfirmed(self) -> Unconfirmed | None:
        return unconfirmed(self._reader)

    @cached_property
    def _all(self) -> QuerySet[Instance]:
        return _machines()


def _machines() -> QuerySet[Instance]:
    """Return all machines that have not ended, those that need attention first."""
    ranks = [When(status=status.value, then=Value(rank)) for rank, status in enumerate(_FIRST)]
    rank = Case(*ranks, output_field=IntegerField())
    rows = Instance.objects.exclude(status=Status.TERMINATED).select_related("owner", "run")
    return rows.order_by(rank, "owner__name", "pk")


def _totals(machines: int) -> Totals:
    running = Instance.objects.filter(status=Status.RUNNING)
    kinds = running.order_by().values_list(Coalesce(NullIf("seen_type", Value("")), "instance_type"))
    # Runs without their machines: of thousands, each field that is read counts.
    runs = Run.objects.filter(pk__in=running.order_by().values("run")).only(*_ARMED)
    by_kind = dict(kinds.annotate(count=Count("pk")))
    return Totals(
        machines=machines,
        running=sum(by_kind.values()),
        unarmed=sum(not run.is_armed for run in runs),
        hourly=_hourly(by_kind),
    )


def _hourly(running: Mapping[str, int]) -> Decimal:
    table, now = prices(), clock.now()
    address = table.at(Item.ADDRESS, now)
    found = [(price.usd, count) for kind, count in running.items() if (price := table.at(kind, now))]
    priced = sum(count for _usd, count in found)
    return sum((usd * count for usd, count in found), Decimal()) + (address.usd * priced if address else 0)


def _is_out_of_step(row: Instance) -> bool:
    expected = _MATCHES.get(Status(row.status))
    if expected is None or row.seen_since is None or View(row.seen_view) in expected:
        return False
    return clock.now() - row.seen_since > clock.real_seconds(_LONG)
