"""Type and disk of an existing machine: what they may become, what is under way, and what AWS has refused."""

from dataclasses import dataclass
from datetime import timedelta

from ondol import clock
from ondol.accounts.models import User
from ondol.costs.calculation import TYPICAL_HOURS
from ondol.costs.offers import Offers, offers_for
from ondol.instances.models import Instance
from ondol.instances.states import Reason, Status
from ondol.web.machine.notices import Notice, size_refusal

_TOLD_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SizeChoice:
    """The choices of a person, and the result of the last one."""

    offers: Offers
    may_change_type: bool
    is_pending: bool
    """True if AWS has not done it yet."""
    refusals: tuple[Notice, ...]
    typical_hours: int = TYPICAL_HOURS

    @property
    def has_choice(self) -> bool:
        return self.offers.has_disks or self.may_change_type


def size_of(user: User, row: Instance) -> SizeChoice:
    """Return what the reader's machine may become."""
    offers = offers_for(user, row)
    return SizeChoice(
        offers=offers,
        may_change_type=row.status == Status.STOPPED and offers.has_types,
        is_pending=row.seen.type_differs or row.seen.disk_differs,
        refusals=_refusals(row),
    )


def _refusals(row: Instance) -> tuple[Notice, ...]:
    """Return the refusals of the last request, for a day: of type and disk together, if both were refused."""
    about_size = row.changes.filter(
        reason__in=[Reason.RESIZED, Reason.SIZE_REFUSED], at__gt=clock.now() - _TOLD_FOR
    ).order_by("-at", "-id")
    told: dict[str, Notice] = {}
    for change in about_size[:2]:
        for what in change.record.refused.names if change.record.refused else ():
            told.setdefault(what, size_refusal(change.record))
    return tuple(told.values())
