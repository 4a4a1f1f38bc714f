"""The last check-up by a worker, for administrators to read."""

from django.db import models


class CheckUp(models.Model):
    """One row, once somebody has asked."""

    only = models.BooleanField(default=True, unique=True, editable=False)
    asked_at = models.DateTimeField(null=True)
    """Real time, as `began_at`."""
    began_at = models.DateTimeField(null=True)
    at = models.DateTimeField(null=True)
    """When it ended, on the machines' clock: as pages show all times."""
    findings = models.JSONField(default=list)
    """`Finding.stored`"""
