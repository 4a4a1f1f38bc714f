"""What a person may ask of an existing machine: another type while it is stopped, and a bigger disk."""

from django.db import transaction
from django.utils.translation import gettext as _

from ondol.accounts.models import User
from ondol.audit.record import Action, refusals_of, write
from ondol.instances.actions import start, wish_of
from ondol.instances.allowance import require_type_change_left
from ondol.instances.errors import ActionError
from ondol.instances.models import Instance
from ondol.instances.sizes import range_of, require_same_architecture, require_type, substitute_for
from ondol.instances.states import SETTLED, Status
from ondol.instances.troubles import lacks_capacity


@refusals_of(Action.MACHINE_SIZE)
def change_size(user: User, instance_type: str | None = None, volume_gib: int | None = None) -> Instance:
    """Change type, disk, or both; the present ones are fine. Raises ActionError, and changes nothing then."""
    within = range_of(user)
    with wish_of(user) as instance:
        before = instance.instance_type, instance.volume_gib
        if instance_type and instance_type != instance.instance_type:
            _require_stopped(instance)
            require_type_change_left(user)
            require_same_architecture(instance.size.instance_type, require_type(within, instance_type))
            instance.instance_type = instance_type
        if volume_gib is not None and volume_gib != instance.volume_gib:
            _require_there(instance)
            instance.volume_gib = _require_bigger(instance, volume_gib, max(within.volume_gib_max, instance.volume_gib))
        after = instance.instance_type, instance.volume_gib
        Instance.objects.filter(pk=instance.pk).update(instance_type=after[0], volume_gib=after[1])
        if after != before:
            write(Action.MACHINE_SIZE, by=user, on=user, machine=str(instance.pk), old=before, new=after)
    return instance


def substitute(user: User, instance: Instance) -> str | None:
    """Return another suitable type that this person may use, if AWS had no capacity for the last one; else None."""
    if not lacks_capacity(instance):
        return None
    return substitute_for(instance.instance_type, range_of(user).types)


@refusals_of(Action.MACHINE_START)
def start_as(user: User, instance_type: str) -> Instance:
    """Ask for a start with another type: both, or neither."""
    with transaction.atomic():
        change_size(user, instance_type)
        return start(user)


def _require_stopped(instance: Instance) -> None:
    if instance.status != Status.STOPPED:
        raise ActionError(
            "not_stopped", _("Its type can be changed only while the machine is stopped."), _("Stop it first.")
        )


def _require_there(instance: Instance) -> None:
    if instance.status not in SETTLED:
        raise ActionError(
            "not_settled", _("The disk can grow while the machine is running or stopped."), _("Try again in a moment.")
        )


def _require_bigger(instance: Instance, gib: int, most: int) -> int:
    least = max(instance.volume_gib, instance.seen_volume_gib or 0)
    if gib < least:
        raise ActionError(
            "disk_shrinks",
            _("A disk can grow, but not shrink."),
            _("It has %(gib)s GiB.") % {"gib": least},
            422,
        )
    if gib > most:
        raise ActionError(
            "disk_not_permitted",
            _("You may not have a disk of %(gib)s GiB.") % {"gib": gib},
            _("Permitted: up to %(most)s GiB.") % {"most": most},
            422,
        )
    return gib
