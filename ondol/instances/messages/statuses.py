"""Where a machine stands, in words."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from ondol.instances.messages.texts import TRY_THEN_ASK, Explanation, Text
from ondol.instances.states import Status


@dataclass(frozen=True, slots=True)
class StatusMessages:
    """The words for one status."""

    badge: Text
    """One word."""
    heading: Text
    event: Text
    """Its line in the history: what is under way, or what has been done."""
    listed: Text = ""
    """What has come of an act, in the list of what people did; empty for what is under way."""
    kept: Text = ""
    """What happens to the disk and to what was created in AWS."""
    otherwise: Explanation | None = None
    """The explanation if the reason has none; None where the heading says enough."""


STATUSES: dict[Status, StatusMessages] = {
    Status.PENDING: StatusMessages(
        badge=_("Creating"),
        heading=_("Your machine is being created"),
        event=_("Being created"),
    ),
    Status.STARTING: StatusMessages(
        badge=_("Starting"),
        heading=_("Your machine is starting"),
        event=_("Starting"),
    ),
    Status.RUNNING: StatusMessages(
        badge=_("Running"),
        heading=_("Your machine is running"),
        event=_("Started"),
        listed=_("Machine started"),
    ),
    Status.STOPPING: StatusMessages(
        badge=_("Stopping"),
        heading=_("Your machine is stopping"),
        event=_("Stopping"),
        kept=_("The disk and everything on it is kept."),
    ),
    Status.STOPPED: StatusMessages(
        badge=_("Stopped"),
        heading=_("Your machine is stopped"),
        event=_("Stopped"),
        listed=_("Machine stopped"),
        kept=_("The disk and everything on it is kept. It will get a new address at the next start."),
        otherwise=Explanation(_("It has stopped; AWS does not say why.")),
    ),
    Status.TERMINATING: StatusMessages(
        badge=_("Deleting"),
        heading=_("Your machine is being deleted"),
        event=_("Being deleted"),
        kept=_("The server, its disk and all files on it are deleted."),
        otherwise=Explanation(_("This machine is being deleted.")),
    ),
    Status.TERMINATED: StatusMessages(
        badge=_("Deleted"),
        heading=_("Your machine was deleted"),
        event=_("Deleted"),
        listed=_("Machine deleted"),
    ),
    Status.FAILED: StatusMessages(
        badge=_("Failed"),
        heading=_("Your machine could not be created"),
        event=_("Could not be created"),
        listed=_("Machine could not be created"),
        kept=_("Everything that had been created was removed; nothing is left that costs money."),
        otherwise=Explanation(_("Something went wrong while it was being created."), TRY_THEN_ASK),
    ),
}
BEING_CLEANED_UP = _("What had been created is being removed; this takes a minute or two.")
"""Shown instead of `kept` for a failed machine, until nothing is left in AWS."""
_AFTER: dict[tuple[Status, Status], Text] = {
    (Status.PENDING, Status.RUNNING): _("Created"),
    (Status.STOPPING, Status.RUNNING): _("Keeps running"),
    (Status.STARTING, Status.STOPPED): _("Could not be started"),
}


def event(status: Status, before: Status | None = None) -> Text:
    """Return the history's line for a machine that has come to `status` from `before`."""
    after = _AFTER.get((before, status)) if before else None
    return after or STATUSES[status].event


def choices() -> list[tuple[str, Text]]:
    """Return each status with its word, for Django's `choices`."""
    return [(status, STATUSES[status].badge) for status in Status]
