"""The last check-up by a worker, for administrators to read."""

from django.db import models


class CheckUp(models.Model):
    """The last check-up; one row, once somebody has asked."""

    only = models.BooleanField(default=True, unique=True, editable=False)
    asked_at = models.DateTimeField(null=True)
    """The time is real time, like `began_at`."""
    began_at = models.DateTimeField(null=True)
    at = models.DateTimeField(null=True)
    """The end of the check-up, on the machines' clock: as pages show all times."""
    findings = models.JSONField(default=list)
    """The findings as `Finding.stored` returns them."""
