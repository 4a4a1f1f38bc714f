"""The prices in force: the table of the package, and newer ones from AWS's Price List."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from ondol import clock
from ondol.config import config
from ondol.costs.calculation import TYPICAL_HOURS, Item
from ondol.costs.models import ListPrice, PriceCheck
from ondol.costs.price_table import Dated, PriceTable, shipped
from ondol.database.kept import Kept
from ondol.instances.models import Instance


@dataclass(frozen=True, slots=True)
class Price:
    """The prices of one machine.

    `running_hour` includes its public address; `resting_month` is disk and alarm, always paid.
    """

    running_hour: Decimal
    resting_month: Decimal
    since: datetime
    """The date since which the newest of them is in force."""

    @property
    def typical_month(self) -> Decimal:
        """Return the costs of a month with TYPICAL_HOURS of running."""
        return self.resting_month + self.running_hour * TYPICAL_HOURS


def prices() -> PriceTable:
    """Return the prices of our region."""
    region = config().region
    dated = {what: {price.since: price.usd for price in known} for what, known in shipped(region).items()}
    for what, since, usd in _NEWER.rows(region):
        dated.setdefault(what, {})[since] = usd
    return PriceTable({what: [Dated(*price) for price in known.items()] for what, known in dated.items()})


_NEWER = Kept[ListPrice](
    lambda region: ListPrice.objects.filter(region=region).values_list("what", "since", "usd"), "region"
)


def price_of(instance_type: str, volume_gib: int) -> Price | None:
    """Return what such a machine costs now; None if it is not known."""
    return price_in(prices(), instance_type, volume_gib)


def price_in(table: PriceTable, instance_type: str, volume_gib: int) -> Price | None:
    """Return the same, by prices that have been read already."""
    now = clock.now()
    compute, address = table.at(instance_type, now), table.at(Item.ADDRESS, now)
    disk, alarm = table.at(Item.DISK, now), table.at(Item.ALARM, now)
    if compute is None or address is None or disk is None or alarm is None:
        return None
    return Price(
        running_hour=compute.usd + address.usd,
        resting_month=disk.usd * volume_gib + alarm.usd,
        since=max(price.since for price in (compute, address, disk, alarm)),
    )


def wanted() -> set[str]:
    """Return the instance types whose prices somebody may need."""
    used = Instance.objects.values_list("instance_type", flat=True).distinct()
    known = {what for what in shipped(config().region) if "." in what}
    return known | {*config().permitted_types, *used}


def keep(told: Iterable[tuple[str, Dated]]) -> None:
    """Save the prices of the Price List. It gives every price a new date each month: only a different price is new."""
    table, now = prices(), clock.real_now()
    with transaction.atomic():
        for what, price in told:
            known = table.at(what, now)
            if known is None or known.usd != price.usd:
                ListPrice.objects.update_or_create(
                    region=config().region,
                    what=what,
                    since=price.since if known is None else max(price.since, known.since),
                    defaults={"usd": price.usd},
                )
        PriceCheck.objects.update_or_create(
            only=True, defaults={"tried_at": now, "told_at": clock.now(), "trouble_code": ""}
        )


def note_trouble(code: str) -> None:
    """Save that the Price List could not be asked."""
    now = clock.real_now()
    PriceCheck.objects.update_or_create(only=True, defaults={"tried_at": now, "trouble_code": code[:80]})
