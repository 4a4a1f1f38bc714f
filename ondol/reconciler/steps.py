"""What is done in AWS for one machine, one act at a time, and how it is recorded. Each may be done twice."""

import contextlib
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from ondol import clock
from ondol.accounts.models import User
from ondol.autostop import alarm
from ondol.cloud.errors import CloudError, Gone
from ondol.cloud.port import Cloud, InstanceState
from ondol.config import config
from ondol.deployment import fingerprints
from ondol.instances.decision import Decision, Step
from ondol.instances.groups import NO_WAIT
from ondol.instances.lifecycle import TIMEOUTS
from ondol.instances.models import ChosenKey, Instance, KeyReplacement, Launch, SshKey
from ondol.instances.moves import move
from ondol.instances.observation import View
from ondol.instances.record import Record
from ondol.instances.runs import Run
from ondol.instances.ssh_ranges import wished
from ondol.instances.states import Status
from ondol.instances.troubles import is_kept
from ondol.reconciler import alarms, ingress, keys, pace, replacement, resources, sizes, stops
from ondol.reconciler.inside import Enter
from ondol.reconciler.job_lease import JobLease, JobLeaseLost

log = logging.getLogger(__name__)

PROBE_AGAIN = timedelta(seconds=1)
FORCE_AGAIN = timedelta(minutes=1)
CLEAN_AGAIN = timedelta(seconds=10)


Answers = Callable[[str, int], bool]
"""Whether an SSH server answers at that address and port."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an act may reach."""

    cloud: Cloud
    ensure_job_lease: JobLease
    answers: Answers
    enter: Enter
    plan_next: "Callable[[], Plan | None]"
    """Decides the next step, and announces it, in the caller's transaction, in which this job is ours."""

    def still_ours(self) -> None:
        """Raise JobLeaseLost unless this job is still ours, in a transaction of its own."""
        with transaction.atomic():
            self.ensure_job_lease()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do next, and the row it was decided on."""

    instance: Instance
    decision: Decision
    superseded: tuple[str, ...] = ()
    maybe_done: bool = False
    """It may have been done before, by a worker that was killed, or whose answer was lost."""
    last_key: str = ""
    """The key pair that an earlier try has asked for."""


def record(instance: Instance, ensure_job_lease: JobLease, run: Mapping[str, Any] | None = None, **fields: Any) -> None:
    """Save the result of an act, if this job is still ours. The status is not changed: it may have moved.

    If a new attempt has begun meanwhile, nothing is saved: the answer was about the old one. Fields of `run` are saved
    to the run that the act was for, unless it is over.
    """
    with transaction.atomic():
        ensure_job_lease()
        same = Instance.objects.filter(pk=instance.pk, client_token=instance.client_token)
        if same.update(**fields, updated_at=clock.real_now()) and run:
            Run.objects.filter(pk=instance.run_id, ended_at=None).update(**run)


def _record_view(
    instance: Instance, view: View, ensure_job_lease: JobLease, run: Mapping[str, Any] | None = None, **fields: Any
) -> None:
    instance.observed(view, clock.now())
    seen = {"seen_view": instance.seen_view, "seen_since": instance.seen_since, "seen_at": instance.seen_at}
    record(instance, ensure_job_lease, run, **seen, **_calm(instance), **fields)


def _calm(instance: Instance) -> dict[str, Any]:
    """Return the fields that end the last trouble; the reason of a failed creation, start or stop is kept."""
    return NO_WAIT if is_kept(instance) else NO_WAIT | {"error_code": "", "error_ref": ""}


def _prepare(plan: Plan, context: Context) -> Plan | None:
    instance = plan.instance
    with_key = not SshKey.objects.filter(instance=instance).exists()
    if with_key and plan.last_key:
        # Its private key was not stored. The next try gets another name.
        context.cloud.delete_key(plan.last_key)
        record(instance, context.ensure_job_lease, key_pair_name="")
        return None
    # A new group lets nobody in until ADMIT, which reads what is wished for by then.
    ranges = wished(User.objects.get(pk=instance.owner_id)) if instance.security_group_id else ()
    own = ChosenKey.objects.filter(owner=instance.owner_id).first() if with_key else None
    made = resources.prepare(instance, context.cloud, ranges, with_key=with_key, own=own)
    fields: dict[str, Any] = {"security_group_id": made.group_id}
    if made.is_new:
        fields["made_at"] = clock.now()
    if made.group_id or (made.group_is_sure and not plan.maybe_done):
        fields["group_unsure_at"] = None
    # Also if it is somebody else's, whose tags were swapped in the console.
    tokens = [ec2_instance.client_token for ec2_instance in made.alive]
    known = set(Launch.objects.filter(pk__in=tokens).values_list("pk", flat=True))
    unrecognized = sorted(
        ec2_instance.instance_id for ec2_instance in made.alive if ec2_instance.client_token not in known
    )
    fields["unrecognized_instance_ids"] = unrecognized
    if made.image and not made.errors and not unrecognized:  # image_id is last: with it, the row counts as prepared
        fields |= {"ami_id": made.image.image_id, "root_device": made.image.root_device, **_calm(instance)}
    try:
        following = _keep(instance, made, ranges, own, context, fields)
    except (JobLeaseLost, fingerprints.OtherKeys):
        if made.key:  # its private key would never be used
            with contextlib.suppress(CloudError):
                context.cloud.delete_key(made.key.name)
        raise
    if made.errors:
        raise made.errors[0]
    return following


def _keep(
    instance: Instance,
    made: resources.Prepared,
    ranges: Sequence[str],
    own: ChosenKey | None,
    context: Context,
    fields: dict[str, Any],
) -> Plan | None:
    """Commit what was prepared before the launch: nobody could enter a machine whose key was lost. The same transaction
    decides the next step, mostly the launch and its token, since somebody waits."""
    with transaction.atomic():
        context.ensure_job_lease()
        if made.group_is_set:
            fields = fields | ingress.noted(instance, ranges)
        if key := made.key:
            keys.keep(instance, key, own)
        Instance.objects.filter(pk=instance.pk).update(**fields, updated_at=clock.real_now())
        return context.plan_next() if "ami_id" in fields else None


def _launch(plan: Plan, context: Context) -> None:
    instance = plan.instance
    ec2_instance = resources.launch(instance, context.cloud)
    pace.launched(instance.run, "create")
    _record_view(
        instance, View(ec2_instance.state), context.ensure_job_lease,
        run={"launched_at": ec2_instance.launched_at}, seen_launched_at=ec2_instance.launched_at,
        instance_id=ec2_instance.instance_id, private_ip=ec2_instance.private_ip,
        volume_id=ec2_instance.volume_id, seen_type=instance.instance_type, seen_volume_gib=instance.volume_gib,
        made_at=clock.now(), is_unlimited=instance.is_unlimited,
    )  # fmt: skip


def _arm(plan: Plan, context: Context) -> None:
    instance = plan.instance
    name, armed = alarms.put_next(instance, context.cloud, in_doubt=plan.maybe_done)
    has_other = bool(instance.alarm_name) or plan.maybe_done
    with transaction.atomic():
        context.ensure_job_lease()
        # A change of the rules waits for this row, and sees what is recorded here; if it came first, arm once more.
        Instance.objects.select_for_update().get(pk=instance.pk)
        if not alarm.is_by_rule(instance, armed):
            armed = replace(armed, armed_at=None)
        names = {"alarm_name": name, "has_other_alarm": has_other}
        record(instance, context.ensure_job_lease, asdict(armed), **names, **_calm(instance))


def _drop_alarm(plan: Plan, context: Context) -> None:
    """Delete the alarm that was replaced: only now, since a running machine always has one."""
    instance = plan.instance
    context.still_ours()  # by now, this name may be that of the present alarm, if our worker was frozen
    context.cloud.delete_alarm(instance.other_alarm_name)
    record(instance, context.ensure_job_lease, has_other_alarm=False, **_calm(instance))


def _admit(plan: Plan, context: Context) -> None:
    ingress.make_equal(plan.instance, context.cloud, context.ensure_job_lease)
    record(plan.instance, context.ensure_job_lease, **_calm(plan.instance))


def _replace_key(plan: Plan, context: Context) -> None:
    replacement.replace_key(plan.instance, context)


def _probe(plan: Plan, context: Context) -> None:
    instance = plan.instance
    if instance.public_ip and context.answers(instance.public_ip, config().ssh_port):
        record(instance, context.ensure_job_lease, {"ready_at": clock.now()}, **_calm(instance))
    else:
        record(instance, context.ensure_job_lease, next_at=clock.real_now() + PROBE_AGAIN)


def _start(plan: Plan, context: Context) -> None:
    instance = plan.instance
    ingress.make_equal(instance, context.cloud, context.ensure_job_lease)
    unlimited = sizes.may_be_unlimited(instance)
    # Its type is right already (`lifecycle._start`): setting it again would fail for a type not permitted any more.
    # Its credit mode is unknown if a change of type was interrupted, or made in the console.
    if sizes.is_burstable(instance) and unlimited != instance.is_unlimited:
        context.cloud.set_credits(str(instance.instance_id), unlimited=unlimited)
    view = _view(context.cloud.start(str(instance.instance_id)))
    if not instance.run.starts:
        pace.launched(instance.run, "start")
    accepted = {"starts": F("starts") + 1, "start_asked_at": clock.now()}
    _record_view(instance, view, context.ensure_job_lease, run=accepted, is_unlimited=unlimited)


def _stop(plan: Plan, context: Context) -> None:
    instance = plan.instance
    _record_view(instance, _view(context.cloud.stop(str(instance.instance_id))), context.ensure_job_lease)


def _force_stop(plan: Plan, context: Context) -> None:
    """Ask for a stop that does not wait for the machine's own shutdown; again in a minute, and only that is put off."""
    instance = plan.instance
    log.warning("a machine does not shut down, so its stop is forced", extra={"row": str(instance.pk)})
    _record_view(instance, _view(context.cloud.stop(str(instance.instance_id), force=True)), context.ensure_job_lease)
    again = clock.real_now() + FORCE_AGAIN
    record(instance, context.ensure_job_lease, refused_step=Step.FORCE_STOP, next_at=again)


def _ask_why(plan: Plan, context: Context) -> None:
    """Record that it has stopped, with the reason, the time and the receipt from AWS's history."""
    instance = plan.instance
    reason, stop = stops.why_stopped(instance, context.cloud)
    record = Record(seen=instance.seen_reason)
    fields: dict[str, Any] = {}
    if stop:
        record = Record(seen=instance.seen_reason, since=stop.at, receipt=stops.receipt_of(instance, stop))
        fields = {"stopped_at": stop.at}
    with transaction.atomic():
        context.ensure_job_lease()
        move(instance, Status.STOPPED, reason, record=record, **fields)


def _resize(plan: Plan, context: Context) -> None:
    instance = plan.instance
    wish = instance.instance_type
    unlimited = sizes.may_be_unlimited(instance)
    context.cloud.resize(str(instance.instance_id), wish, unlimited=unlimited)
    sizes.note(instance, context.ensure_job_lease, instance_type=wish)
    record(instance, context.ensure_job_lease, seen_at=clock.now(), is_unlimited=unlimited, **NO_WAIT)


def _grow(plan: Plan, context: Context) -> None:
    instance = plan.instance
    wish = instance.volume_gib
    context.cloud.grow(instance.volume_id, wish)
    sizes.note(instance, context.ensure_job_lease, volume_gib=wish)
    record(instance, context.ensure_job_lease, **NO_WAIT)


def _terminate(plan: Plan, context: Context) -> None:
    instance = plan.instance
    try:
        view = _view(context.cloud.terminate(str(instance.instance_id)))
    except Gone:
        view = View.ABSENT  # or launched a moment ago and not shown yet: gone only if it stays so
    _record_view(instance, view, context.ensure_job_lease)


def _clean(plan: Plan, context: Context) -> None:
    instance = plan.instance
    resources.remove(instance, context.cloud, context.still_ours)
    unsure = instance.group_unsure_at
    shown_after = clock.real_seconds(TIMEOUTS.absent.total_seconds())
    if unsure and not instance.security_group_id and clock.now() - unsure <= shown_after:
        record(instance, context.ensure_job_lease, next_at=clock.real_now() + CLEAN_AGAIN)
        return
    with transaction.atomic():
        context.ensure_job_lease()
        # The key is of no use any more; a new attempt creates a new one.
        SshKey.objects.filter(instance=instance).delete()
        KeyReplacement.objects.filter(instance=instance).delete()
        Instance.objects.filter(pk=instance.pk).update(
            is_clean=True,
            security_group_id="",
            group_doubted_at=None,
            has_other_alarm=False,
            is_key_due=False,
            group_unsure_at=None,
            **NO_WAIT,
            updated_at=clock.real_now(),
        )


STEPS: dict[Step, Callable[[Plan, Context], Plan | None]] = {
    Step.PREPARE: _prepare,
    Step.LAUNCH: _launch,
    Step.ARM: _arm,
    Step.DROP_ALARM: _drop_alarm,
    Step.ADMIT: _admit,
    Step.REPLACE_KEY: _replace_key,
    Step.PROBE: _probe,
    Step.START: _start,
    Step.STOP: _stop,
    Step.FORCE_STOP: _force_stop,
    Step.ASK_WHY: _ask_why,
    Step.RESIZE: _resize,
    Step.GROW: _grow,
    Step.TERMINATE: _terminate,
    Step.CLEAN: _clean,
}
"""Each may return the next plan, if that is decided and announced already."""


def end_superseded(plan: Plan, context: Context) -> None:
    """Terminate machines of attempts that were given up, if AWS shows them with this row's tag and the token of another
    attempt. The row alone is not enough: whoever can write it could terminate anybody's machine."""
    row = plan.instance
    shown = {found.instance_id: found for found in context.cloud.ec2_instances([str(row.pk)])}
    others = set(Instance.objects.filter(instance_id__in=plan.superseded).values_list("instance_id", flat=True))
    attempts = set(row.launches.exclude(pk=row.client_token).values_list("pk", flat=True))
    for instance_id in plan.superseded:
        found = shown.get(instance_id)
        told = {"row": str(row.pk), "instance_id": instance_id}
        if found is None or instance_id in others or found.client_token not in attempts:
            log.error("a machine is not ended: AWS does not show it as an attempt of this row", extra=told)
            continue
        with contextlib.suppress(Gone):
            context.cloud.terminate(instance_id)
        log.warning("ended a superseded machine", extra=told)
    record(row, context.ensure_job_lease, superseded_instance_ids=[], **NO_WAIT)


def _view(state: InstanceState) -> View:
    return View(state)


def ssh_answers(address: str, port: int, timeout: float = 2.0) -> bool:
    """Return whether an SSH server sends its banner there within `timeout` seconds (RFC 4253, 4.2)."""
    try:
        with socket.create_connection((address, port), timeout=timeout) as connection:
            connection.settimeout(timeout)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
