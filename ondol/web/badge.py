"""The badge of a status: icon, word and colour, the same on every page."""

from dataclasses import dataclass

from ondol.instances.messages.statuses import STATUSES
from ondol.instances.models import Instance
from ondol.instances.states import Status


@dataclass(frozen=True, slots=True)
class StatusStyle:
    """The colour (warm, cool, changing, failed) and the icon of a status, and what stands for it in a tab's title."""

    tone: str
    icon: str
    sign: str


STYLES = {
    Status.PENDING: StatusStyle("changing", "steps", "◐"),
    Status.RUNNING: StatusStyle("warm", "heat", "●"),
    Status.STOPPING: StatusStyle("changing", "pause", "◐"),
    Status.STOPPED: StatusStyle("cool", "pause", "○"),
    Status.STARTING: StatusStyle("changing", "steps", "◐"),
    Status.TERMINATING: StatusStyle("changing", "end", "◐"),
    Status.TERMINATED: StatusStyle("cool", "end", "○"),
    Status.FAILED: StatusStyle("failed", "alert", "▲"),
}


@dataclass(frozen=True, slots=True)
class Badge:
    """The badge of a status; readable in grey."""

    status: Status
    word: str
    tone: str
    icon: str
    sign: str
    """The sign before the word in the title of a browser's tab."""


def badge_of(instance: Instance) -> Badge:
    """Return the badge of a machine."""
    status = Status(instance.status)
    style = STYLES[status]
    return Badge(status, str(STATUSES[status].badge), style.tone, style.icon, style.sign)


@dataclass(frozen=True, slots=True)
class Tab:
    """What a browser's tab shows of a machine: a sign and a word in its title, and an icon."""

    state: str
    """Such as `● Running`; empty without a machine."""
    icon: str
    """A file of `static/ondol`."""


def tab_of(badge: Badge | None) -> Tab:
    """Return what the tab shows; None: there is no machine."""
    return Tab(f"{badge.sign} {badge.word}", f"ondol/icon-{badge.tone}.svg") if badge else Tab("", "ondol/logo.svg")
