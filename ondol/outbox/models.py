"""The mail server as it was last seen, and the e-mails that it did not take. All times are real times."""

from django.db import models


class MailServerState(models.Model):
    """What the last deliveries have shown; one row."""

    only = models.BooleanField(default=True, unique=True, editable=False)
    delivered_at = models.DateTimeField(null=True)
    """The last e-mail that was delivered."""
    failing_since = models.DateTimeField(null=True)
    """Set while nothing can be delivered."""
    failures = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    """No e-mail is tried before this time. Then one e-mail tests whether the server is back."""
    cause = models.CharField(max_length=16, blank=True)
    """A member of `causes.Cause`."""
    answer = models.CharField(max_length=200, blank=True)

    class Meta:
        app_label = "accounts"


class UndeliveredEmail(models.Model):
    """An e-mail that was tried and not delivered: it is tried again, or was given up."""

    job = models.BigIntegerField(unique=True)
    task = models.CharField(max_length=128)
    args = models.JSONField()
    to = models.CharField(max_length=320, blank=True)
    subject = models.CharField(max_length=300, blank=True)
    cause = models.CharField(max_length=16)
    answer = models.CharField(max_length=200, blank=True)
    tries = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "accounts"
