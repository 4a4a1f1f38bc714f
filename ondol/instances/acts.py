"""What is done in AWS for one machine, one act at a time, and how it is recorded. Each may be done twice."""

import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from ondol import clock
from ondol.cloud.errors import CloudError, Gone, Throttled, Unreachable
from ondol.cloud.port import AlarmStop, Cloud, KeyPair, ServerState
from ondol.config import config
from ondol.instances import provision, size, vault
from ondol.instances.lifecycle import PATIENCE, Act, Decision, Reason, Status, View
from ondol.instances.models import Instance, Launch, SshKey, move
from ondol.instances.record import Receipt, Record

log = logging.getLogger(__name__)

Hold = Callable[[], None]
"""Raises LeaseLost, inside a transaction, unless this job is still ours."""
PROBE_AGAIN = timedelta(seconds=1)
_NO_WAIT: dict[str, Any] = {"tries": 0, "next_at": None}
CLEAN_AGAIN = timedelta(seconds=10)


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

    def still_ours(self) -> None:
        """Raise LeaseLost unless this job is, in a transaction of its own."""
        with transaction.atomic():
            self.hold()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do next, and the row it was decided on."""

    instance: Instance
    decision: Decision
    strays: tuple[str, ...] = ()
    again: bool = False
    """It may have been done before: by a worker that was killed, or with an answer that was lost."""
    last_key: str = ""
    """The key pair that an earlier try has asked for."""


def record(instance: Instance, hold: Hold, **fields: Any) -> None:
    """Save what an act has brought, if this job is still ours. The status is not touched: it may have moved.

    Nor is anything if a new attempt has begun meanwhile: the answer was about the old one.
    """
    with transaction.atomic():
        hold()
        same = Instance.objects.filter(pk=instance.pk, client_token=instance.client_token)
        same.update(**fields, updated_at=datetime.now(UTC))


def _record_view(instance: Instance, view: View, hold: Hold, **fields: Any) -> None:
    instance.saw(view, clock.now())
    seen = {"seen_view": instance.seen_view, "seen_since": instance.seen_since, "seen_at": instance.seen_at}
    record(instance, hold, **seen, **_calm(instance), **fields)


def _calm(instance: Instance) -> dict[str, Any]:
    """The last trouble is over; what made a machine fail stays to be read."""
    return _NO_WAIT if instance.status == Status.FAILED.value else _NO_WAIT | {"error_code": "", "error_ref": ""}


def _prepare(plan: Plan, world: World) -> None:
    instance = plan.instance
    with_key = not SshKey.objects.filter(instance=instance).exists()
    if with_key and plan.last_key:
        # Its private key was not kept. The next try gets another name.
        world.cloud.delete_key(plan.last_key)
        record(instance, world.hold, key_pair_name="")
        return
    made = provision.prepare(instance, world.cloud, with_key=with_key)
    fields: dict[str, Any] = {"security_group_id": made.group_id}
    if made.group_id or (made.group_is_sure and not plan.again):
        fields["group_unsure_at"] = None
    # Also if it is somebody else's, whose tags were swapped in the console.
    tokens = [server.client_token for server in made.alive]
    known = set(Launch.objects.filter(pk__in=tokens).values_list("pk", flat=True))
    fields["unknown"] = sorted(server.instance_id for server in made.alive if server.client_token not in known)
    if made.image and not made.errors and not fields["unknown"]:  # last of all: now it is prepared
        fields |= {"ami_id": made.image.image_id, "root_device": made.image.root_device, **_calm(instance)}
    try:
        _keep(instance, made.key, world.hold, fields)
    except LeaseLost:
        if made.key:  # nobody will ever open it
            with contextlib.suppress(CloudError):
                world.cloud.delete_key(made.key.name)
        raise
    if made.errors:
        raise made.errors[0]


def _keep(instance: Instance, key: KeyPair | None, hold: Hold, fields: dict[str, Any]) -> None:
    """Committed before the launch is asked for: a machine whose key was lost lets nobody in."""
    with transaction.atomic():
        hold()
        if key:
            SshKey.objects.create(
                instance=instance,
                key_pair_name=key.name,
                sealed_private_key=vault.seal(str(instance.pk), key.private_key),
                fingerprint=key.fingerprint,
            )
        Instance.objects.filter(pk=instance.pk).update(**fields, updated_at=datetime.now(UTC))


def _launch(plan: Plan, world: World) -> None:
    instance = plan.instance
    server = provision.launch(instance, world.cloud)
    _record_view(
        instance, View(server.state.value), world.hold,
        instance_id=server.instance_id, private_ip=server.private_ip, launched_at=server.launched_at,
        volume_id=server.volume_id, seen_type=instance.instance_type, seen_volume_gb=instance.volume_gb,
    )  # fmt: skip


def _arm(plan: Plan, world: World) -> None:
    instance = plan.instance
    armed = provision.arm(instance, world.cloud)
    with transaction.atomic():
        world.hold()
        # Whoever changes the rules waits for this row, and sees what is recorded here; or has been before: once more.
        Instance.objects.select_for_update().get(pk=instance.pk)
        if not provision.is_by_rule(instance, armed):
            armed["armed_at"] = None
        record(instance, world.hold, **armed, **_calm(instance))


def _probe(plan: Plan, world: World) -> None:
    instance = plan.instance
    if instance.public_ip and world.answers(instance.public_ip, config().ssh_port):
        record(instance, world.hold, ready_at=clock.now(), **_calm(instance))
    else:
        record(instance, world.hold, next_at=datetime.now(UTC) + PROBE_AGAIN)


def _start(plan: Plan, world: World) -> None:
    instance = plan.instance
    with contextlib.suppress(Gone):  # a rule that was taken away would shut its owner out
        world.cloud.open_ssh(instance.security_group_id, config().ssh_cidrs)
    if size.has_had_another_type(instance):  # a worker may have died in the midst of the change
        world.cloud.resize(str(instance.instance_id), instance.instance_type)
    _record_view(instance, _view(world.cloud.start(str(instance.instance_id))), world.hold)


def _stop(plan: Plan, world: World) -> None:
    instance = plan.instance
    _record_view(instance, _view(world.cloud.stop(str(instance.instance_id))), world.hold)


_ASK_WHY = 5
"""Tries, with back-off: half a minute in all."""


def _ask_why(plan: Plan, world: World) -> None:
    """Call it stopped, with the reason, the moment and the receipt that AWS's history gives."""
    instance = plan.instance
    reason, stop = _why_stopped(instance, world.cloud)
    record = Record(seen=instance.seen_reason)
    fields: dict[str, Any] = {}
    if stop:
        record = Record(seen=instance.seen_reason, since=stop.at, receipt=_receipt(instance, stop))
        fields = {"stopped_at": stop.at}
    with transaction.atomic():
        world.hold()
        move(instance, Status.STOPPED, reason, record=record, **fields)


def _why_stopped(instance: Instance, cloud: Cloud) -> tuple[Reason, AlarmStop | None]:
    """Tell an idle stop from one in the console by the alarm's own history: EC2's reason looks the same."""
    if instance.seen_reason == "Client.InstanceInitiatedShutdown":
        return Reason.INSIDE, None
    if not (instance.alarm_name and instance.launched_at):
        return Reason.OUTSIDE, None
    try:
        stop = cloud.stopped_by_alarm(instance.alarm_name, instance.launched_at)
    except CloudError as error:
        if isinstance(error, Throttled | Unreachable) and instance.tries < _ASK_WHY:
            raise
        # That it stopped matters more than why.
        log.warning("the alarm's history cannot be read", extra={"row": str(instance.pk), "code": error.code})
        stop = None
    return (Reason.IDLE if stop else Reason.OUTSIDE), stop


def _receipt(instance: Instance, stop: AlarmStop) -> Receipt:
    """Return the values that the alarm has judged, and the rule that it judged them by."""
    percent = instance.armed_cpu_percent if stop.cpu_percent is None else stop.cpu_percent
    return Receipt(tuple(round(value, 2) for value in stop.cpu), instance.armed_idle_minutes, percent)


def _resize(plan: Plan, world: World) -> None:
    instance = plan.instance
    wish = instance.instance_type
    world.cloud.resize(str(instance.instance_id), wish)
    size.note(instance, world.hold, instance_type=wish)
    record(instance, world.hold, seen_at=clock.now(), **_NO_WAIT)


def _grow(plan: Plan, world: World) -> None:
    instance = plan.instance
    wish = instance.volume_gb
    world.cloud.grow(instance.volume_id, wish)
    size.note(instance, world.hold, volume_gb=wish)
    record(instance, world.hold, **_NO_WAIT)


def _terminate(plan: Plan, world: World) -> None:
    instance = plan.instance
    try:
        view = _view(world.cloud.terminate(str(instance.instance_id)))
    except Gone:
        view = View.ABSENT  # or launched a moment ago and not shown yet: gone only if it stays so
    _record_view(instance, view, world.hold)


def _clean(plan: Plan, world: World) -> None:
    instance = plan.instance
    provision.remove(instance, world.cloud, world.still_ours)
    unsure = instance.group_unsure_at
    shown_after = clock.real_seconds(PATIENCE.absent.total_seconds())
    if unsure and not instance.security_group_id and clock.now() - unsure <= shown_after:
        record(instance, world.hold, next_at=datetime.now(UTC) + CLEAN_AGAIN)
        return
    with transaction.atomic():
        world.hold()
        # A key that opens nothing any more is not kept; a new attempt makes a new one.
        SshKey.objects.filter(instance=instance).delete()
        Instance.objects.filter(pk=instance.pk).update(
            is_clean=True,
            security_group_id="",
            group_unsure_at=None,
            tries=0,
            next_at=None,
            updated_at=datetime.now(UTC),
        )


ACTS: dict[Act, Callable[[Plan, World], None]] = {
    Act.PREPARE: _prepare,
    Act.LAUNCH: _launch,
    Act.ARM: _arm,
    Act.PROBE: _probe,
    Act.START: _start,
    Act.STOP: _stop,
    Act.ASK_WHY: _ask_why,
    Act.RESIZE: _resize,
    Act.GROW: _grow,
    Act.TERMINATE: _terminate,
    Act.CLEAN: _clean,
}


def end_strays(plan: Plan, world: World) -> None:
    """End machines of attempts that were given up; they carry this row's tag and this deployment's, but not its id."""
    for instance_id in plan.strays:
        with contextlib.suppress(Gone):
            world.cloud.terminate(instance_id)
        log.warning("ended a stray", extra={"row": str(plan.instance.pk), "instance_id": instance_id})
    record(plan.instance, world.hold, strays=[])


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
