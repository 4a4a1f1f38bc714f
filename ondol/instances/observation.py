"""What the last observation of a machine showed, as far as decisions need it. Standard library only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SHUTDOWNS = frozenset({
    "", "Client.UserInitiatedShutdown", "Client.UserInitiatedHibernate", "Client.InstanceInitiatedShutdown",
    "Server.ScheduledStop",
})  # fmt: skip
"""EC2's StateReason.Code of a machine that somebody has stopped; EC2 goes on showing it until a start is shown."""


class View(StrEnum):
    """What the last observation showed: EC2's states, and two ways of showing nothing."""

    UNSEEN = "unseen"  # not observed since the last act
    ABSENT = "absent"  # observed, and not there
    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class Seen:
    """A machine as last seen, and how far we have got with it."""

    view: View = View.UNSEEN
    since: datetime | None = None
    """Since when every observation has shown this view."""
    prepared: bool = False
    """Group, sealed key and image are there."""
    asked: bool = False
    """A launch may have been asked for: its client token is stored."""
    armed: bool = False
    """The alarm was set for this run."""
    other_alarm: bool = False
    """The alarm that was replaced may still be there."""
    group_differs: bool = False
    """Its security group differs from what is wished for."""
    key_differs: bool = False
    """Its key is to be replaced, and the next try is due."""
    ready: bool = False
    """SSH has answered in this run."""
    type_differs: bool = False
    """It has another type than was wished for."""
    disk_differs: bool = False
    """Its disk is smaller than was wished for."""
    clean: bool = False
    """Group, key pair and alarm are gone."""
    starts: int = 0
    """How many starts AWS has accepted in this run."""
    start_asked_at: datetime | None = None
    """When it last accepted one."""
    shut_down: bool = True
    """EC2's reason for its stop is a shutdown, and not a start that AWS has undone."""
    may_run: bool = True
    """Its owner is approved."""
    unknown: bool = False
    """A machine with this row's tag was not launched by this database, which may have been restored from an old dump.
    Nothing is removed then."""
