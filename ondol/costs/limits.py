"""Who has which budget, and how much of it is used."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q

from ondol.costs.models import Budget

LEVELS = (80, 100)
"""The percentages of a budget at which people are notified."""


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """How much of a budget is used."""

    budget: Budget
    spent: Decimal

    @property
    def room(self) -> Decimal | None:
        """Return what may be spent before the machine is stopped; None if it is not stopped."""
        return self.budget.usd - self.spent if self.budget.stops else None

    @property
    def percent(self) -> int:
        """Return the percentage, rounded down: 100 means that nothing is left."""
        return int(self.spent * 100 / self.budget.usd)

    @property
    def filled(self) -> int:
        """Return how far a meter is filled, in per cent: never more than all of it."""
        return min(self.percent, 100)

    @property
    def is_short(self) -> bool:
        """Return whether people are notified that it runs out."""
        return self.percent >= LEVELS[0]

    @property
    def is_used_up(self) -> bool:
        return self.percent >= 100


def budgets(people: Collection[int]) -> dict[int, Budget]:
    """Return each person's own budget, or the default one, in one query."""
    kept = {budget.owner_id: budget for budget in Budget.objects.filter(Q(owner__in=people) | Q(owner=None))}
    default = kept.get(None)
    return {person: budget for person in people if (budget := kept.get(person, default))}


def for_everybody() -> Budget | None:
    """Return the default budget, for those who have none of their own."""
    return Budget.objects.filter(owner=None).first()
