"""Why a machine is as it is: the cause, what was kept or cleaned up, what to do next."""

from dataclasses import dataclass

from ondol.config import config
from ondol.instances.decision import Step
from ondol.instances.messages.codes import (
    ASKED_AGAIN,
    ASKED_AGAIN_AND_TOLD,
    LONG_AGO,
    RESIZING_KEPT,
    refusal,
    resizing_refused,
    trouble,
)
from ondol.instances.messages.reasons import ARMING_SOON, REASONS, UNKNOWN_MACHINE, explanation
from ondol.instances.messages.statuses import BEING_CLEANED_UP, STATUSES
from ondol.instances.messages.texts import Explanation, Text
from ondol.instances.models import Instance
from ondol.instances.record import Failure, Receipt, Record, Wish
from ondol.instances.states import Reason, Status
from ondol.instances.troubles import is_recent, last_refusal
from ondol.policy.catalog import Rules
from ondol.policy.threshold import Threshold, digits


@dataclass(frozen=True, slots=True)
class Notice:
    """A text about the state of a person's machine."""

    cause: str
    kept: str = ""
    next_step: str = ""
    reference: str = ""
    """The number to give to an administrator; the log has it too. Empty if nobody needs to be asked."""
    receipt: Receipt | None = None
    """The receipt of an idle stop."""


def notice_of(instance: Instance, receipt: Receipt | None = None) -> Notice | None:
    """Return why this machine is as it is; None where the status says it all."""
    status, reason = Status(instance.status), Reason(instance.status_reason)
    found = explanation(status, reason)
    if found is None or (reason is Reason.UNARMED and instance.is_armed):
        return None
    next_step = found.next_step
    if failed := last_refusal(instance):
        found = Explanation(failed.cause, failed.next_step) if failed.is_known else found
        next_step = found.next_step if is_recent(instance) else LONG_AGO
    if status is Status.RUNNING and reason is Reason.OUTSIDE and not instance.is_armed:
        next_step = ARMING_SOON
    if status is Status.FAILED and instance.unrecognized_instance_ids:
        next_step = UNKNOWN_MACHINE.next_step
    words = {
        "core": _core(instance, receipt),
        "minutes": receipt.minutes if receipt else instance.run.armed_idle_minutes or config().idle_minutes,
        "type": instance.instance_type,
    }
    needs_reference = status is Status.FAILED or REASONS[reason].needs_reference
    return Notice(
        cause=str(found.cause) % words,
        kept=str(_kept(instance, status)),
        next_step=str(next_step),
        reference=instance.error_ref if needs_reference else "",
        receipt=receipt,
    )


def _core(instance: Instance, receipt: Receipt | None) -> str:
    """Return the share of one core below which a stop for idling has counted, or would count, the machine as idle."""
    if receipt and receipt.core_percent is not None:
        return digits(receipt.core_percent)
    if percent := receipt.percent if receipt else instance.run.armed_cpu_percent:
        return Threshold.armed(percent, instance.size.instance_type).core
    return digits(Rules.idle_core_percent.default())


def size_refusal(record: Record) -> Notice:
    """Return a notice from the record: AWS did not give a machine another type or a bigger disk."""
    wish, failure = record.refused or Wish(), record.failure or Failure()
    found = resizing_refused(failure.code)
    words = {"type": wish.instance_type}
    return Notice(
        cause=str(found.cause) % words,
        kept=str(RESIZING_KEPT),
        next_step=str(found.next_step),
        reference=failure.reference,
    )


def _kept(instance: Instance, status: Status) -> Text:
    if status is Status.FAILED and instance.unrecognized_instance_ids:
        return UNKNOWN_MACHINE.cause
    if status is Status.FAILED and not instance.is_clean:
        return BEING_CLEANED_UP
    return STATUSES[status].kept


def trouble_of(instance: Instance) -> str:
    """Return that AWS fails or refuses while Ondol keeps trying; empty if all is well."""
    if instance.refused_code:
        found = refusal(instance.refused_code, Step(instance.refused_step))
        asked = ASKED_AGAIN_AND_TOLD if found.finding else ASKED_AGAIN
        return f"{found.cause} {asked}" % {"type": instance.instance_type}
    # One retry is normal: AWS shows a new thing a moment later.
    if instance.next_at is None or not instance.error_code or instance.tries < 2:
        return ""
    return str(trouble(instance.error_code))
