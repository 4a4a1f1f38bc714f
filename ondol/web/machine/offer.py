"""What the button creates, what else may be chosen, and what it costs."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ondol.accounts.models import User
from ondol.config import config
from ondol.costs.calculation import TYPICAL_HOURS
from ondol.costs.offers import Offers, offers_for

_REGIONS = {
    "ap-northeast-2": _("Seoul"),
    "ap-northeast-1": _("Tokyo"),
    "us-east-1": _("N. Virginia"),
    "us-west-2": _("Oregon"),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A machine that does not exist yet."""

    sizes: Offers
    region: str
    region_name: str | Promise
    typical_hours: int = TYPICAL_HOURS


def offer(user: User) -> Offer:
    """Return what this installation creates for this person."""
    region = config().region
    return Offer(offers_for(user), region, _REGIONS.get(region, ""))
