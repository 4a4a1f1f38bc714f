"""Which machine a person may choose: a type and a disk, within the rules that hold for them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from ondol.accounts.models import User
from ondol.config import config
from ondol.ec2_types import facts_of, smallest_first
from ondol.instances.errors import ActionError
from ondol.instances.record import Size as Size
from ondol.policy.rules import Rules, rules_of


@dataclass(frozen=True, slots=True)
class Range:
    """What somebody may choose from."""

    types: tuple[str, ...]
    """Smallest first."""
    volume_gib_min: int
    volume_gib_max: int
    usual: Size
    """The size for whoever does not choose."""

    def nearest(self, instance_type: str, volume_gib: int) -> Size:
        """Return the size closest to an earlier choice that is permitted now."""
        kind = instance_type if instance_type in self.types else self.usual.instance_type
        return Size(kind, min(max(volume_gib, self.volume_gib_min), self.volume_gib_max))


def substitute_for(instance_type: str, types: Iterable[str]) -> str | None:
    """Return the smallest of `types` that can replace a type for which AWS has no capacity at the moment."""
    wanted = facts_of(instance_type)
    return next((name for name in smallest_first(types) if facts_of(name).does_for(wanted)), None)


def range_of(user: User) -> Range:
    """Return what this person may choose from."""
    return _range(rules_of(user.pk))


def chosen(user: User, instance_type: str | None, volume_gib: int | None, last: Size | None = None) -> Size:
    """Return the size of a new machine; not chosen: as `last`, or as usual. Raises ActionError (422): not permitted."""
    within = range_of(user)
    usual = within.nearest(last.instance_type, last.volume_gib) if last else within.usual
    return Size(
        require_type(within, instance_type or usual.instance_type),
        require_disk(within, usual.volume_gib if volume_gib is None else volume_gib),
    )


def require_type(within: Range, instance_type: str) -> str:
    """Return the type; raise ActionError (422) unless it is permitted."""
    if instance_type not in within.types:
        raise ActionError(
            "type_not_permitted",
            _("You may not use the type %(type)s.") % {"type": instance_type},
            _("Permitted: %(types)s.") % {"types": ", ".join(within.types)},
            422,
        )
    return instance_type


def require_same_architecture(present: str, wanted: str) -> None:
    """Raise ActionError (422) if what is on the disk does not run on the type that is wanted."""
    old, new = facts_of(present), facts_of(wanted)
    if not old.may_become(new):
        raise ActionError(
            "other_architecture",
            _("The type %(type)s is %(new)s, and what is on your disk is for %(old)s.")
            % {"type": wanted, "new": new.architecture, "old": old.architecture},
            _("Choose a type of the same architecture. Another one needs a new machine."),
            422,
        )


def require_disk(within: Range, gib: int) -> int:
    """Return the disk's size; raise ActionError (422) unless a new machine may have it."""
    if not within.volume_gib_min <= gib <= within.volume_gib_max:
        raise ActionError(
            "disk_not_permitted",
            _("You may not have a disk of %(gib)s GiB.") % {"gib": gib},
            _("Permitted: %(least)s to %(most)s GiB.")
            % {"least": within.volume_gib_min, "most": within.volume_gib_max},
            422,
        )
    return gib


def _range(rules: Rules) -> Range:
    types = tuple(smallest_first(rules.instance_types))
    usual = config().instance_type if config().instance_type in types else types[0]
    gib = min(config().volume_gib, rules.volume_gib_max)
    return Range(types, gib, rules.volume_gib_max, Size(usual, gib))
