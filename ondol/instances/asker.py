"""Who may ask for something about a machine."""

from ondol.accounts import people
from ondol.accounts.models import User
from ondol.instances.errors import as_action_error
from ondol.instances.states import Reason


def asker(user: User, by: User | None) -> tuple[User, Reason]:
    """Return who asks for something about the machine of `user`, and as what; others have to be administrators."""
    if by is None or by == user:
        return user, Reason.PERSON
    require_administrator(by)
    return by, Reason.ADMIN


def require_approved(user: User) -> None:
    """Raise ActionError for a person who is not approved now: the row is read again."""
    with as_action_error():
        people.require_approved(User.objects.get(pk=user.pk))


def require_administrator(user: User) -> None:
    """Raise ActionError for anybody who is not an administrator."""
    with as_action_error():
        people.require_administrator(user)
