"""Dated prices of one region, in US dollars before tax: the package's own, and how one is looked up. Pure."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from hashlib import md5
from importlib.resources import files

from ondol.costs.months import Span


@dataclass(frozen=True, slots=True, order=True)
class Dated:
    """A price from one moment until the next price."""

    since: datetime
    usd: Decimal


class PriceTable:
    """Prices by what is paid for: an instance type (an hour), `public-ipv4` (an hour), `gp3` (a GiB for a month),
    `alarm` (a month)."""

    def __init__(self, dated: Mapping[str, Iterable[Dated]]) -> None:
        self._dated = {what: sorted(prices) for what, prices in dated.items()}

    def at(self, what: str, moment: datetime) -> Dated | None:
        """Return the price in force at that moment. The earliest price also applies to all time before it."""
        known = self._dated.get(what)
        if not known:
            return None
        return known[max(0, bisect_right(known, moment, key=lambda price: price.since) - 1)]

    def changes(self, what: str) -> bool:
        """Return whether it ever has another price."""
        return len(self._dated.get(what, ())) > 1

    @property
    def fingerprint(self) -> str:
        """Return a short text that differs where any price differs."""
        told = "\n".join(
            f"{what} {price.since.timestamp()} {price.usd.normalize()}"
            for what in sorted(self._dated)
            for price in self._dated[what]
        )
        return md5(told.encode(), usedforsecurity=False).hexdigest()

    def next_change(self, moment: datetime) -> datetime | None:
        """Return when the next price comes into force; None if none is known to."""
        return min(
            (price.since for known in self._dated.values() for price in known if price.since > moment), default=None
        )

    def over(self, what: str, span: Span) -> Iterator[tuple[Span, Decimal | None]]:
        """Yield that span, cut where the price changes; None if no price is known."""
        known = self._dated.get(what, ())
        if not self.changes(what):  # nearly always: nothing to be cut
            yield span, known[0].usd if known else None
            return
        changes = [price.since for price in known if span.start < price.since < span.end]
        for start, end in zip([span.start, *changes], [*changes, span.end], strict=True):
            price = self.at(what, start)
            yield Span(start, end), price.usd if price else None

    def in_force(self, moment: datetime) -> dict[str, Dated]:
        """Return everything that has a price at that moment."""
        return {what: price for what in self._dated if (price := self.at(what, moment))}


@cache
def shipped(region: str) -> dict[str, list[Dated]]:
    """Return the table of the package; empty for regions that are not in it."""
    tables = json.loads((files("ondol.costs") / "prices.json").read_text("utf-8"))
    found: dict[str, list[Dated]] = {}
    for table in tables.get(region, ()):
        since = datetime.fromisoformat(table["since"]).replace(tzinfo=UTC)
        for what, usd in table["usd"].items():
            found.setdefault(what, []).append(Dated(since, Decimal(usd)))
    return found
