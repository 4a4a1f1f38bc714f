"""What an administrator has set, for everybody or for one person."""

from django.db import models

from ondol import clock
from ondol.accounts.models import User


class Policy(models.Model):
    """What is set; null: inherited. Which values it may have, and its words, are in `catalog.Rules`."""

    owner = models.OneToOneField(User, on_delete=models.CASCADE, null=True, related_name="policy")
    """None: everybody."""

    idle_minutes = models.PositiveIntegerField(null=True)
    idle_cpu_percent = models.DecimalField(max_digits=4, decimal_places=1, null=True)
    awake_hours = models.PositiveIntegerField(null=True)
    instance_types = models.JSONField(null=True)
    """A list of EC2's names."""
    volume_gib_max = models.PositiveIntegerField(null=True)

    has_hours = models.BooleanField(null=True)
    """Whether machines are stopped at a closing time. False: they are not, whatever holds for everybody."""
    opens_at = models.TimeField(null=True)
    closes_at = models.TimeField(null=True)
    weekends = models.BooleanField(default=True)
    """Open on Saturdays and Sundays too."""
    zone = models.CharField(max_length=64, blank=True)
    """Of these hours; a name of the IANA time zones."""

    why = models.CharField(max_length=200, blank=True)
    """Shown to those it applies to."""
    set_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    set_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(models.Value(1), condition=models.Q(owner=None), name="one_policy_for_everybody")
        ]


class PolicyChange(models.Model):
    """Who has changed which policy, and how. Never changed, never deleted but with its person."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="policy_changes")
    """None: that of everybody."""
    what = models.JSONField()
    """By the names of `Policy`: before and after; null: not set."""
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-at", "-id"]
