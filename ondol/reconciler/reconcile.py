"""One machine: see, decide, act, record. Every step may run twice; no AWS call is inside a transaction."""

import logging
import random
from dataclasses import fields, replace
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction

from ondol import clock
from ondol.cloud.errors import CloudError, Gone, NoCapacity, Quota, Refused, Unreachable
from ondol.cloud.port import Cloud
from ondol.deployment.aws_record import on_behalf_of
from ondol.deployment.fingerprints import OtherKeys
from ondol.instances.decision import Decision, Step
from ondol.instances.jobs import enqueue
from ondol.instances.lifecycle import Timeouts, decide
from ondol.instances.models import Instance, Launch
from ondol.instances.moves import move
from ondol.instances.observation import View
from ondol.instances.record import Failure, Record, Wish
from ondol.instances.states import Reason, Status
from ondol.instances.troubles import is_kept
from ondol.priorities import AFTER_NEWS, USUAL
from ondol.reconciler import ingress, pace, refusals, replacement, resources, sizes
from ondol.reconciler.inside import Enter, enter
from ondol.reconciler.job_lease import JobLease, JobLeaseLost
from ondol.reconciler.lag import is_lag
from ondol.reconciler.references import new_reference
from ondol.reconciler.steps import STEPS, Answers, Context, Plan, end_superseded, record, ssh_answers

log = logging.getLogger(__name__)

MAX_STEPS = 20
"""The most steps in one job: a provisioning takes about seven."""
BACKOFF_MAX = timedelta(seconds=30)
BARE_FOR = timedelta(minutes=1)
"""Real time. As long as the alarms of 180 machines take."""
_FAILURES = {Reason.TOO_LATE, Reason.STOP_FAILED, Reason.UNARMED, Reason.START_UNDONE}
"""Moves for these reasons get a reference, as does every move to FAILED."""


def timeouts() -> Timeouts:
    """Return the time-outs on the machines' clock: AWS takes real minutes, however fast that runs."""
    base = Timeouts()
    return Timeouts(
        **{field.name: clock.real_seconds(getattr(base, field.name).total_seconds()) for field in fields(base)}
    )


def reconcile(
    row: str, cloud: Cloud, ensure_job_lease: JobLease, answers: Answers = ssh_answers, enter: Enter = enter
) -> None:
    """Bring one machine as far as it goes without waiting; `answers` checks SSH, `enter` connects by it."""
    try:
        _go_on(row, Context(cloud, ensure_job_lease, answers, enter, partial(_plan_held, row)))
    except JobLeaseLost:
        ingress.doubt(row)  # our last call may have come after those of the worker that goes on
        raise


def _go_on(row: str, context: Context) -> None:
    ensure_job_lease = context.ensure_job_lease
    is_armed, following = False, None
    for _ in range(MAX_STEPS):
        plan = following or _plan(row, ensure_job_lease)
        following = None
        if plan is None:
            return
        try:
            if plan.decision.step is Step.ARM and is_armed and not plan.instance.run.needs_rearm:
                _clocks_differ(plan, ensure_job_lease)
                return
            is_armed = is_armed or plan.decision.step is Step.ARM
            with on_behalf_of(plan.instance.owner):
                following, is_over = _act(plan, context)
            if is_over:
                return
        except CloudError as error:
            _trouble(plan, error, ensure_job_lease)
        except JobLeaseLost:
            raise
        except OtherKeys as error:  # expected: this worker has old settings; another one may do it
            log.error("%s", error, extra={"row": str(plan.instance.pk)})
            record(plan.instance, ensure_job_lease, **_backoff(plan.instance, "OtherKeys"))
        except Exception:
            # Without a back-off, observations would try this row again every two seconds.
            record(plan.instance, ensure_job_lease, **_backoff(plan.instance, "internal"))
            raise


def _act(plan: Plan, context: Context) -> tuple[Plan | None, bool]:
    """Do one step; return the next one, if it is decided and announced already, and whether another job does it."""
    if plan.superseded:
        end_superseded(plan, context)
    elif plan.decision.to is not None:
        return None, _move(plan, context.ensure_job_lease)
    else:
        return STEPS[plan.decision.step](plan, context), False
    return None, False


def _plan(row: str, ensure_job_lease: JobLease) -> Plan | None:
    with transaction.atomic():
        ensure_job_lease()
        return _plan_held(row)


def _plan_held(row: str) -> Plan | None:
    """Decide the next step and announce it, in a transaction in which this job is ours."""
    # Its owner is read by another query, after the row is locked, so that their approval is up to date.
    instance = Instance.objects.select_for_update().filter(pk=row).first()
    if instance is None:
        return None
    decision = decision_for(instance)
    if refusals.is_put_off(instance, decision):
        return None
    # Before a launch, since nobody may have two machines; otherwise after what its owner waits for.
    if instance.superseded_instance_ids and (decision.is_wait or decision.step in {Step.PREPARE, Step.LAUNCH}):
        return Plan(instance, decision, tuple(instance.superseded_instance_ids))
    if decision.is_wait:
        return None
    return _announced(Plan(instance, decision))


def _announced(plan: Plan) -> Plan:
    """Store, before AWS is called, the tokens and names by which the result can be found again."""
    instance = plan.instance
    match plan.decision.step:
        case Step.PREPARE:
            plan = replace(plan, maybe_done=not instance.is_clean, last_key=instance.key_pair_name)
            instance.is_clean = False
            instance.group_unsure_at = instance.group_unsure_at or clock.now()
            instance.key_pair_name = instance.key_pair_name or resources.new_key_name(instance)
        case Step.LAUNCH if instance.client_token is None:
            instance.client_token = resources.new_client_token()
            spec = resources.launch_spec(instance).to_json()
            Launch.objects.create(client_token=instance.client_token, instance=instance, spec=spec)
        case Step.LAUNCH:
            return replace(plan, maybe_done=True)
        case Step.ARM:
            plan = replace(plan, maybe_done=instance.has_other_alarm)
            instance.has_other_alarm = True
            instance.save(update_fields=["has_other_alarm", "updated_at"])
            return plan
        case Step.RESIZE:
            instance.is_type_unsure, instance.is_unlimited = True, None
            instance.save(update_fields=["is_type_unsure", "is_unlimited", "updated_at"])
            return plan
        case _:
            return plan
    instance.save(update_fields=["client_token", "is_clean", "key_pair_name", "group_unsure_at", "updated_at"])
    return plan


def decision_for(instance: Instance) -> Decision:
    """Return what the state machine decides for this row now."""
    seen = instance.seen
    if refusals.is_put_off(instance, Decision(Step.ADMIT)):  # a refusal of this step must not block the others
        seen = replace(seen, group_differs=False)
    if seen.key_differs and replacement.is_put_off(instance):
        seen = replace(seen, key_differs=False)
    return decide(
        Status(instance.status),
        Reason(instance.status_reason),
        seen,
        instance.status_since,
        instance.seen_at or instance.status_since,  # time-outs run only until our last observation
        timeouts(),
    )


def priority_of(instance: Instance) -> int:
    """Return the priority of a job that nobody waits for.

    The alarm of a running machine may have to wait for CloudWatch's quota: if a hundred are started in the console at
    once, all are to be recorded as running first. One that has long run without an alarm has no lower priority.
    """
    if instance.status != Status.RUNNING or decision_for(instance).step is not Step.ARM:
        return USUAL
    is_late = clock.now() - instance.status_since > clock.real_seconds(BARE_FOR.total_seconds())
    return USUAL if is_late and instance.run.armed_at is None else AFTER_NEWS


# --- moves -----------------------------------------------------------------------------------------------------------
def _move(plan: Plan, ensure_job_lease: JobLease) -> bool:
    """Move the row; return whether the next step is left to a job of its own."""
    instance, to, reason = plan.instance, plan.decision.to, plan.decision.reason
    if to is None:
        return False
    is_left = False
    with transaction.atomic():
        ensure_job_lease()
        fields = _failure_of(instance, to, reason)
        failure = Failure(reference=fields["error_ref"]) if fields else None
        since = instance.seen_since if to is Status.RUNNING else None
        record = Record(since=since, seen=instance.seen_reason, failure=failure)
        was, run = Status(instance.status), instance.run
        moved = move(instance, to, reason, record=record, **fields)
        if moved and to is Status.RUNNING and reason is Reason.OUTSIDE:
            is_left = priority_of(Instance.objects.get(pk=instance.pk)) == AFTER_NEWS
            if is_left:
                enqueue(instance, AFTER_NEWS)
    if moved and to is Status.RUNNING:
        pace.ready(run, was)
    _tell(instance)
    return is_left


def _failure_of(instance: Instance, to: Status, reason: Reason) -> dict[str, Any]:
    """Return what to store about a move that is a failure: AWS's code, and a reference; else nothing."""
    if to is not Status.FAILED and reason not in _FAILURES:
        return {}
    # If AWS has undone the launch or start, the cause is EC2's StateReason, not the code of an earlier call.
    was_taken_back = reason in {Reason.START_UNDONE, Reason.LAUNCH_FAILED}
    codes = (
        (instance.seen_reason, instance.error_code) if was_taken_back else (instance.error_code, instance.seen_reason)
    )
    return {"error_ref": new_reference(), "error_code": next(filter(None, codes), str(reason))}


# --- trouble ---------------------------------------------------------------------------------------------------------
def _trouble(plan: Plan, error: CloudError, ensure_job_lease: JobLease) -> None:
    instance = plan.instance
    step = Step.TERMINATE if plan.superseded else plan.decision.step
    log.warning(
        "AWS did not do what was asked",
        extra={"row": str(instance.pk), "act": step, "code": error.code, "kind": type(error).__name__},
    )
    if is_lag(instance, step, error):
        record(instance, ensure_job_lease, **_backoff(instance, ""))
        return
    reason = _reason_to_give_up(error)
    if step in {Step.RESIZE, Step.GROW} and (reason or isinstance(error, Gone)):
        _keep_size(plan, error, ensure_job_lease)
        return
    # A running machine must not be called stopped because its alarm cannot be put.
    rests = instance.status == Status.STARTING and instance.seen_view == View.STOPPED
    # Nor is a start given up because its group cannot be changed; but nobody could reach a new machine.
    ends = instance.status == Status.PENDING or (rests and step is not Step.ADMIT)
    if reason and ends and step is not Step.WAIT and not plan.superseded:
        _give_up(plan, reason, error, ensure_job_lease)
    else:
        # AWS has answered, so time-outs run: a launch that is put off again and again fails in the end.
        told: dict[str, Any] = {} if isinstance(error, Unreachable) else {"seen_at": clock.now()}
        put_off = _backoff(instance, error.code) | (refusals.refused(step, error) if error.is_final else {})
        if is_kept(instance):  # keep the cause of the failure, not what delays the clean-up
            del put_off["error_code"]
        record(instance, ensure_job_lease, **put_off, **told)
        if error.is_final:
            _tell(instance)


def _tell(instance: Instance) -> None:
    """Tell administrators if only they can fix this."""
    if next(refusals.of(Instance.objects.get(pk=instance.pk)), None):
        refusals.report()


def _reason_to_give_up(error: CloudError) -> Reason | None:
    match error:
        case NoCapacity():
            return Reason.NO_CAPACITY
        case Quota():
            return Reason.QUOTA
        case Refused():
            return Reason.REFUSED
    return None


def _keep_size(plan: Plan, error: CloudError, ensure_job_lease: JobLease) -> None:
    """Record that AWS has refused another size. The machine stays as it is, and goes on with its present step."""
    instance, reference = plan.instance, new_reference()
    is_type = plan.decision.step is Step.RESIZE
    wish = Wish(instance_type=instance.instance_type) if is_type else Wish(volume_gib=instance.volume_gib)
    if sizes.refused(instance, ensure_job_lease, Failure(error.code[:80], reference), wish):
        log.error("kept its size: %s", error, extra={"row": str(instance.pk), "reference": reference})


def _give_up(plan: Plan, reason: Reason, error: CloudError, ensure_job_lease: JobLease) -> None:
    """Record that AWS refused. A new machine fails and leaves nothing behind; one that should start stays stopped."""
    instance, to, reference = plan.instance, Status.STOPPED, new_reference()
    fields: dict[str, Any] = {}
    if instance.status == Status.PENDING:
        to = Status.FAILED
        if plan.decision.step is Step.LAUNCH and not plan.maybe_done:
            # A final refusal of the first try. After a lost answer a machine may still show up: then we keep observing.
            fields["client_token"] = None
    with transaction.atomic():
        ensure_job_lease()
        moved = move(
            instance, to, reason,
            record=Record(failure=Failure(error.code, reference)), error_code=error.code[:80], error_ref=reference,
            **fields, tries=0, next_at=None,
        )  # fmt: skip
    if moved:
        log.error("gave up: %s", error, extra={"row": str(instance.pk), "reference": instance.error_ref})
    _tell(instance)


def _clocks_differ(plan: Plan, ensure_job_lease: JobLease) -> None:
    """Report a wrong clock: an alarm just put counts as one of an earlier run, since LaunchTime is in the future."""
    log.error("this host's clock and AWS's differ by minutes", extra={"row": str(plan.instance.pk)})
    record(plan.instance, ensure_job_lease, **_backoff(plan.instance, "ClockSkew"))


def _backoff(instance: Instance, code: str) -> dict[str, Any]:
    """Return the fields for the next try: after 1, 2, 4 … 30 seconds, spread so that many do not come at once."""
    seconds = min(2.0 ** min(instance.tries, 10), BACKOFF_MAX.total_seconds()) * random.uniform(0.8, 1.2)  # noqa: S311
    return {
        "tries": instance.tries + 1,
        "next_at": clock.real_now() + timedelta(seconds=seconds),
        "error_code": code[:80],
    }
