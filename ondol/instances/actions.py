"""What people may ask of their machine. Each stores a wish and enqueues a job in one transaction; none calls AWS."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from ondol import clock
from ondol.accounts.models import User
from ondol.audit.record import Action, refusals_of
from ondol.database.kept import Kept
from ondol.instances import admin_letters, own_keys
from ondol.instances.allowance import require_creation_left, require_start_left
from ondol.instances.asker import asker, require_administrator, require_approved
from ondol.instances.errors import ActionError
from ondol.instances.jobs import enqueue_now
from ondol.instances.lifecycle import withdrawal
from ondol.instances.messages.reasons import UNKNOWN_MACHINE, explanation
from ondol.instances.models import Instance, KeyReplacement
from ondol.instances.moves import move, write_line
from ondol.instances.record import Record
from ondol.instances.runs import Run
from ondol.instances.sizes import Size, chosen
from ondol.instances.states import Reason, Status
from ondol.priorities import BY_THE_CLOCK

MAY_RUN: list[Callable[[User], None]] = []
"""What other apps check before a machine runs, such as a budget: each may raise ActionError."""


def current(user: User) -> Instance | None:
    """Return the person's machine, if there is one; terminated ones do not count."""
    return _CURRENT.first(user.pk)


_CURRENT = Kept[Instance](
    lambda owner: (
        Instance.objects.select_related("run", "owner", "ssh_key", "key_replacement")
        .filter(owner_id=owner)
        .exclude(status=Status.TERMINATED)
    ),
    1,
)


def machines_of(people: Collection[User]) -> dict[int, Instance]:
    """Return the machines of many people, by owner; one query."""
    rows = Instance.objects.filter(owner__in=people).exclude(status=Status.TERMINATED).select_related("run", "owner")
    return {row.owner_id: row for row in rows}


@refusals_of(Action.MACHINE_CREATE)
def create(
    user: User,
    instance_type: str | None = None,
    volume_gib: int | None = None,
    public_key: str | None = None,
    *,
    by: User | None = None,
) -> Instance:
    """Ask for a machine, of the usual size or another that is permitted, and with a key of one's own if it is given.

    Asking again while it is created returns the same one; after a failure it is a new attempt. An administrator may ask
    for somebody else, whose approval, rules and limits apply.
    """
    actor, reason = asker(user, by)
    require_approved(user)
    with transaction.atomic():
        if public_key is not None:
            own_keys.choose(user, public_key)
        instance = _mine_for_update(user)
        require_approved(user)  # once more, here and below: a suspension may have held the lock until now
        if instance is None:
            _require_leave(user)
            require_creation_left(user)
            instance = _insert(user, chosen(user, instance_type, volume_gib), actor, reason)
            admin_letters.tell_later(Action.MACHINE_CREATE, user, actor)
        elif instance.status == Status.FAILED:
            if instance.unrecognized_instance_ids:
                raise ActionError("unknown_machine", str(UNKNOWN_MACHINE.cause), str(UNKNOWN_MACHINE.next_step))
            if not instance.is_clean:
                raise ActionError(
                    "cleaning_up",
                    _("What the last attempt left behind is being cleaned up."),
                    _("Try again in a minute or two."),
                )
            _require_leave(user)
            require_creation_left(user)
            last = Size(instance.instance_type, instance.volume_gib)
            size = chosen(user, instance_type, volume_gib, last)
            move(instance, Status.PENDING, reason, by=actor, **asdict(size))
            admin_letters.tell_later(Action.MACHINE_CREATE, user, actor)
        elif instance.status == Status.TERMINATING:
            raise _ending(instance)
        elif instance.status != Status.PENDING:
            raise ActionError(
                "already_there", _("You have a machine already."), _("Each person has one. Start it instead.")
            )
        enqueue_now(instance)
    return instance


@refusals_of(Action.MACHINE_START)
def start(user: User, *, by: User | None = None) -> Instance:
    """Ask for a start; by an administrator for somebody else. Running or starting already is fine."""
    actor, reason = asker(user, by)
    require_approved(user)
    with transaction.atomic():
        instance = _existing(user)
        require_approved(user)
        match Status(instance.status):
            case Status.STOPPED:
                _require_leave(user)
                require_start_left(user)
                move(instance, Status.STARTING, reason, by=actor)
                admin_letters.tell_later(Action.MACHINE_START, user, actor)
            case Status.RUNNING | Status.STARTING | Status.PENDING:
                pass
            case Status.STOPPING:
                raise ActionError(
                    "stopping", _("Your machine is stopping."), _("You can start it as soon as it has stopped.")
                )
            case Status.FAILED:
                raise ActionError(
                    "failed", _("Your machine could not be created, so there is nothing to start."), _("Try again.")
                )
            case _:
                raise _ending(instance)
        enqueue_now(instance)
    return instance


@refusals_of(Action.MACHINE_STOP)
def stop(user: User, *, by: User | None = None, still: Callable[[Instance], bool] = lambda row: True) -> Instance:
    """Ask for a stop; by an administrator for somebody else. Stopped or stopping already is fine. A running machine is
    not stopped if `still` is false for it now."""
    actor, reason = asker(user, by)
    if actor == user:
        require_approved(user)
    with transaction.atomic():
        instance = _existing(user)
        match Status(instance.status):
            case Status.RUNNING if not still(instance):
                return instance
            case Status.RUNNING:
                move(instance, Status.STOPPING, reason, by=actor)
            case Status.STOPPED | Status.STOPPING:
                pass
            case Status.PENDING | Status.STARTING:
                raise ActionError("starting", _("The machine is starting."), _("You can stop it as soon as it runs."))
            case Status.FAILED:
                raise ActionError("failed", _("The machine could not be created, so there is nothing to stop."))
            case _:
                raise _ending(instance)
        enqueue_now(instance)
    return instance


def stop_by_rule(user: User, reason: Reason, still: Callable[[Instance], bool]) -> bool:
    """Stop a running machine by a rule, if the rule `still` holds; False: it does not, or nothing runs."""
    with transaction.atomic():
        instance = _mine_for_update(user)
        if instance is None or instance.status != Status.RUNNING or not still(instance):
            return False
        move(instance, Status.STOPPING, reason)
        enqueue_now(instance, BY_THE_CLOCK)  # when the allowed hours end, many come at once: a click goes first
    return True


def withdraw(owner: User, by: User | None) -> None:
    """Stop the machine of somebody who is not approved any more, and forget what they asked for it. It may run twice.

    Whatever still starts later, such as by a StartInstances under way, is stopped by `lifecycle.decide`.
    """
    with transaction.atomic():
        instance = _mine_for_update(owner)
        if instance is None:
            return
        Run.objects.filter(pk=instance.run_id, ended_at=None).update(
            awake_until=None, waived_close=None, lease_until=None
        )
        # And its security group shall let nobody in, as `ssh_ranges.wished` says.
        Instance.objects.filter(pk=instance.pk).update(ssh_ranges_at=None, **asdict(instance.size))
        KeyReplacement.give_up_asked(instance, "not_approved")
        decision = withdrawal(Status(instance.status), instance.seen, clock.now())
        if decision and decision.to:
            move(instance, decision.to, decision.reason, by=by)
        enqueue_now(instance)


@refusals_of(Action.MACHINE_TERMINATE)
def terminate(user: User, *, by: User) -> Instance:
    """Terminate a person's machine with all its data; administrators only. Terminating already is fine."""
    require_administrator(by)
    with transaction.atomic():
        instance = _existing(user)
        if instance.status != Status.TERMINATING:
            move(instance, Status.TERMINATING, Reason.ADMIN, by=by)
        enqueue_now(instance)
    return instance


@contextmanager
def wish_of(user: User, *, by: User | None = None) -> Iterator[Instance]:
    """Yield one's own machine, or an administrator somebody else's, locked to change what is asked of it. A job is
    enqueued with the commit."""
    asker(user, by)
    require_approved(user)
    with transaction.atomic():
        instance = _existing(user)
        require_approved(user)
        yield instance
        enqueue_now(instance)


def tell_address(instance: Instance) -> bool:
    """Return whether the owner is to be told that the address has changed; true only once."""
    return bool(Instance.objects.filter(pk=instance.pk, address_changed=True).update(address_changed=False))


def _insert(user: User, size: Size, by: User, reason: Reason) -> Instance:
    try:
        with transaction.atomic():
            instance = Instance.objects.create(
                run=Run(by=by, reason=reason),
                owner=user,
                status_reason=reason,
                instance_type=size.instance_type,
                volume_gib=size.volume_gib,
            )
    except IntegrityError:  # another click was first
        return _existing(user)
    write_line(instance, None, Status.PENDING, reason, Record(size), by=by, at=clock.now())
    return instance


def _mine_for_update(user: User) -> Instance | None:
    return Instance.objects.select_for_update().filter(owner=user).exclude(status=Status.TERMINATED).first()


def _existing(user: User) -> Instance:
    instance = _mine_for_update(user)
    if instance is None:
        raise ActionError("no_machine", _("There is no machine."), "", 404)
    return instance


def _require_leave(user: User) -> None:
    for rule in MAY_RUN:
        rule(user)


def _ending(instance: Instance) -> ActionError:
    found = explanation(Status(instance.status), Reason(instance.status_reason))
    return ActionError("terminating", str(found.cause) if found else "", _("Afterwards a new one can be made."))
