"""What somebody may choose from, smallest first, and what each costs."""

import math
from dataclasses import dataclass
from decimal import Decimal

from ondol import clock
from ondol.accounts.models import User
from ondol.costs.prices import Price, price_in, prices
from ondol.costs.reckoning import Item
from ondol.ec2_types import facts_of, smallest_first
from ondol.instances.choice import Size, range_of
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance


@dataclass(frozen=True, slots=True)
class Choice:
    """An instance type that may be chosen."""

    instance_type: str
    vcpus: int | None
    memory_gb: float | None
    """None: a type that is newer than `ondol.ec2_types`; AWS's pages know it."""
    price: Price | None
    """With the disk that goes with it."""


@dataclass(frozen=True, slots=True)
class Offers:
    """All that one person may choose."""

    types: tuple[Choice, ...]
    chosen: Choice
    """What there is, or what is made if nothing is said."""
    volume_gb: int
    volume_gb_min: int
    volume_gb_max: int
    gb_usd: Decimal | None
    """Of one GiB for a month."""

    @property
    def has_types(self) -> bool:
        return len(self.types) > 1

    @property
    def has_disks(self) -> bool:
        return self.volume_gb_min < self.volume_gb_max


def offers_for(user: User, row: Instance | None = None) -> Offers:
    """Of a new machine; with `row`, of another size for that one. A disk never shrinks."""
    within, table = range_of(user), prices()
    size, least = within.usual, within.volume_gb_min
    if row and row.status == Status.FAILED.value:  # nothing is there: what was chosen last, if it is permitted still
        size = within.nearest(row.instance_type, row.volume_gb)
    elif row:
        size, least = Size(row.instance_type, row.volume_gb), row.volume_gb
    gb, names = size.volume_gb, dict.fromkeys((*within.types, size.instance_type))
    types = {name: _choice(name, price_in(table, name, gb)) for name in smallest_first(names)}
    disk = table.at(Item.DISK, clock.now())
    return Offers(
        types=tuple(sorted(types.values(), key=_size_and_price)),
        chosen=types[size.instance_type],
        volume_gb=gb,
        volume_gb_min=least,
        volume_gb_max=max(within.volume_gb_max, least),
        gb_usd=disk.usd if disk else None,
    )


def _choice(name: str, price: Price | None) -> Choice:
    facts = facts_of(name)
    return Choice(name, facts.vcpus, facts.memory_gib, price)


def _size_and_price(choice: Choice) -> tuple[float, ...]:
    """Return what offers are sorted by: of two of the same size the cheaper comes first."""
    price = choice.price.running_hour if choice.price else math.inf
    return choice.vcpus or math.inf, choice.memory_gb or math.inf, float(price)
