"""All machines at a glance, for administrators: what runs, whether it stops by itself, what differs from AWS."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from django.core import paginator
from django.db.models import Case, IntegerField, QuerySet, Value, When

from ondol import clock
from ondol.accounts.models import User
from ondol.costs.calculation import Item
from ondol.costs.prices import prices
from ondol.instances.lifecycle import CHANGING, Status, View
from ondol.instances.models import Instance
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
        return _totals(self._all)

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


def _totals(rows: Iterable[Instance]) -> Totals:
    rows = list(rows)
    running = [row for row in rows if row.status == Status.RUNNING]
    return Totals(
        machines=len(rows),
        running=len(running),
        unarmed=sum(not row.is_armed for row in running),
        hourly=_hourly(running),
    )


def _hourly(running: Iterable[Instance]) -> Decimal:
    table, now = prices(), clock.now()
    address = table.at(Item.ADDRESS, now)
    found = [price.usd for row in running if (price := table.at(row.instance_type, now))]
    return sum(found, Decimal()) + (address.usd * len(found) if address else 0)


def _is_out_of_step(row: Instance) -> bool:
    expected = _MATCHES.get(Status(row.status))
    if expected is None or row.seen_since is None or View(row.seen_view) in expected:
        return False
    return clock.now() - row.seen_since > clock.real_seconds(_LONG)
