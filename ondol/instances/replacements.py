"""The replacement of a machine's key, as far as it has got."""

import uuid
from datetime import datetime

from django.db import models

from ondol import clock

MAX_TRIES = 8
"""A replacement is given up after so many tries that have changed nothing: that takes some two minutes."""


class ReplacementState(models.TextChoices):
    """How far it has got. Until SWITCHED the old key is the machine's, from then on the new one."""

    ASKED = "ASKED"
    SWITCHED = "SWITCHED"
    """The new key opens the machine, and the row names it; the old one may still open it, too."""
    DONE = "DONE"
    FAILED = "FAILED"
    """Given up, with the old key in force."""


class KeyReplacement(models.Model):
    """The last replacement of a machine's key; a new request takes its place.

    `Instance.is_key_due` says whether it is under way.
    """

    instance = models.OneToOneField("instances.Instance", on_delete=models.CASCADE, related_name="key_replacement")
    request = models.UUIDField(default=uuid.uuid4)
    """A new id for each request: a worker records its results only for the request that it read."""
    state = models.CharField(max_length=8, default=ReplacementState.ASKED)
    origin = models.CharField(max_length=8)
    """Who makes the new key: a member of `models.KeyOrigin`."""
    public_key = models.CharField(max_length=1000, blank=True, default="")
    """The new key, type and base64. If AWS makes it: that of the last try, empty before."""
    comment = models.CharField(max_length=100, blank=True, default="")
    key_pair_name = models.CharField(max_length=255, blank=True, default="")
    """The name of the key pair that AWS makes; stored before CreateKeyPair is called."""
    unwanted = models.JSONField(default=list)
    """Public keys to be removed from the machine, if they are there: the old one once there is another, and those of
    requests that were given up."""
    old_key_pair_name = models.CharField(max_length=255, blank=True, default="")
    """The key pair in EC2 that is to be deleted at the end."""
    last_change = models.BigIntegerField(default=0, db_default=0)
    """The number of the last change of the machine's authorized_keys: it refuses lower ones (`reconciler.inside`)."""
    failure = models.CharField(max_length=80, blank=True, default="")
    """Why the last try did not work: one of `messages.replacements.CAUSES`, or AWS's code; empty if it did."""
    error_ref = models.CharField(max_length=12, blank=True, default="")
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    """When the next try is due, on real time."""
    asked_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "instances"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=[one.value for one in ReplacementState]),
                name="known_replacement_state",
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance.pk} ({self.state})"

    def is_put_off(self, now: datetime) -> bool:
        """Return whether its next try is not due yet."""
        return self.next_at is not None and self.next_at > now

    @classmethod
    def give_up_asked(cls, instance: models.Model, why: str) -> bool:
        """Give up a replacement that has changed nothing yet; False: it has, so the old key is still to be removed.

        Call it in a transaction that has locked the machine's row.
        """
        same = cls.objects.filter(instance=instance, state=ReplacementState.ASKED)
        given_up = same.update(state=ReplacementState.FAILED, failure=why, next_at=None, ended_at=clock.now())
        if given_up:
            type(instance)._default_manager.filter(pk=instance.pk).update(is_key_due=False)
        return bool(given_up)


def replacement_of(instance: models.Model) -> KeyReplacement | None:
    """Return the last replacement of a machine's key; queried once for each object of a row."""
    return getattr(instance, "key_replacement", None)
