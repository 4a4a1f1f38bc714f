"""This installation of Ondol: its id, where its machines are, and the results of the last observation and sweep."""

import uuid
from datetime import UTC, datetime
from functools import cache

from django.db import models


class Deployment(models.Model):
    """The one row of this installation. Its id is on everything we make, so that two installations stay apart."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    only = models.BooleanField(default=True, unique=True, editable=False)
    account_id = models.CharField(max_length=12, blank=True)
    region = models.CharField(max_length=32, blank=True)
    """The region of the first credentials. Others would find none of its machines."""
    looked_at = models.DateTimeField(default=datetime.min.replace(tzinfo=UTC))
    """When the last observation of all machines began, on their clock."""

    # The keys and the code that belong to it
    signing_key = models.CharField(max_length=16, blank=True, default="", db_default="")
    """The fingerprint of ONDOL_SECRET_KEY. See `fingerprints`."""
    vault_keys = models.JSONField(default=list, db_default=[])
    """The ids of the keys of ONDOL_VAULT_KEYS that have sealed, or may have sealed, private keys."""
    works_from = models.CharField(max_length=32, blank=True, default="", db_default="")
    """The oldest version of Ondol that can use this schema, as the version says that has migrated it."""

    # The answers of AWS
    confirmed_at = models.DateTimeField(null=True)
    """When all machines were last seen, on their clock."""
    trouble = models.CharField(max_length=16, blank=True)
    """The class of `cloud.errors` that the last observation raised; empty if it succeeded."""
    trouble_code = models.CharField(max_length=80, blank=True)
    trouble_since = models.DateTimeField(null=True)
    """The time is real time."""
    trouble_told_at = models.DateTimeField(null=True)

    # The warm-ups of its alarms
    warm_ups = models.CharField(max_length=8, blank=True, default="", db_default="")
    """A member of `warm_ups.WarmUps`."""
    warm_ups_at = models.DateTimeField(null=True)
    """When the alarm that showed it was put, or the last refused one; on the machines' clock."""

    # The last sweep
    swept_at = models.DateTimeField(null=True)
    findings = models.JSONField(default=list)
    """Resources of ours in AWS without a row, and rows without resources. See `findings.Finding`."""
    findings_told = models.JSONField(default=list)
    """The findings that administrators have had an e-mail about."""
    sweep_count = models.PositiveIntegerField(default=0)
    """The number of things that were found."""

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
    """Return the id in the tag `OndolDeployment`, which is made at the first use and kept in every dump."""
    return str(Deployment.current().get().id)


def is_id(row: str) -> bool:
    """Return whether this may be a row's id: anybody may write anything into a tag."""
    try:
        return bool(uuid.UUID(row))
    except ValueError:
        return False
