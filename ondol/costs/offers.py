"""What somebody may choose from, smallest first, and what each costs."""

import math
from dataclasses import dataclass
from decimal import Decimal

from ondol import clock
from ondol.accounts.models import User
from ondol.costs.calculation import Item
from ondol.costs.prices import Price, price_in, prices
from ondol.ec2_types import facts_of, smallest_first
from ondol.instances.models import Instance
from ondol.instances.sizes import Size, range_of
from ondol.instances.states import Status


@dataclass(frozen=True, slots=True)
class Choice:
    """An instance type that may be chosen."""

    instance_type: str
    vcpus: int | None
    memory_gib: float | None
    """None for a type that is newer than `ondol.ec2_types`; AWS's pages know it."""
    price: Price | None
    """The price with the disk that goes with it."""


@dataclass(frozen=True, slots=True)
class Offers:
    """All that one person may choose."""

    types: tuple[Choice, ...]
    chosen: Choice
    """The present type, or the type of a new machine if nothing is chosen."""
    volume_gib: int
    volume_gib_min: int
    volume_gib_max: int
    gib_usd: Decimal | None
    """The price of one GiB for a month."""

    @property
    def has_types(self) -> bool:
        return len(self.types) > 1

    @property
    def has_disks(self) -> bool:
        return self.volume_gib_min < self.volume_gib_max


def offers_for(user: User, row: Instance | None = None) -> Offers:
    """Return the choices for a new machine; with `row`, the new sizes for that one. A disk never shrinks."""
    within, table = range_of(user), prices()
    size, least = within.usual, within.volume_gib_min
    if row and row.status == Status.FAILED:  # There is no machine: suggest the last choice, if it is still permitted.
        size = within.nearest(row.instance_type, row.volume_gib)
    elif row:
        size, least = Size(row.instance_type, row.volume_gib), row.volume_gib
    present = facts_of(size.instance_type)
    is_there = row is not None and row.status != Status.FAILED
    permitted = [name for name in within.types if not is_there or present.may_become(facts_of(name))]
    gib, names = size.volume_gib, dict.fromkeys((*permitted, size.instance_type))
    types = {name: _choice(name, price_in(table, name, gib)) for name in smallest_first(names)}
    disk = table.at(Item.DISK, clock.now())
    return Offers(
        types=tuple(sorted(types.values(), key=_size_and_price)),
        chosen=types[size.instance_type],
        volume_gib=gib,
        volume_gib_min=least,
        volume_gib_max=max(within.volume_gib_max, least),
        gib_usd=disk.usd if disk else None,
    )


def _choice(name: str, price: Price | None) -> Choice:
    facts = facts_of(name)
    return Choice(name, facts.vcpus, facts.memory_gib, price)


def _size_and_price(choice: Choice) -> tuple[float, ...]:
    """Return what offers are sorted by: of two of the same size the cheaper comes first."""
    price = choice.price.running_hour if choice.price else math.inf
    return choice.vcpus or math.inf, choice.memory_gib or math.inf, float(price)
