"""The e-mail to a machine's owner when its key was replaced: somebody else may have done it."""

from django.urls import reverse

from ondol.accounts.mail import write
from ondol.config import config
from ondol.instances.models import Instance, KeyOrigin, KeyReplacement
from ondol.outbox.jobs import send_later

TASK = "ondol.instances.key_letter"


def tell_later(instance: Instance) -> None:
    """Enqueue the e-mail, in the caller's transaction."""
    send_later(TASK, row=str(instance.pk))


def tell(row: str) -> None:
    """Send it, in its reader's language; nothing if the machine is gone."""
    found = KeyReplacement.objects.select_related("instance__owner").filter(instance__pk=row).first()
    if found:
        owner = found.instance.owner
        context = {
            "person": owner,
            "is_made": found.origin == KeyOrigin.AWS,
            "link": config().url + reverse("dashboard"),
        }
        write(owner, "key_replaced", context)
