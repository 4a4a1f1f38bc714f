"""One machine: see, decide, act, record. Every step may run twice; no AWS call is inside a transaction."""

import contextlib
import logging
import random
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from ondol import clock
from ondol.cloud.errors import CloudError, Gone, NoCapacity, Quota, Refused, Spent, Unreachable
from ondol.cloud.port import Cloud, ServerState
from ondol.config import config
from ondol.instances import provision, vault
from ondol.instances.lifecycle import Act, Decision, Patience, Reason, Status, View, decide
from ondol.instances.models import Instance, SshKey, move

log = logging.getLogger(__name__)

Hold = Callable[[], None]
"""Raises LeaseLost, inside a transaction, unless this job is still ours."""
STEPS = 20
"""At most so many steps in one go: a provisioning takes about seven."""
BACKOFF_MAX = timedelta(seconds=30)
PROBE_AGAIN = timedelta(seconds=1)


class LeaseLost(Exception):
    """Another worker has taken this job over; whatever we were about to record is theirs to do."""


Answers = Callable[[str, int], bool]
"""Whether an SSH server answers at that address and port."""


@dataclass(frozen=True, slots=True)
class World:
    """What an act may reach."""

    cloud: Cloud
    hold: Hold
    answers: Answers


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do next, and the row it was decided on."""

    instance: Instance
    decision: Decision
    strays: tuple[str, ...] = ()
    again: bool = False
    """A launch under this client token may have been asked for before."""


def patience() -> Patience:
    """AWS takes real minutes, whatever the machines' clock does."""
    base = Patience()
    return Patience(*(clock.real_seconds(limit.total_seconds()) for limit in (base.change, base.ready, base.absent)))


def reconcile(row: str, cloud: Cloud, hold: Hold, answers: "Answers | None" = None) -> None:
    """Bring one machine as far as it goes without waiting; `answers` tells whether SSH does."""
    world = World(cloud, hold, answers or ssh_answers)
    for _ in range(STEPS):
        plan = _plan(row, hold)
        if plan is None:
            return
        try:
            if plan.strays:
                _end_strays(plan, world)
            elif plan.decision.to is not None:
                _move(plan, world)
            else:
                ACTS[plan.decision.act](plan, world)
        except CloudError as error:
            _trouble(plan, error, hold)
        except LeaseLost:
            raise
        except Exception:
            # Without a back-off the next look would try this row again, and again, every two seconds.
            _record(plan.instance, hold, **_backoff(plan.instance, "internal"))
            raise


def _plan(row: str, hold: Hold) -> Plan | None:
    with transaction.atomic():
        hold()
        instance = Instance.objects.select_related("owner").select_for_update(of=("self",)).filter(pk=row).first()
        if instance is None or (instance.next_at is not None and instance.next_at > datetime.now(UTC)):
            return None
        decision = decision_for(instance)
        if instance.strays:
            return Plan(instance, decision, tuple(instance.strays))
        if decision.is_wait:
            return None
        again = instance.client_token is not None
        if decision.act is Act.LAUNCH and not again:
            instance.client_token = provision.new_client_token()
            instance.is_clean = False
            instance.save(update_fields=["client_token", "is_clean", "updated_at"])
        return Plan(instance, decision, again=again)


def decision_for(instance: Instance) -> Decision:
    """What the state machine says of this row now."""
    return decide(
        Status(instance.status),
        Reason(instance.status_reason),
        instance.seen,
        instance.status_since,
        instance.seen_at or instance.status_since,  # lateness counts only as far as we have looked
        patience(),
    )


def _record(instance: Instance, hold: Hold, **fields: Any) -> None:
    """Save what an act has brought, if this job is still ours. The status is not touched: it may have moved."""
    with transaction.atomic():
        hold()
        Instance.objects.filter(pk=instance.pk).update(**fields, updated_at=datetime.now(UTC))


def _record_view(instance: Instance, view: View, hold: Hold, **fields: Any) -> None:
    instance.saw(view, clock.now())
    seen = {"seen_view": instance.seen_view, "seen_since": instance.seen_since, "seen_at": instance.seen_at}
    _record(instance, hold, **seen, **_calm(instance), **fields)


def _calm(instance: Instance) -> dict[str, Any]:
    """The last trouble is over; what made a machine fail stays to be read."""
    over: dict[str, Any] = {"tries": 0, "next_at": None}
    return over if instance.status == Status.FAILED.value else over | {"error_code": "", "error_ref": ""}


# --- acts ------------------------------------------------------------------------------------------------------------
def _launch(plan: Plan, world: World) -> None:
    instance = plan.instance
    if plan.again or not provision.is_prepared(instance):
        _prepare(instance, world, plan.again)
        instance = Instance.objects.select_related("owner").get(pk=instance.pk)
    server = provision.launch(instance, world.cloud)
    _record_view(
        instance, View(server.state.value), world.hold,
        instance_id=server.instance_id, private_ip=server.private_ip, launched_at=server.launched_at,
    )  # fmt: skip


def _prepare(instance: Instance, world: World, again: bool) -> None:
    prepared = provision.prepare(instance, world.cloud, again=again)
    fields: dict[str, Any] = {}
    if prepared.group_id:
        fields["security_group_id"] = prepared.group_id
    if prepared.image:
        fields |= {"ami_id": prepared.image.image_id, "root_device": prepared.image.root_device}
    with transaction.atomic():
        world.hold()
        if prepared.key:
            # Committed before the launch is asked for: a machine whose key was lost lets nobody in.
            fields["key_pair_name"] = prepared.key.name
            SshKey.objects.update_or_create(
                instance=instance,
                defaults={
                    "key_pair_name": prepared.key.name,
                    "sealed_private_key": vault.seal(str(instance.pk), prepared.key.private_key),
                    "fingerprint": prepared.key.fingerprint,
                },
            )
        if fields:
            Instance.objects.filter(pk=instance.pk).update(**fields, updated_at=datetime.now(UTC))
    if prepared.error:
        raise prepared.error


def _arm(plan: Plan, world: World) -> None:
    instance = plan.instance
    _record(instance, world.hold, **provision.arm(instance, world.cloud), **_calm(instance))


def _probe(plan: Plan, world: World) -> None:
    instance = plan.instance
    if instance.public_ip and world.answers(instance.public_ip, config().ssh_port):
        _record(instance, world.hold, ready_at=clock.now(), **_calm(instance))
    else:
        _record(instance, world.hold, next_at=datetime.now(UTC) + PROBE_AGAIN)


def _start(plan: Plan, world: World) -> None:
    instance = plan.instance
    _record_view(instance, _view(world.cloud.start(str(instance.instance_id))), world.hold)


def _stop(plan: Plan, world: World) -> None:
    instance = plan.instance
    _record_view(instance, _view(world.cloud.stop(str(instance.instance_id))), world.hold)


def _terminate(plan: Plan, world: World) -> None:
    instance = plan.instance
    try:
        view = _view(world.cloud.terminate(str(instance.instance_id)))
    except Gone:
        view = View.ABSENT  # or launched a moment ago and not shown yet: gone only if it stays so
    _record_view(instance, view, world.hold)


def _clean(plan: Plan, world: World) -> None:
    instance = plan.instance
    provision.remove(instance, world.cloud)
    with transaction.atomic():
        world.hold()
        # A key that opens nothing any more is not kept; a new attempt makes a new one.
        SshKey.objects.filter(instance=instance).delete()
        Instance.objects.filter(pk=instance.pk).update(
            is_clean=True, security_group_id="", tries=0, next_at=None, updated_at=datetime.now(UTC)
        )


ACTS: dict[Act, Callable[[Plan, World], None]] = {
    Act.LAUNCH: _launch,
    Act.ARM: _arm,
    Act.PROBE: _probe,
    Act.START: _start,
    Act.STOP: _stop,
    Act.TERMINATE: _terminate,
    Act.CLEAN: _clean,
}


def _end_strays(plan: Plan, world: World) -> None:
    """End machines of attempts that were given up; they carry this row's tag and this deployment's, but not its id."""
    for instance_id in plan.strays:
        with contextlib.suppress(Gone):
            world.cloud.terminate(instance_id)
        log.warning("ended a stray", extra={"row": str(plan.instance.pk), "instance_id": instance_id})
    _record(plan.instance, world.hold, strays=[])


def _view(state: ServerState) -> View:
    return View(state.value)


def ssh_answers(address: str, port: int, timeout: float = 2.0) -> bool:
    """Whether an SSH server shows its banner there within `timeout` seconds (RFC 4253, 4.2)."""
    try:
        with socket.create_connection((address, port), timeout=timeout) as connection:
            connection.settimeout(timeout)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


# --- moves -----------------------------------------------------------------------------------------------------------
def _move(plan: Plan, world: World) -> None:
    instance, to, reason = plan.instance, plan.decision.to, plan.decision.reason
    if to is None:
        return
    if reason is Reason.UNKNOWN or (to is Status.STOPPED and reason is Reason.OUTSIDE):
        reason = _why_stopped(instance, world.cloud)
    with transaction.atomic():
        world.hold()
        fields: dict[str, Any] = {"error_ref": new_reference()} if to is Status.FAILED else {}
        if to is Status.FAILED and not instance.error_code:
            fields["error_code"] = instance.seen_reason or reason.value
        move(instance, to, reason, detail={"seen": instance.seen_reason} if instance.seen_reason else {}, **fields)


def _why_stopped(instance: Instance, cloud: Cloud) -> Reason:
    """The alarm's own history tells an idle stop from one in the console: EC2's reason looks the same for both."""
    if instance.seen_reason == "Client.InstanceInitiatedShutdown":
        return Reason.INSIDE
    if not (instance.alarm_name and instance.launched_at):
        return Reason.OUTSIDE
    return Reason.IDLE if cloud.stopped_by_alarm(instance.alarm_name, instance.launched_at) else Reason.OUTSIDE


# --- trouble ---------------------------------------------------------------------------------------------------------
_GIVEN_UP = {NoCapacity: Reason.NO_CAPACITY, Quota: Reason.QUOTA, Refused: Reason.REFUSED}


def _trouble(plan: Plan, error: CloudError, hold: Hold) -> None:
    instance, act = plan.instance, plan.decision.act
    log.warning(
        "AWS did not do what was asked",
        extra={"row": str(instance.pk), "act": act.value, "code": error.code, "kind": type(error).__name__},
    )
    if isinstance(error, Spent):
        # Terminated outside, or launched with other settings; the look ends it as a stray if it is alive.
        _record(instance, hold, client_token=provision.new_client_token(), ami_id="", **_backoff(instance, error.code))
        return
    given_up = _GIVEN_UP.get(type(error))
    status = Status(instance.status)
    if given_up and not plan.strays and status in {Status.PENDING, Status.STARTING}:
        _give_up(instance, given_up, error, hold)
    else:
        # AWS has answered, so time counts: a launch that is put off for ever fails at last.
        told = {} if isinstance(error, Unreachable) else {"seen_at": clock.now()}
        _record(instance, hold, **_backoff(instance, error.code), **told)


def _give_up(instance: Instance, reason: Reason, error: CloudError, hold: Hold) -> None:
    """AWS has said no. A new machine failed, with nothing left behind; one that should start stays stopped."""
    to = Status.STOPPED
    fields: dict[str, Any] = {}
    if instance.status == Status.PENDING.value:
        to = Status.FAILED
        if instance.instance_id is None:
            # A definite no: had an earlier try under this token launched one, AWS would have returned it.
            fields["client_token"] = None
    with transaction.atomic():
        hold()
        moved = move(
            instance, to, reason,
            detail={"code": error.code}, error_code=error.code[:80], error_ref=new_reference(),
            **fields, tries=0, next_at=None,
        )  # fmt: skip
    if moved:
        log.error("gave up: %s", error, extra={"row": str(instance.pk), "reference": instance.error_ref})


def _backoff(instance: Instance, code: str) -> dict[str, Any]:
    """The next try: after 1, 2, 4 … 30 seconds, a little spread so that many do not come at once."""
    seconds = min(2.0 ** min(instance.tries, 10), BACKOFF_MAX.total_seconds()) * random.uniform(0.8, 1.2)  # noqa: S311
    return {
        "tries": instance.tries + 1,
        "next_at": datetime.now(UTC) + timedelta(seconds=seconds),
        "error_code": code[:80],
    }


def new_reference() -> str:
    """What a person tells an administrator, and what the log has: 8 letters and digits without look-alikes."""
    return "".join(secrets.choice("23456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(8))
