"""What somebody may choose from, smallest first, and what each costs."""

from dataclasses import dataclass
from decimal import Decimal

from ondol import clock
from ondol.accounts.models import User
from ondol.costs.prices import Price, price_in, prices
from ondol.costs.reckoning import Item
from ondol.instances.choice import Size, range_of
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance

_GIB = {"nano": 0.5, "micro": 1.0, "small": 2.0, "medium": 4.0}
_GIB_PER_VCPU = {
    "t3": 4,
    "t3a": 4,
    "m5": 4,
    "m6i": 4,
    "m7i": 4,
    "c5": 2,
    "c6i": 2,
    "c7i": 2,
    "r5": 8,
    "r6i": 8,
    "r7i": 8,
}
"""AWS's data sheets. Each of these families has 2 vCPUs up to `large`, then 4 for each `x`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An instance type that may be chosen."""

    instance_type: str
    vcpus: int | None
    memory_gb: float | None
    """None: we do not know; AWS's pages do."""
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
    types = {name: Choice(name, *facts_of(name), price_in(table, name, gb)) for name in names}
    disk = table.at(Item.DISK, clock.now())
    return Offers(
        types=tuple(types.values()),
        chosen=types[size.instance_type],
        volume_gb=gb,
        volume_gb_min=least,
        volume_gb_max=max(within.volume_gb_max, least),
        gb_usd=disk.usd if disk else None,
    )


def facts_of(instance_type: str) -> tuple[int | None, float | None]:
    """vCPUs and GiB of memory."""
    family, _dot, size = instance_type.partition(".")
    times = size.removesuffix("xlarge") or "1"
    if family not in _GIB_PER_VCPU or not (size in {*_GIB, "large"} or (size.endswith("xlarge") and times.isdigit())):
        return None, None
    vcpus = 4 * int(times) if size.endswith("xlarge") else 2
    return vcpus, _GIB.get(size, float(vcpus * _GIB_PER_VCPU[family]))
