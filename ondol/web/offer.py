"""What pressing the button creates, and what it costs."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ondol.config import config
from ondol.costs.prices import Price, price_of
from ondol.costs.reckoning import TYPICAL_HOURS

_REGIONS = {
    "ap-northeast-2": _("Seoul"),
    "ap-northeast-1": _("Tokyo"),
    "us-east-1": _("N. Virginia"),
    "us-west-2": _("Oregon"),
}
_SIZES = {"t3.micro": (2, 1), "t3.small": (2, 2), "t3.medium": (2, 4)}


@dataclass(frozen=True, slots=True)
class Offer:
    """A machine that is not there yet."""

    instance_type: str
    vcpus: int | None
    memory_gb: int | None
    volume_gb: int
    region: str
    region_name: str | Promise
    price: Price | None
    typical_hours: int = TYPICAL_HOURS


def offer() -> Offer:
    """What this installation makes."""
    settings = config()
    vcpus, memory_gb = _SIZES.get(settings.instance_type, (None, None))
    return Offer(
        instance_type=settings.instance_type,
        vcpus=vcpus,
        memory_gb=memory_gb,
        volume_gb=settings.volume_gb,
        region=settings.region,
        region_name=_REGIONS.get(settings.region, ""),
        price=price_of(settings.instance_type, settings.volume_gb),
    )
