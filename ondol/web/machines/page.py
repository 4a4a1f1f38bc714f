"""All machines as a table, for administrators: what runs, whether it stops by itself, what differs from AWS."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from django.db.models import (
    Case,
    DateTimeField,
    F,
    FloatField,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from ondol import clock
from ondol.accounts.models import User
from ondol.autostop.forecast import PERIOD
from ondol.autostop.models import CpuReading
from ondol.autostop.outlook import Outlook, outlooks
from ondol.costs.bills import Bill, bills, this_month
from ondol.costs.prices import prices
from ondol.instances.models import Instance
from ondol.instances.observation import View
from ondol.instances.states import CHANGING, Status
from ondol.policy.rules import rules_for
from ondol.policy.threshold import Threshold, of_one_core
from ondol.web.badge import Badge, badge_of
from ondol.web.bulk import asked_for
from ondol.web.costs.everybody import with_cost
from ondol.web.guards import PersonRequest
from ondol.web.machine.notices import trouble_of
from ondol.web.machines.running import KIND, Totals, hourly, kinds_running, totals, unarmed
from ondol.web.page import Page
from ondol.web.tables import Choice, Column, Filter, Table
from ondol.web.unconfirmed import Unconfirmed, unconfirmed

_MATCHES = {
    Status.RUNNING: {View.RUNNING, View.PENDING},
    Status.STOPPED: {View.STOPPED},
}
_LONG = 300
"""Real seconds. Until then, a change in AWS may not be in the row yet."""
_FIRST = (Status.FAILED, *sorted(CHANGING), Status.RUNNING, Status.STOPPED)
"""The statuses that need attention come first."""
_BACK = timedelta(days=3)
"""How far back the query for the last use goes."""
COLUMNS = (
    Column("person", _("Person"), ("owner__name", "owner__email")),
    Column("status", _("Status"), ("rank", "owner__name")),
    Column("armed", _("Auto-stop")),
    Column("since", _("Since"), ("status_since",), is_descending=True),
    Column("idle", _("Idle for"), ("busy_at",)),
    Column("cpu", _("CPU of one core"), ("cpu", "owner__name"), is_descending=True, is_amount=True),
    Column("stops", _("Stop expected")),
    Column("hour", _("An hour"), is_amount=True),
    Column("cost", _("This month"), ("cost", "owner__name"), is_descending=True, is_amount=True),
    Column("acts", _("Actions"), is_hidden=True),
)
FILTERS = (
    Filter(
        "status",
        _("Status"),
        (
            Choice("running", _("Running"), Q(status=Status.RUNNING)),
            Choice("stopped", _("Stopped"), Q(status=Status.STOPPED)),
            Choice("changing", _("Changing"), Q(status__in=sorted(CHANGING))),
            Choice("failed", _("Failed"), Q(status=Status.FAILED)),
        ),
    ),
    Filter("armed", _("Auto-stop"), (Choice("no", _("Auto-stop off"), unarmed()),)),
    Filter("error", _("AWS error"), (Choice("yes", _("AWS error"), ~Q(error_code="")),)),
)


@dataclass(frozen=True, slots=True)
class FleetEntry:
    """One machine in the list."""

    instance: Instance
    badge: Badge
    trouble: str
    is_out_of_step: bool
    """True if AWS shows another state than the one that it should be in."""
    outlook: Outlook | None
    """When it will stop; None while it does not run."""
    bill: Bill | None
    hourly: Decimal | None
    """What an hour costs; None while it does not run, or if the price is not known."""

    @property
    def is_unarmed(self) -> bool:
        """Return whether it runs, and nothing would stop it."""
        return self.is_running and not self.instance.is_armed

    @property
    def is_running(self) -> bool:
        return self.badge.status is Status.RUNNING

    @property
    def can_start(self) -> bool:
        return self.badge.status is Status.STOPPED and self.instance.owner.is_approved

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

    @property
    def cpu(self) -> float | None:
        """Return its last reading in per cent of one core, if it is of this run; it may be ten minutes old."""
        found: float | None = getattr(self.instance, "cpu", None)
        return found if self.is_running else None

    @property
    def is_measuring(self) -> bool:
        """Return whether it has not run long enough to say when it stops."""
        return self.outlook is not None and (self.outlook.idle is None or self.cpu is None)

    @property
    def is_at_work(self) -> bool:
        """Return whether it works, so that the rule would not stop it now."""
        idle, run = self.outlook.idle if self.outlook else None, self.instance.run
        is_busy = self.cpu is not None and run.armed_cpu_percent and self.cpu >= self.threshold.core_percent
        return bool(is_busy) or (idle is not None and idle.is_active)

    @property
    def idle_for(self) -> timedelta | None:
        """Return how long its CPU has been below the threshold; None while it does not run or is at work."""
        since: datetime | None = getattr(self.instance, "busy_at", None)
        if self.cpu is None or since is None:
            return None
        idle = clock.now() - since - PERIOD
        return idle if idle > 2 * PERIOD else None  # readings are so late


class MachinesPage(Page):
    """Show what runs, whether it stops by itself, what differs from AWS."""

    template = "machines/page.html"
    wanted: str
    """The address that was typed into a creation that failed."""

    def __init__(self, request: PersonRequest, wanted: str = "") -> None:
        self._request, self.wanted = request, wanted

    @cached_property
    def table(self) -> Table[Instance]:
        query, path = asked_for(self._request, "admin_fleet")
        return Table(
            query,
            with_cost(query, machines_now(), "owner"),
            COLUMNS,
            "status",
            filters=FILTERS,
            searched=("owner__name", "owner__email", "instance_id"),
            path=path,
        )

    @cached_property
    def entries(self) -> list[FleetEntry]:
        return entries_of(list(self.table.page.object_list))

    @cached_property
    def totals(self) -> Totals:
        return totals()

    @property
    def reader(self) -> User:
        return self._request.user

    @property
    def awake_hours(self) -> list[int]:
        return AWAKE_HOURS

    @cached_property
    def unconfirmed(self) -> Unconfirmed | None:
        return unconfirmed(self._request.user)


AWAKE_HOURS = [1, 4, 8, 12, 24]
"""The hours for which an administrator may keep machines awake; each person's own rule is the limit."""


def entries_of(rows: list[Instance], *, with_costs: bool = True) -> list[FleetEntry]:
    """Return machines with their outlook, and costs unless they are left out; the same few queries for any number."""
    owners = [row.owner_id for row in rows]
    ahead = outlooks(rows, rules_for(owners))
    costs, table = (bills(this_month(), owners), prices()) if with_costs else ({}, None)
    return [
        FleetEntry(
            instance=row,
            badge=badge_of(row),
            trouble=trouble_of(row),
            is_out_of_step=_is_out_of_step(row),
            outlook=ahead.get(row.owner_id),
            bill=costs.get(row.owner_id),
            hourly=hourly(table, row.size.instance_type) if table and row.status == Status.RUNNING else None,
        )
        for row in rows
    ]


def machines_now() -> QuerySet[Instance]:
    """Return all machines that have not ended, with what the readings of those that run say."""
    ranks = [When(status=status, then=Value(rank)) for rank, status in enumerate(_FIRST)]
    told = CpuReading.objects.filter(instance=OuterRef("pk"), at__gte=OuterRef("run__launched_at")).order_by("-at")
    busy = told.filter(at__gte=clock.now() - _BACK, percent__gte=OuterRef("run__armed_cpu_percent"))
    runs = Q(status=Status.RUNNING)
    cores = Case(
        *(When(kind=kind, then=Value(of_one_core(1, kind))) for kind in kinds_running()),
        default=Value(1.0),
        output_field=FloatField(),
    )
    return (
        Instance.objects.exclude(status=Status.TERMINATED)
        .select_related("owner", "run")
        .annotate(
            kind=KIND,
            rank=Case(*ranks, output_field=IntegerField()),
            cpu=Case(When(runs, then=Subquery(told.values("percent")[:1]) * cores), output_field=FloatField()),
            busy_at=Case(
                When(runs, then=Coalesce(Subquery(busy.values("at")[:1]), F("run__launched_at"))),
                output_field=DateTimeField(),
            ),
        )
    )


def _is_out_of_step(row: Instance) -> bool:
    expected = _MATCHES.get(Status(row.status))
    if expected is None or row.seen_since is None or View(row.seen_view) in expected:
        return False
    return clock.now() - row.seen_since > clock.real_seconds(_LONG)
