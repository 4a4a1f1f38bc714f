"""What machines did, what kept them on, and who was warned of a stop."""

from django.db import models

from ondol import clock
from ondol.instances.models import Instance, Run


class CpuReading(models.Model):
    """What a machine did in 5 minutes, as CloudWatch reported it."""

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="readings")
    at = models.DateTimeField()
    """When its 5 minutes began."""
    percent = models.FloatField()
    """The average of its CPU."""
    network_in = models.BigIntegerField(null=True)
    """Bytes in these 5 minutes, like the three below; None if CloudWatch has not reported them."""
    network_out = models.BigIntegerField(null=True)
    disk_read = models.BigIntegerField(null=True)
    disk_written = models.BigIntegerField(null=True)
    credits = models.FloatField(null=True)
    """CPUCreditBalance of a burstable type; None where it was not asked for, or not shown."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instance", "at"], name="one_reading_at_a_time")]


class ReadingRound(models.Model):
    """When CloudWatch was last asked for readings; one row."""

    only = models.BooleanField(default=True, unique=True, editable=False)
    at = models.DateTimeField()
    trouble_code = models.CharField(max_length=80, blank=True)
    """The error code of its answer; empty after a success."""


class WorkLease(models.Model):
    """A time for which network or disk kept a machine on, for the history. The lease itself is on the run."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="leases")
    began_at = models.DateTimeField()
    """The start of the work."""
    worked_until = models.DateTimeField()
    """The end of the work, as far as it is known."""
    signal = models.CharField(max_length=12)
    """What it did last: a `work.Signal`."""
    rate = models.FloatField()
    """Bytes per second, when the lease was last renewed."""
    is_over = models.BooleanField(default=False)
    """The lease was taken back."""


class MetricsRead(models.Model):
    """How many metrics CloudWatch was asked for on one day (UTC): each costs something."""

    day = models.DateField(unique=True)
    count = models.PositiveBigIntegerField(default=0)


class StopWarning(models.Model):
    """An e-mail that a stop is near; its link can be used once."""

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="warnings")
    launched_at = models.DateTimeField()
    """The start of the run that it is about."""
    stops_at = models.DateTimeField()
    """The earliest time at which the machine would stop."""
    is_closing = models.BooleanField(default=False)
    """The machine stops because the hours are over, not because it idles."""
    at = models.DateTimeField(default=clock.now)
    used_at = models.DateTimeField(null=True)
    """When its link has kept the machine awake."""
