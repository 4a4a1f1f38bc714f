"""Why something was not done with another's machine, for administrators; `actions` has the words for its owner."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.instances.errors import ActionError

CHANGED = "changed"
"""The page was out of date; this is not an act, so the record has no row with this code."""

_WORDS: dict[str, str | Promise] = {
    "no_machine": gettext_lazy("has no machine"),
    "not_approved": gettext_lazy("is not approved"),
    "already_there": gettext_lazy("has a machine already"),
    "stopping": gettext_lazy("the machine is stopping; it can be started once it has stopped"),
    "starting": gettext_lazy("the machine is starting; it can be stopped once it runs"),
    "failed": gettext_lazy("the machine could not be created"),
    "terminating": gettext_lazy("the machine is being deleted"),
    CHANGED: gettext_lazy("the machine was started meanwhile, or is kept awake for another time"),
    "not_running": gettext_lazy("the machine is not running"),
    "cleaning_up": gettext_lazy("the last attempt is being cleaned up; try again in a minute or two"),
    "not_allowed": gettext_lazy("the person’s rules do not allow keeping a machine awake"),
    "too_long": gettext_lazy("the person’s rules allow fewer hours"),
    "budget": gettext_lazy("this month’s budget is used up"),
    "too_many_starts": gettext_lazy("the rules allow no more starts today"),
    "too_many_creations": gettext_lazy("the rules allow no more new machines today"),
}


def words(error: ActionError) -> str:
    """Return why it was refused, as administrators read it after a name."""
    told = _WORDS.get(error.code)
    return str(told) if told else f"{error.message} {error.hint}".strip() or _("refused")
