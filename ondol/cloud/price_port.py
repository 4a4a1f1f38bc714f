"""What Ondol asks of a price list; beside `port`, since it is about no account."""

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
    """When this list came into force; the price may be as old as the hills."""


class PriceList(Protocol):
    """What AWS asks of everybody in one region."""

    def prices(self, instance_types: Collection[str]) -> list[ListPrice]:
        """Of these types, and of all else that a machine needs; what is not on the list is left out."""
