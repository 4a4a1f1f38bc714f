"""What a change of rules would have done, as administrators read it: stops, hours and money, before and after."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from django.utils.translation import ngettext

from ondol.accounts.models import User
from ondol.autostop.preview import Interruption, Preview, Totals
from ondol.costs.bills import Money, money_of, rate_in_won
from ondol.costs.prices import price_in, prices
from ondol.policy.catalog import Rules
from ondol.web.page import Page
from ondol.web.policy.facts import Changed, changes_of
from ondol.web.prices import in_text

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Column:
    """The results of the present or the proposed rules for these weeks."""

    totals: Totals
    costs: Money


class PreviewCard(Page):
    """Show what would change before it is saved."""

    found: Preview
    changes: list[Changed]

    def __init__(self, found: Preview, what: Mapping[str, Sequence[object]]) -> None:
        self.found, self.changes, self._what = found, changes_of(what), what

    @property
    def is_known(self) -> bool:
        """Return whether there is anything to replay."""
        return self.found.runs > 0

    @property
    def now(self) -> Column:
        return Column(self.found.now, money_of(self._usd(self.found.now.ran), self._krw))

    @property
    def then(self) -> Column:
        return Column(self.found.then, money_of(self._usd(self.found.then.ran), self._krw))

    @property
    def has_closings(self) -> bool:
        return bool(self.found.now.closing or self.found.then.closing)

    @property
    def has_new_hours(self) -> bool:
        """Return whether the change is about allowed hours."""
        return bool(set(Rules.hours.stored) & set(self._what))

    @property
    def closing(self) -> list[tuple[datetime, User]]:
        """Return whose machines, of those that run now, the changed hours stop next, and when."""
        return self.found.running.closing[:_SHOWN]

    @property
    def closing_left_out(self) -> int:
        return max(0, len(self.found.running.closing) - _SHOWN)

    @property
    def saved(self) -> str:
        """Return what the proposed rules would have saved; empty if nothing."""
        return self._above_nothing(self._difference)

    @property
    def more(self) -> str:
        """Return what they would have cost in addition; empty if nothing."""
        return self._above_nothing(-self._difference)

    @property
    def basis(self) -> str:
        """Return what the preview is based on: `219 runs, 12 machines, 28 days`."""
        runs, machines, days = self.found.runs, self.found.replayed, self.found.days
        parts = (
            (runs, ngettext("%(n)d run", "%(n)d runs", runs)),
            (machines, ngettext("%(n)d machine", "%(n)d machines", machines)),
            (days, ngettext("%(n)d day", "%(n)d days", days)),
        )
        return ", ".join(text % {"n": number} for number, text in parts)

    @property
    def unpriced(self) -> list[str]:
        """Return the types without a known price, which are not in the costs."""
        return sorted(kind for kind in self.found.now.ran | self.found.then.ran if kind not in self._hourly)

    @property
    def shown(self) -> list[Interruption]:
        """Return the newest stops at which somebody worked."""
        return self.found.interruptions[:_SHOWN]

    @property
    def left_out(self) -> int:
        return max(0, len(self.found.interruptions) - _SHOWN)

    @cached_property
    def _krw(self) -> Decimal | None:
        return rate_in_won()

    @cached_property
    def _hourly(self) -> dict[str, Decimal]:
        """Return what an hour costs with its address, by type."""
        table = prices()
        known = {kind: price_in(table, kind, 0) for kind in self.found.now.ran | self.found.then.ran}
        return {kind: price.running_hour for kind, price in known.items() if price}

    @property
    def _difference(self) -> Decimal:
        return self._usd(self.found.now.ran) - self._usd(self.found.then.ran)

    def _usd(self, ran: Counter[str]) -> Decimal:
        paid = (seconds * self._hourly[kind] for kind, seconds in ran.items() if kind in self._hourly)
        return sum(paid, Decimal(0)) / 3600

    def _above_nothing(self, usd: Decimal) -> str:
        return in_text(money_of(usd, self._krw)) if usd > 0 else ""
