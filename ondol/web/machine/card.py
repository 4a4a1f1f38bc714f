"""How one machine is shown: word, colour, heading, steps, explanations, buttons."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from ondol import clock
from ondol.accounts.models import User
from ondol.instances import actions
from ondol.instances.key_file import WITHOUT_KEY
from ondol.instances.key_replacement import is_offered
from ondol.instances.messages.reasons import explanation
from ondol.instances.messages.statuses import STATUSES
from ondol.instances.models import Instance, KeyOrigin, StatusChange
from ondol.instances.own_keys import KeyFacts, facts_of
from ondol.instances.ssh import key_of
from ondol.instances.states import CHANGING, SETTLED, Reason, Status
from ondol.web.badge import Badge, badge_of
from ondol.web.history.timeline import last_receipt
from ondol.web.machine.notices import Notice, notice_of, trouble_of
from ondol.web.machine.replacement import Replacement, replacement_of
from ondol.web.machine.steps import Step, steps_of

_BUTTONS = {Status.RUNNING: "stop", Status.STOPPED: "start", Status.FAILED: "create"}
_PACES, _SLOWEST = ((30, 1), (180, 3)), 10
"""The pace of polls while something changes: for 30 s every second, up to 3 minutes every 3 s, then every 10 s; real
time. Why: docs/decisions/0004."""
_RESIZING = 2
"""The seconds between polls during a resize: AWS changes a type or a disk at once."""


@dataclass(frozen=True, slots=True)
class MachineCard:
    """Hold what the card of one machine says, for any reader."""

    instance: Instance
    badge: Badge
    title: str
    """The status as a sentence, which is announced once."""
    notice: Notice | None
    trouble: str
    steps: tuple[Step, ...]
    since: datetime
    now: datetime
    button: str
    """The possible action: `create`, `start`, `stop`, or empty while there is none."""
    has_key: bool
    """True if the key may be downloaded."""
    own_key: KeyFacts | None
    """The key that its owner has brought, of which nothing can be downloaded."""
    replacement: Replacement | None
    """How far the replacement of its key is."""
    offers_replacement: bool

    @property
    def status(self) -> Status:
        return self.badge.status

    @property
    def is_changing(self) -> bool:
        return self.status in CHANGING

    @property
    def elapsed(self) -> timedelta:
        """Return the time in this status, on the machines' clock."""
        return max(self.now - self.since, timedelta())

    @property
    def poll_seconds(self) -> int | None:
        """Return the seconds until the next poll; None while nothing changes."""
        if self.is_resizing:
            return _RESIZING
        if self.instance.is_key_due and self.status is Status.RUNNING:
            return _RESIZING
        is_cleaned_up = self.status is not Status.FAILED or self.instance.is_clean
        if not self.is_changing and is_cleaned_up:
            return None
        return next((pace for until, pace in _PACES if self.elapsed < clock.real_seconds(until)), _SLOWEST)

    @property
    def is_resizing(self) -> bool:
        """Return whether AWS is asked for a size now.

        A new type waits while the machine runs, such as after a console start.
        """
        seen = self.instance.seen
        return seen.disk_differs or (seen.type_differs and self.status is Status.STOPPED)

    @property
    def has_menu(self) -> bool:
        """Return whether there is a menu: not for a machine that could not be made, or is being deleted."""
        return self.status not in {Status.FAILED, Status.TERMINATING}

    @property
    def is_slow(self) -> bool:
        return any(step.slow for step in self.steps)

    @property
    def version(self) -> str:
        """Return a text that changes with anything a page shows, but not with the passing time."""
        steps = [(step.name, step.state, str(step.detail), step.slow) for step in self.steps]
        row = self.instance
        size = row.instance_type, row.volume_gib, row.seen_type, row.seen_volume_gib
        facts = (*size, row.public_ip, row.is_clean, row.address_changed)
        put_off = (row.kept_awake_until(self.now), row.run.waived_close)
        shown = (
            self.badge,
            self.title,
            self.notice,
            self.trouble,
            steps,
            self.since,
            self.has_key,
            self.own_key,
            facts,
            put_off,
            self.replacement,
            self.offers_replacement,
        )
        return hashlib.blake2s(repr((shown, self.poll_seconds)).encode()).hexdigest()[:16]


def present(instance: Instance, now: datetime | None = None) -> MachineCard:
    """Return a row as a page shows it."""
    now = now or clock.now()
    key = key_of(instance)
    badge = badge_of(instance)
    return MachineCard(
        instance=instance,
        badge=badge,
        title=str(STATUSES[badge.status].heading),
        notice=notice_of(instance, last_receipt(instance)),
        trouble=trouble_of(instance),
        steps=steps_of(instance, has_key=key is not None, now=now),
        since=instance.since,
        now=now,
        button=_button(instance, badge.status),
        has_key=key is not None and key.origin == KeyOrigin.AWS and badge.status not in WITHOUT_KEY,
        own_key=facts_of(key) if key and key.origin != KeyOrigin.AWS else None,
        replacement=replacement_of(instance, now),
        offers_replacement=is_offered() and badge.status in SETTLED,
    )


def _button(instance: Instance, status: Status) -> str:
    if status is Status.FAILED and (instance.unrecognized_instance_ids or not instance.is_clean):
        return ""  # `actions.create` would refuse it
    return _BUTTONS.get(status, "")


def card_of(user: User) -> MachineCard | None:
    """Return the card of a person's machine, if there is one."""
    instance = actions.current(user)
    return present(instance) if instance else None


@dataclass(frozen=True, slots=True)
class Ended:
    """The machine that somebody had before."""

    at: datetime
    cause: str


def last_ended(user: User) -> Ended | None:
    """Return how the last machine of somebody who has none came to its end."""
    change = (
        StatusChange.objects.filter(instance__owner=user, new=Status.TERMINATING)
        .order_by("-at", "-id")
        .select_related("by")
        .first()
    )
    if change is None:
        return None
    found = explanation(Status.TERMINATED, Reason(change.reason))
    return Ended(change.at, str(found.cause) if found else "")
