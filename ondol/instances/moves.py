"""How a machine's row changes status: only `move` does it, adds a line to the history, and begins and ends runs."""

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from ondol import clock
from ondol.accounts.models import User
from ondol.accounts.security_letters import BY_OTHERS, record_and_tell
from ondol.audit.record import Action, write
from ondol.instances.groups import NO_WAIT, NOT_REFUSED, Attempt, Observed, Trouble, fresh
from ondol.instances.models import Instance, StatusChange
from ondol.instances.observation import View
from ondol.instances.record import NOTHING, Receipt, Record
from ondol.instances.runs import Run
from ondol.instances.states import MOVES, Reason, Status

_ACTIONS = {
    Status.PENDING: Action.MACHINE_CREATE,
    Status.STARTING: Action.MACHINE_START,
    Status.STOPPING: Action.MACHINE_STOP,
    Status.TERMINATING: Action.MACHINE_TERMINATE,
}
"""Statuses that somebody asks for; the others say what has come of it."""


def write_line(
    instance: Instance,
    old: Status | None,
    new: Status,
    reason: Reason,
    record: Record,
    *,
    at: datetime,
    by: User | None = None,
) -> None:
    """Add a line to a machine's history, and to the record of who did what."""
    StatusChange.objects.create(
        instance=instance, old=old or "", new=new, reason=reason, detail=record.to_json(), by=by, at=at
    )
    action = _ACTIONS.get(new, Action.MACHINE_STATUS) if new != old else Action.MACHINE_STATUS
    details: dict[str, Any] = {"machine": str(instance.pk), "old": old, "new": new, "reason": reason}
    if by and by != instance.owner and action in BY_OTHERS:
        record_and_tell(action, instance.owner, by=by, **details)
    else:
        write(action, by=by, on=instance.owner, **details)


def move(
    instance: Instance,
    new: Status,
    reason: Reason,
    *,
    by: User | None = None,
    record: Record = NOTHING,
    **fields: Any,
) -> bool:
    """Change a status by compare-and-set, with its record and `fields`. False: another process was first.

    The instance is as the caller has read it, and is brought up to date. Raises ValueError for a move that is not in
    `states.MOVES`.
    """
    old = Status(instance.status)
    if new not in MOVES[old]:
        raise ValueError(f"{old} does not become {new}")
    at = clock.now()
    since = record.since or at
    run = Run(instance=instance, reason=reason, by=by, began_at=since) if _begins_run(new, reason) else None
    changes = {"status": new, "status_reason": reason, "status_since": at, **_follow(new, at), **fields}
    changes |= {"run": run} if run else {}
    with transaction.atomic():
        current = Instance.objects.filter(pk=instance.pk, status=old, status_since=instance.status_since)
        if not current.update(**changes):
            return False
        if _ends_run(old, new, reason):
            _end_run(instance.run_id, since, instance.status_reason if run else reason, record.receipt)
        there = Instance.objects.get(pk=instance.pk)  # with what others may have noted meanwhile
        if run:
            _begin(run, Run.objects.get(pk=instance.run_id), there)
        write_line(instance, old, new, reason, replace(record, size=there.size), by=by, at=at)
    for name, value in changes.items():
        setattr(instance, name, value)
    instance._state.fields_cache.pop("run", None)  # what ended is read again
    return True


def _follow(new: Status, at: datetime) -> dict[str, Any]:
    """Return the fields to reset for a new status. Those of a run are not here: a new run replaces it as a whole."""
    match new:
        case Status.PENDING:  # a new attempt: reset what the last one has set
            return fresh(Attempt) | fresh(Observed) | fresh(Trouble)
        case Status.STARTING | Status.RUNNING:
            return fresh(Trouble)
        case Status.STOPPED:
            return {"stopped_at": at, "public_ip": None, **NOT_REFUSED}
        case Status.STOPPING | Status.TERMINATING:
            return NO_WAIT
        case Status.TERMINATED:
            return {"public_ip": None, "private_ip": None, "ipv6_address": None, **NOT_REFUSED}
    return NOT_REFUSED


def _ends_run(old: Status, new: Status, reason: Reason) -> bool:
    return new in {Status.STOPPED, Status.FAILED, Status.TERMINATING, Status.TERMINATED} or (
        old is Status.STOPPING and _begins_run(new, reason)
    )


def _begins_run(new: Status, reason: Reason) -> bool:
    """Return whether this is a start: asked for here, or found to have happened outside."""
    return new in {Status.PENDING, Status.STARTING} or (new is Status.RUNNING and reason is Reason.OUTSIDE)


def _begin(run: Run, last: Run, instance: Instance) -> None:
    """Save a run to which its machine points already; a start outside Ondol may have been seen before."""
    shown, is_up = instance.seen_launched_at, instance.seen_view in {View.PENDING, View.RUNNING}
    if instance.client_token:  # else this is a new attempt, and nothing was launched before
        run.launched_after = max(filter(None, [last.launched_at, last.launched_after]), default=None)
        if is_up and run.is_launch(shown, is_up=True):
            run.launched_at, run.public_ip = shown, instance.public_ip
        elif shown:
            run.launched_after = max(run.launched_after or shown, shown)
    run.save(force_insert=True)


def _end_run(pk: uuid.UUID, at: datetime, reason: str, receipt: Receipt | None) -> None:
    receipts = {"receipt": receipt.to_json()} if receipt else {}
    Run.objects.filter(pk=pk, ended_at=None).update(ended_at=at, end_reason=reason, **receipts)
