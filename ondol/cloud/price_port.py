"""What Ondol needs from a price list; separate from `port`, since it concerns no account."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ListPrice:
    """A price of AWS's Price List, in US dollars before tax."""

    what: str
    """An instance type (an hour, on-demand Linux), `public-ipv4` (an hour in use), `gp3` (a GiB for a month), `alarm`
    (a month)."""
    usd: Decimal
    since: datetime
    """The date of this list; the price itself may be much older."""


class PriceList(Protocol):
    """AWS's public prices in one region."""

    def prices(self, instance_types: Collection[str]) -> list[ListPrice]:
        """Return the prices of these types, and of all else that a machine needs, as far as the list has them."""
