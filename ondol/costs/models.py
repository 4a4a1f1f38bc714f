"""Prices from AWS, the exchange rate of the won, budgets, notices about budgets, and prepared figures."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from ondol import clock
from ondol.accounts.models import User


class ListPrice(models.Model):
    """A price from AWS's Price List, where it differs from that of the package."""

    region = models.CharField(max_length=32)
    what = models.CharField(max_length=32)
    """The key in `price_table.PriceTable`."""
    since = models.DateTimeField()
    usd = models.DecimalField(max_digits=14, decimal_places=10)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["region", "what", "since"], name="one_price_at_a_time")]


class PriceCheck(models.Model):
    """The last request to the Price List; one row."""

    only = models.BooleanField(default=True, unique=True, editable=False)
    tried_at = models.DateTimeField()
    """The time is real time."""
    told_at = models.DateTimeField(null=True)
    """When AWS last answered, on the machines' clock: as pages show all times."""
    trouble_code = models.CharField(max_length=80, blank=True)
    """The error code of the last try; empty if it succeeded."""


class ExchangeRate(models.Model):
    """How many won a US dollar costs, as an administrator has set it. The last one counts; the others are history."""

    krw = models.DecimalField(
        _("Won for a US dollar"),
        max_digits=8,
        decimal_places=2,
        validators=[MinValueValidator(Decimal(1)), MaxValueValidator(Decimal(100_000))],
    )
    as_of = models.DateField(_("Rate of the day"))
    set_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    set_at = models.DateTimeField(default=clock.now)


class Budget(models.Model):
    """What a person may spend in a month; without an owner, the default for all who have no budget of their own."""

    owner = models.OneToOneField(User, on_delete=models.CASCADE, null=True, related_name="budget")
    usd = models.DecimalField(
        _("US dollars a month"),
        max_digits=10,
        decimal_places=2,
        validators=[MinValueValidator(Decimal("0.01"))],
    )
    stops = models.BooleanField(_("Stop the machine when it is used up"), default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(models.Value(1), condition=models.Q(owner=None), name="one_budget_for_everybody")
        ]


class BudgetNotice(models.Model):
    """A notice that a budget is used up to so many per cent; sent once for each budget and month."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    month = models.CharField(max_length=7)
    usd = models.DecimalField(max_digits=10, decimal_places=2)
    percent = models.PositiveSmallIntegerField()
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "month", "usd", "percent"], name="told_once")]


class MonthFigure(models.Model):
    """A person's month, prepared: what `calculation.tally` came to at one moment, and by how much it grows a second.

    It is derived from the history of statuses alone: any row may be deleted, and is made again. Numbers are
    those of the month's first second, if it had always grown as it does now: `number + number_rate × seconds since`.
    They hold from `at` until `valid_until`, and no longer than until the next change of a machine's status.
    """

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="month_figures")
    month = models.CharField(max_length=7)
    basis = models.CharField(max_length=32)
    """The fingerprint of the prices, of the month in this time zone, and of the calculation."""
    at = models.DateTimeField()
    """When it was made, in whole seconds."""
    valid_until = models.DateTimeField()
    """When a rate changes: a price changes, the month ends, a run leaves the last weeks."""
    last_change = models.BigIntegerField()
    """The id of the last change of status that is in it."""
    is_final = models.BooleanField()
    """The month is over, and no change of status can affect it any more."""
    is_billed = models.BooleanField()
    """There is something to pay for; false for a machine that has never run."""

    lines = models.JSONField()
    """Each line of the bill: item, what, count, price, seconds and their rate."""
    hours = models.BigIntegerField()
    """Running time, in seconds."""
    hours_rate = models.IntegerField()
    paid = models.DecimalField(max_digits=40, decimal_places=10)
    """Money is in dollars times `calculation.scale_of` the month."""
    paid_rate = models.DecimalField(max_digits=40, decimal_places=10)
    saved = models.DecimalField(max_digits=40, decimal_places=10)
    saved_rate = models.DecimalField(max_digits=40, decimal_places=10)
    saved_by_idle = models.DecimalField(max_digits=40, decimal_places=10)
    saved_by_idle_rate = models.DecimalField(max_digits=40, decimal_places=10)
    running = models.DecimalField(max_digits=40, decimal_places=10)
    running_rate = models.DecimalField(max_digits=40, decimal_places=10)
    pace = models.BigIntegerField()
    pace_rate = models.BigIntegerField()
    to_rest = models.DecimalField(max_digits=40, decimal_places=10)
    to_rest_rate = models.DecimalField(max_digits=40, decimal_places=10)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["month", "owner"], name="one_figure_a_month")]
