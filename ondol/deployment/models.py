"""This installation of Ondol: its id, where its machines are, and what the last look and sweep have met with."""

import uuid
from datetime import UTC, datetime
from functools import cache

from django.db import models


class Deployment(models.Model):
    """This installation of Ondol, once: its id is on everything we make, so that two never touch each other's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    only = models.BooleanField(default=True, unique=True, editable=False)
    account_id = models.CharField(max_length=12, blank=True)
    region = models.CharField(max_length=32, blank=True)
    """Where its machines are: of the first credentials that it was started with. Others would find none of them."""
    looked_at = models.DateTimeField(default=datetime.min.replace(tzinfo=UTC))
    """When a look at all machines was last begun, on their clock."""

    # The answers of AWS
    confirmed_at = models.DateTimeField(null=True)
    """When all machines were last seen, on their clock."""
    trouble = models.CharField(max_length=16, blank=True)
    """The class of `cloud.errors` that the last look met with; empty where it went well."""
    trouble_code = models.CharField(max_length=80, blank=True)
    trouble_since = models.DateTimeField(null=True)
    """Real time."""
    trouble_told_at = models.DateTimeField(null=True)

    # The last sweep
    swept_at = models.DateTimeField(null=True)
    findings = models.JSONField(default=list)
    """What is in AWS and ours, but nobody's; and the reverse. See `findings.Finding`."""
    findings_told = models.JSONField(default=list)
    """Those that administrators have had a letter about."""
    sweep_count = models.PositiveIntegerField(default=0)
    """How many things there were."""

    class Meta:
        app_label = "instances"

    @classmethod
    def current(cls) -> "models.QuerySet[Deployment]":
        """Return the one row of this installation, as a queryset to read or update."""
        if not cls.objects.exists():
            cls.objects.get_or_create(only=True)
        return cls.objects.filter(only=True)


@cache
def deployment_id() -> str:
    """The id in the tag `OndolDeployment`; made at the first use, kept in every dump."""
    return str(Deployment.current().get().id)


def is_id(row: str) -> bool:
    """Whether this may be a row's id: anybody may write anything into a tag."""
    try:
        return bool(uuid.UUID(row))
    except ValueError:
        return False
