"""Prices from AWS, the exchange rate of the won, budgets, and notices about budgets."""

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
    """How many won a US dollar is, as an administrator has set it. The last one counts; the others are history."""

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
