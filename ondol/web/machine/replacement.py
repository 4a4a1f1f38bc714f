"""How far the replacement of a machine's key is, in words."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from ondol.instances.messages.replacements import why_not
from ondol.instances.models import Instance, KeyOrigin
from ondol.instances.replacements import ReplacementState
from ondol.instances.replacements import replacement_of as last_of
from ondol.instances.states import Status
from ondol.instances.troubles import TOLD_FOR


@dataclass(frozen=True, slots=True)
class Replacement:
    """What is said about it."""

    what: str
    why: str = ""
    next_step: str = ""
    reference: str = ""
    is_trouble: bool = False


def replacement_of(instance: Instance, now: datetime) -> Replacement | None:
    """Return what to say; None if no key was replaced, or long ago."""
    row = last_of(instance)
    if row is None or (row.ended_at and now - row.ended_at > TOLD_FOR):
        return None
    why = why_not(row.failure) if row.failure else None
    words = {"why": str(why.cause) if why else "", "next_step": str(why.next_step) if why else ""}
    match ReplacementState(row.state):
        case ReplacementState.DONE:
            download = _("Download the new one below.") if row.origin == KeyOrigin.AWS else ""
            return Replacement(_("The key was replaced. The old one no longer works."), download)
        case ReplacementState.FAILED:
            kept = _("The key was not replaced. The old one still works.")
            return Replacement(kept, **words, reference=row.error_ref, is_trouble=True)
        case ReplacementState.SWITCHED:
            text = _("The new key works. Ondol is removing the old one, which may work until then.")
            return Replacement(text, **words, is_trouble=bool(why))
    if instance.status != Status.RUNNING:
        return Replacement(_("The key will be replaced as soon as your machine runs. Until then, the old one works."))
    return Replacement(_("The key is being replaced. Until then, the old one works."), words["why"])
