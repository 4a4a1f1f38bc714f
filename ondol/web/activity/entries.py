"""Rows of the record as pages and spreadsheets show them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from ondol.accounts.models import User
from ondol.audit.actions import Outcome
from ondol.audit.models import Entry
from ondol.instances.models import Instance
from ondol.web import times
from ondol.web.activity import codes
from ondol.web.activity.details import Details
from ondol.web.activity.words import act_of, source_of, told_of, who_of


@dataclass(frozen=True, slots=True)
class Party:
    """A person in a row: with the address from when it was written, and the present name."""

    name: str
    """The present name; if the account is gone, the address of the row."""
    address: str
    """The address of the row, unless it is the name already."""
    pk: int | None
    """The id of the account; None: it is gone, or there was none."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, in the reader's language."""

    number: int
    at: datetime
    act: str
    told: str
    by: Party | None
    who: str
    """Who did it, if it was nobody with an account."""
    on: Party | None
    outcome: str
    """How it ended, and why; empty if it was done."""
    address: str
    agent: str
    source: str
    """The interface that was used; empty for a page."""
    is_own: bool
    """The person whom it was about has done it."""


@dataclass(frozen=True, slots=True)
class Day:
    """The rows of one day."""

    word: str
    rows: list[Row]


def rows_of(entries: Sequence[Entry], reader: User | None = None) -> list[Row]:
    """Return rows. For a `reader` who is no administrator, the addresses of others and the reader's own name are left
    out.

    All people, and all machines, are read in one query each.
    """
    people = User.objects.in_bulk({pk for one in entries for pk in (one.by_id, one.on_id) if pk is not None})
    machines = Instance.objects.in_bulk({key for one in entries if (key := _machine(one))})
    return [_row(entry, people, machines, reader) for entry in entries]


def days_of(rows: Iterable[Row]) -> list[Day]:
    """Return rows in their order, those of each day together."""
    return [Day(times.heading(day), list(them)) for day, them in groupby(rows, lambda row: timezone.localdate(row.at))]


def details_for_programs(entry: Entry) -> str:
    """Return the details as they are stored."""
    return json.dumps(entry.details, ensure_ascii=False, sort_keys=True)


def _row(entry: Entry, people: dict[int, User], machines: dict[UUID, Instance], reader: User | None) -> Row:
    is_others = reader is not None and entry.by_id != reader.pk and entry.by_email != ""
    key = _machine(entry)
    return Row(
        number=entry.pk,
        at=entry.at,
        act=act_of(entry),
        told=told_of(entry, machines[key].instance_id or "" if key in machines else ""),
        by=_party(entry.by_id, entry.by_email, people, reader),
        who="" if entry.by_email else who_of(entry),
        on=_party(entry.on_id, entry.on_email, people, reader),
        outcome=_outcome(entry),
        address="" if is_others else entry.address,
        agent="" if is_others else entry.agent,
        source=source_of(entry),
        is_own=entry.by_id is not None and entry.by_id == entry.on_id,
    )


def _party(pk: int | None, address: str, people: dict[int, User], reader: User | None) -> Party | None:
    if not address or (reader is not None and pk == reader.pk):
        return None
    person = people.get(pk or 0)
    if person is None:
        return Party(address, _("former account") if pk else "", None)
    name = person.name or person.email
    return Party(name, address if address != name else "", person.pk)


def _outcome(entry: Entry) -> str:
    if entry.outcome == Outcome.DONE:
        return ""
    word = str(Outcome(entry.outcome).label) if entry.outcome in Outcome.values else _("not done")
    return f"{word}: {codes.words(entry.code)}" if entry.code else word


def _machine(entry: Entry) -> UUID | None:
    try:
        return UUID(Details(entry.details).text("machine"))
    except ValueError:
        return None
