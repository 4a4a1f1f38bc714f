"""A run: one start of a machine until its stop, and everything that belongs to it alone."""

import uuid
from datetime import datetime, timedelta

from django.db import models

from ondol import clock
from ondol.accounts.models import User
from ondol.instances.record import Receipt
from ondol.instances.states import Reason

_ARMED_AHEAD = timedelta(minutes=3)


def is_armed() -> models.Q:
    """Return the filter for rows whose `Run.is_armed` is true."""
    found = models.Q(ended_at=None, armed_at__isnull=False) & (
        models.Q(launched_at=None) | models.Q(launched_at__lte=models.F("armed_at") + _ARMED_AHEAD)
    )
    for wish in ("awake_until", "lease_until"):
        found &= models.Q(**{wish: models.F(f"armed_{wish}")}) | models.Q(**{wish: None, f"armed_{wish}": None})
    return found


class Run(models.Model):
    """One start of a machine: its creation, a click, or a start that was found to have happened outside.

    A new run replaces all of this as a whole, so a new field needs no line anywhere that resets it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    instance = models.ForeignKey("instances.Instance", on_delete=models.CASCADE, related_name="runs")

    began_at = models.DateTimeField(default=clock.now)
    """When the start was asked for; for one outside Ondol, when AWS first showed it."""
    reason = models.CharField(max_length=16, default=Reason.PERSON)
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    launched_after = models.DateTimeField(null=True)
    """EC2's LaunchTime of the previous run: EC2 shows it until this one has really begun."""
    launched_at = models.DateTimeField(null=True)
    """EC2's LaunchTime."""
    public_ip = models.GenericIPAddressField(protocol="IPv4", null=True)
    ready_at = models.DateTimeField(null=True)
    """When SSH first answered, or AWS's status checks passed."""

    starts = models.PositiveIntegerField(default=0, db_default=0)
    """How often AWS has accepted a start; it may undo one."""
    start_asked_at = models.DateTimeField(null=True)
    """When it last accepted one."""

    # The alarm that was put for this run
    armed_at = models.DateTimeField(null=True)
    """None: not put yet, or to be put again in any case."""
    warm_up_minutes = models.PositiveIntegerField(default=0)
    muted_until = models.DateTimeField(null=True)
    """Where AWS keeps no warm-ups, its alarm has no action until then, and is replaced by one with an action. None: the
    alarm acts by itself, after its warm-up."""
    armed_idle_minutes = models.PositiveIntegerField(default=0)
    armed_cpu_percent = models.FloatField(default=0)
    """The threshold that the alarm was put with; 0: none yet."""
    armed_awake_until = models.DateTimeField(null=True)
    """The `awake_until` that the alarm was put with."""
    armed_lease_until = models.DateTimeField(null=True)
    """The `lease_until` that the alarm was put with."""
    alarm_verified_at = models.DateTimeField(null=True)
    """When DescribeAlarms last showed it as it should be."""

    # What its owner wishes for it
    awake_until = models.DateTimeField(null=True)
    """Not stopped for idling before then; armed in AWS as a longer warm-up."""
    lease_until = models.DateTimeField(null=True)
    """Not stopped for idling before then, since its network or disk is busy; armed like `awake_until`."""
    waived_close = models.DateTimeField(null=True)
    """The closing time after which it may run on ("not tonight")."""

    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=16, blank=True)
    receipt = models.JSONField(null=True)
    """The receipt of an idle stop, as `record.Receipt` writes it."""

    def __str__(self) -> str:
        return f"run of {self.instance_id} since {self.began_at:%Y-%m-%d %H:%M}"

    @property
    def needs_rearm(self) -> bool:
        """Return whether the alarm must be put again: none is valid, or the wish or the lease has changed since."""
        return self.armed_at is None or self.has_other_wish

    @property
    def has_other_wish(self) -> bool:
        """Return whether the owner's wish or the lease has changed since the alarm was put."""
        return self.armed_awake_until != self.awake_until or self.needs_lease

    @property
    def needs_lease(self) -> bool:
        """Return whether the alarm was put with a different lease."""
        return self.armed_lease_until != self.lease_until

    @property
    def held_until(self) -> datetime | None:
        """Return the later end of its owner's wish and its lease; either may be over."""
        return max(filter(None, [self.awake_until, self.lease_until]), default=None)

    @property
    def is_armed(self) -> bool:
        """Return whether the alarm was put for this wish and this start, or just before the start.

        The warm-up is 10 minutes longer than the idle window; the metric's delay takes up to 6 of them.
        """
        if self.ended_at is not None or self.armed_at is None or self.needs_rearm:
            return False
        return self.is_armed_for_start

    @property
    def is_armed_for_start(self) -> bool:
        """Return whether its alarm is valid for this start, whatever wish it was put with."""
        if self.armed_at is None:
            return False
        return self.launched_at is None or self.launched_at - self.armed_at <= _ARMED_AHEAD

    def kept_awake_until(self, now: datetime) -> datetime | None:
        """Return until when its owner keeps it awake; None if it is not, or no more."""
        kept = self.ended_at is None and self.awake_until is not None and self.awake_until > now
        return self.awake_until if kept else None

    @property
    def idle_receipt(self) -> Receipt | None:
        """Return the receipt of its stop, if it was stopped for idling."""
        return Receipt.from_json(self.receipt) if self.receipt else None

    def is_launch(self, launched_at: datetime | None, *, is_up: bool) -> bool:
        """Return whether a LaunchTime that EC2 shows belongs to this run; `is_up`: the machine boots or runs."""
        if self.ended_at is not None or launched_at is None:
            return False
        before = self.launched_after
        return before is None or launched_at > before or (launched_at == before and is_up)
