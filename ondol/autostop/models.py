"""What machines' processors did, and who was warned of a stop."""

from django.db import models

from ondol import clock
from ondol.instances.models import Instance


class CpuReading(models.Model):
    """A datapoint of CPUUtilization, as CloudWatch told it."""

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="readings")
    at = models.DateTimeField()
    """When its 5 minutes began."""
    percent = models.FloatField()
    """Their average."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instance", "at"], name="one_reading_at_a_time")]


class ReadingRound(models.Model):
    """When CloudWatch was last asked for readings; one row."""

    only = models.BooleanField(default=True, unique=True, editable=False)
    at = models.DateTimeField()
    trouble_code = models.CharField(max_length=80, blank=True)
    """What it answered; empty where it went well."""


class StopWarning(models.Model):
    """A letter that a stop is near; its link can be used once."""

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="warnings")
    launched_at = models.DateTimeField()
    """The run that it is about."""
    stops_at = models.DateTimeField()
    """The earliest time at which the machine would stop."""
    is_closing = models.BooleanField(default=False)
    """It stops because the hours are over, not because it idles."""
    at = models.DateTimeField(default=clock.now)
    used_at = models.DateTimeField(null=True)
    """When its link has kept the machine awake."""
