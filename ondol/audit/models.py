"""A row of the record, and its link in the chain. The database refuses to change or delete either."""

from django.db import models

from ondol import clock
from ondol.audit.actions import Outcome


class Entry(models.Model):
    """One act. People are kept as id and address, without a foreign key: a row outlives the account."""

    at = models.DateTimeField(default=clock.now)
    """The time is on the machines' clock, like that of decisions: pages show both together."""
    action = models.CharField(max_length=30)
    """One of `Action`; no choices, so that a new one or another word is no migration."""
    outcome = models.CharField(max_length=8, default=Outcome.DONE)
    code = models.CharField(max_length=80, blank=True, default="")
    """The reason of a refusal, or AWS's error code."""
    by_id = models.BigIntegerField(null=True)
    by_email = models.CharField(max_length=320, blank=True, default="")
    """Who did it; empty for a rule, the worker, the command line, or somebody who has not signed in."""
    on_id = models.BigIntegerField(null=True)
    on_email = models.CharField(max_length=320, blank=True, default="")
    """Whose account or machine it was about; empty if it concerns everybody, or nobody we know."""
    source = models.CharField(max_length=8)
    address = models.CharField(max_length=45, blank=True, default="")
    agent = models.CharField(max_length=200, blank=True, default="")
    """What the browser or program called itself."""
    request_id = models.CharField(max_length=64, blank=True, default="")
    job_id = models.BigIntegerField(null=True)
    details = models.JSONField(default=dict)

    class Meta:
        db_table = "audit_entry"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["on_id", "-id"], name="audit_of_person"),
            models.Index(fields=["by_id", "-id"], name="audit_by_person"),
            models.Index(fields=["at"], name="audit_at"),
            models.Index(fields=["action", "-id"], name="audit_action"),
        ]


class Link(models.Model):
    """The place of an entry in the chain. `chain` says what its hash is over."""

    position = models.BigIntegerField(primary_key=True)
    entry_id = models.BigIntegerField(unique=True)
    hash = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_link"
