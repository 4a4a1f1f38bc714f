"""The rules that administrators have set: the default ones, or those of one person."""

from django.db import models

from ondol import clock
from ondol.accounts.models import User


class Policy(models.Model):
    """The rules that are set; null: inherited. Which values they may have, and their words, are in `catalog.Rules`."""

    owner = models.OneToOneField(User, on_delete=models.CASCADE, null=True, related_name="policy")
    """None for the default rules."""

    idle_minutes = models.PositiveIntegerField(null=True)
    idle_core_percent = models.DecimalField(max_digits=4, decimal_places=1, null=True)
    awake_hours = models.PositiveIntegerField(null=True)
    network_kbs = models.PositiveIntegerField(null=True)
    """kB/s that count as work; 0: the network does not count."""
    disk_mbs = models.DecimalField(max_digits=5, decimal_places=1, null=True)
    """MB/s that count as work; 0: the disk does not count."""
    lease_hours = models.PositiveIntegerField(null=True)
    """The hours in 24 for which such work keeps a machine on; 0: not at all."""
    instance_types = models.JSONField(null=True)
    """A list of EC2's names."""
    unlimited_credits = models.BooleanField(null=True)
    volume_gib_max = models.PositiveIntegerField(null=True)
    starts_a_day = models.PositiveIntegerField(null=True)
    creations_a_day = models.PositiveIntegerField(null=True)
    type_changes_a_day = models.PositiveIntegerField(null=True)
    """How often their owners may ask for it in 24 hours; 0: not at all."""
    ssh_addresses = models.PositiveIntegerField(null=True)
    """How many addresses of their own people may name for SSH; 0: none."""
    ssh_prefix = models.PositiveIntegerField(null=True)
    """The shortest prefix that such a range may have in IPv4; in IPv6 it is twice that."""

    has_hours = models.BooleanField(null=True)
    """True if machines are stopped at a closing time; False if they are not, whatever the default is."""
    opens_at = models.TimeField(null=True)
    closes_at = models.TimeField(null=True)
    weekends = models.BooleanField(default=True)
    """True if also open on Saturdays and Sundays."""
    zone = models.CharField(max_length=64, blank=True)
    """The zone of these hours; a name of the IANA time zones."""

    why = models.CharField(max_length=200, blank=True)
    """The reason that is shown to those it applies to."""
    set_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    set_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(models.Value(1), condition=models.Q(owner=None), name="one_policy_for_everybody")
        ]


class PolicyChange(models.Model):
    """A change of a policy: who made it, and how. Never changed, and deleted only with its person."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="policy_changes")
    """None for the default rules."""
    what = models.JSONField()
    """The values before and after, by the names of `Policy`; null: not set."""
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-at", "-id"]
