"""Which addresses may reach a machine by SSH. Reaches no cloud: the reconciler makes the security group equal to it."""

from collections.abc import Collection

from ondol.accounts.models import User
from ondol.config import config


def wished(owner: User) -> tuple[str, ...]:
    """Return the ranges that may reach the machine of this person."""
    return wished_by([owner])[owner.pk]


def wished_by(owners: Collection[User]) -> dict[int, tuple[str, ...]]:
    """Return the same for many people, by id. THE place that decides it: no range means that the door is shut."""
    return {owner.pk: _of(owner) for owner in owners}


def _of(owner: User) -> tuple[str, ...]:
    return (config().ssh_cidrs or ()) if owner.is_approved else ()
