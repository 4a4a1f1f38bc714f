"""The e-mail to a machine's owner when an administrator has created, started or kept it awake for them."""

from django.urls import reverse

from ondol.accounts.mail import write
from ondol.accounts.models import User
from ondol.audit.actions import Action
from ondol.config import config
from ondol.outbox.jobs import send_later

TASK = "ondol.instances.done_by_administrator"


def tell_later(act: Action, owner: User, by: User) -> None:
    """Enqueue the e-mail, in the caller's transaction; none if it was the owner."""
    if by != owner:
        send_later(TASK, act=act, owner=owner.pk, by=by.pk)


def tell(act: str, owner: int, by: int) -> None:
    """Send it, in its reader's language; nothing if one of the two is gone."""
    found = User.objects.in_bulk([owner, by])
    if owner in found and by in found:
        context = {"person": found[owner], "by": found[by], "act": act, "link": config().url + reverse("dashboard")}
        write(found[owner], "done_by_administrator", context)
