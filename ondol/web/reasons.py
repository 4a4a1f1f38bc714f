"""Why a machine is as it is, in words: the cause, what was kept or cleaned up, what to do next."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.config import config
from ondol.instances.lifecycle import Reason, Status
from ondol.instances.models import Instance
from ondol.instances.record import Failure, Receipt, Record, Wish


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person reads about the state of their machine."""

    cause: str
    kept: str = ""
    next_step: str = ""
    reference: str = ""
    """To tell an administrator; the log has it too. Empty where nobody needs to be asked."""
    receipt: Receipt | None = None
    """Of an idle stop."""


_RETRY_LATER = gettext_lazy("Try again in 10 to 30 minutes: AWS frees capacity all the time.")
_ASK = gettext_lazy("Trying again will not help. Tell an administrator the reference number.")
_TRY_THEN_ASK = gettext_lazy("Try again. If it happens twice, tell an administrator the reference number.")

_Text = str | Promise
_CAUSES: dict[tuple[Status, Reason], tuple[_Text, _Text]] = {
    (Status.RUNNING, Reason.UNREACHABLE): (
        gettext_lazy("The server runs, but its SSH has not answered yet."),
        gettext_lazy("Try to connect in a minute or two. If that fails, stop the machine and start it again."),
    ),
    (Status.RUNNING, Reason.OUTSIDE): (
        gettext_lazy("It was started outside Ondol, for example in the AWS console."),
        gettext_lazy("You can use it as always; auto-stop is on."),
    ),
    (Status.RUNNING, Reason.UNARMED): (
        gettext_lazy("AWS did not accept auto-stop for it, so it runs without."),
        gettext_lazy("You can use it as always. Stop it yourself when you are done; Ondol keeps trying meanwhile."),
    ),
    (Status.RUNNING, Reason.STOP_FAILED): (
        gettext_lazy("AWS did not stop it in time, so it is still running."),
        gettext_lazy("Stop it once more. If it happens twice, tell an administrator."),
    ),
    (Status.STOPPING, Reason.PERSON): (gettext_lazy("You asked for it."), ""),
    (Status.STOPPING, Reason.ADMIN): (gettext_lazy("An administrator asked for it."), ""),
    (Status.STOPPING, Reason.BUDGET): (gettext_lazy("This month’s budget is used up."), ""),
    (Status.STOPPED, Reason.BUDGET): (
        gettext_lazy("This month’s budget is used up."),
        gettext_lazy("It can run again next month, or when an administrator raises the budget."),
    ),
    (Status.STOPPING, Reason.SCHEDULE): (gettext_lazy("The hours at which machines may run are over."), ""),
    (Status.STOPPED, Reason.SCHEDULE): (
        gettext_lazy("The hours at which machines may run are over."),
        gettext_lazy("You can start it all the same: then it runs until it is idle, or until the next closing time."),
    ),
    (Status.STOPPED, Reason.IDLE): (
        gettext_lazy("It was idle: its CPU stayed below %(cpu)s%% for %(minutes)s minutes."),
        "",
    ),
    (Status.STOPPED, Reason.PERSON): (gettext_lazy("You stopped it."), ""),
    (Status.STOPPED, Reason.ADMIN): (gettext_lazy("An administrator stopped it."), ""),
    (Status.STOPPED, Reason.INSIDE): (
        gettext_lazy("It was shut down from inside, for example with “sudo poweroff”."),
        "",
    ),
    (Status.STOPPED, Reason.OUTSIDE): (
        gettext_lazy("It was stopped outside Ondol, for example in the AWS console."),
        "",
    ),
    (Status.STOPPED, Reason.TOO_LATE): (
        gettext_lazy("AWS did not bring it up in time, so the start was given up."),
        _TRY_THEN_ASK,
    ),
    (Status.STOPPED, Reason.NO_CAPACITY): (
        gettext_lazy("AWS has no free server of the type %(type)s in this zone at the moment."),
        _RETRY_LATER,
    ),
    (Status.STOPPED, Reason.QUOTA): (
        gettext_lazy("The AWS account has reached its limit of running servers."),
        gettext_lazy("Try again when others have stopped theirs, or tell an administrator the reference number."),
    ),
    (Status.STOPPED, Reason.REFUSED): (
        gettext_lazy("AWS refused the start: a permission or a setting is missing on our side."),
        _ASK,
    ),
    (Status.FAILED, Reason.UNKNOWN_MACHINE): (
        gettext_lazy("There is a machine of yours in AWS that this database does not know."),
        gettext_lazy("An administrator has to look at it first: `ondol sweep` shows it."),
    ),
    (Status.FAILED, Reason.TOO_LATE): (gettext_lazy("AWS did not make the server in time."), _TRY_THEN_ASK),
    (Status.FAILED, Reason.LAUNCH_FAILED): (
        gettext_lazy("AWS ended the server while it was being made."),
        _TRY_THEN_ASK,
    ),
    (Status.FAILED, Reason.NO_CAPACITY): (
        gettext_lazy("AWS has no free server of the type %(type)s in this zone at the moment."),
        _RETRY_LATER,
    ),
    (Status.FAILED, Reason.QUOTA): (gettext_lazy("The AWS account has reached its limit of servers."), _ASK),
    (Status.FAILED, Reason.REFUSED): (
        gettext_lazy("AWS refused to make it: a permission or a setting is missing on our side."),
        _ASK,
    ),
    (Status.TERMINATING, Reason.ADMIN): (gettext_lazy("An administrator is ending this machine."), ""),
    (Status.TERMINATING, Reason.OUTSIDE): (
        gettext_lazy("The server was ended outside Ondol, for example in the AWS console."),
        "",
    ),
}
_OTHERWISE: dict[Status, tuple[_Text, _Text]] = {
    Status.STOPPED: (gettext_lazy("It has stopped; AWS does not say why."), ""),
    Status.FAILED: (gettext_lazy("Something went wrong while it was being made."), _TRY_THEN_ASK),
    Status.TERMINATING: (gettext_lazy("This machine is being ended."), ""),
}
_RAISE = gettext_lazy("Tell an administrator the reference number: the limit can be raised in AWS.")
_BY_CODE: dict[str, tuple[_Text, _Text]] = {
    "VcpuLimitExceeded": (
        gettext_lazy("The AWS account has reached its limit of running servers."),
        gettext_lazy("Try again when others have stopped theirs, or tell an administrator the reference number."),
    ),
    "InsufficientInstanceCapacity": (
        gettext_lazy("AWS has no free server of the type %(type)s in this zone at the moment."),
        _RETRY_LATER,
    ),
    "InsufficientFreeAddressesInSubnet": (gettext_lazy("The network in AWS has no free address left."), _ASK),
    "SecurityGroupLimitExceeded": (gettext_lazy("The AWS account has reached its limit of security groups."), _RAISE),
    "KeyPairLimitExceeded": (gettext_lazy("The AWS account has reached its limit of key pairs."), _RAISE),
    "VolumeLimitExceeded": (gettext_lazy("The AWS account has reached its limit of disks."), _RAISE),
    "InvalidAMIID.NotFound": (gettext_lazy("The Ubuntu image cannot be used in this AWS account and region."), _ASK),
    "InvalidSubnetID.NotFound": (
        gettext_lazy("The network in our settings is not in this AWS account or region."),
        _ASK,
    ),
    "PendingVerification": (gettext_lazy("AWS has not activated this account yet."), _ASK),
    "Unsupported": (gettext_lazy("AWS does not offer the type %(type)s in this zone."), _ASK),
    "Client.InternalError": (
        gettext_lazy("AWS ended the server while it was being made; often its disk could not be encrypted."),
        _TRY_THEN_ASK,
    ),
}
_LIKE = {
    "InstanceLimitExceeded": "VcpuLimitExceeded",
    "Server.InsufficientInstanceCapacity": "InsufficientInstanceCapacity",
    "MaxIOPSLimitExceeded": "VolumeLimitExceeded",
    "Client.VolumeLimitExceeded": "VolumeLimitExceeded",
    "InvalidAMIID.Unavailable": "InvalidAMIID.NotFound",
    "InvalidVpcID.NotFound": "InvalidSubnetID.NotFound",
    "OptInRequired": "PendingVerification",
    "Blocked": "PendingVerification",
}
_FOR_AN_ADMINISTRATOR = {
    Reason.TOO_LATE,
    Reason.LAUNCH_FAILED,
    Reason.NO_CAPACITY,
    Reason.QUOTA,
    Reason.REFUSED,
    Reason.STOP_FAILED,
    Reason.UNARMED,
}
_REFUSALS = {Reason.TOO_LATE, Reason.LAUNCH_FAILED, Reason.NO_CAPACITY, Reason.QUOTA, Reason.REFUSED}


def notice_of(instance: Instance, receipt: Receipt | None = None) -> Notice | None:
    """What there is to say about why this machine is as it is; None where the status says it all."""
    status, reason = Status(instance.status), Reason(instance.status_reason)
    texts = _CAUSES.get((status, reason)) or _OTHERWISE.get(status)
    if status is Status.RUNNING and reason is Reason.OUTSIDE and not instance.is_armed:
        texts = texts[0] if texts else "", gettext_lazy("Auto-stop is being set for it.")
    if reason in _REFUSALS and status in {Status.STOPPED, Status.FAILED}:
        code = instance.error_code
        texts = _BY_CODE.get(_LIKE.get(code, code), texts)
    if texts is None:
        return None
    cause, next_step = texts
    if status is Status.FAILED and instance.unknown:
        next_step = _("An administrator has to look at it first: `ondol sweep` shows it.")
    words = {
        "cpu": f"{receipt.percent if receipt else instance.armed_cpu_percent or config().idle_cpu_percent:g}",
        "minutes": receipt.minutes if receipt else instance.armed_idle_minutes or config().idle_minutes,
        "type": instance.instance_type,
    }
    needs_reference = status is Status.FAILED or reason in _FOR_AN_ADMINISTRATOR
    return Notice(
        cause=str(cause) % words,
        kept=_kept(instance, status),
        next_step=str(next_step),
        reference=instance.error_ref if needs_reference else "",
        receipt=receipt,
    )


_SIZE_BY_CODE: dict[str, tuple[_Text, _Text]] = {
    "VolumeModificationRateExceeded": (
        gettext_lazy("AWS lets a disk be changed once in six hours, so it has not grown."),
        gettext_lazy("Ask for it again later."),
    ),
    "IncorrectModificationState": (
        gettext_lazy("AWS is still busy with the last change of the disk, so it has not grown."),
        gettext_lazy("Ask for it again later."),
    ),
    "Unsupported": (
        gettext_lazy("AWS does not offer this machine the type %(type)s."),
        gettext_lazy("Choose another."),
    ),
    "InvalidVolume.NotFound": (gettext_lazy("AWS does not find the disk of this machine."), _ASK),
    "InsufficientVolumeCapacity": (gettext_lazy("AWS has no room for a bigger disk at the moment."), _RETRY_LATER),
}
_SIZE_LIKE = {"InvalidInstanceAttributeValue": "Unsupported"}


def size_refusal(record: Record) -> Notice:
    """From the record: AWS did not give a machine another type or a bigger disk."""
    wish, failure = record.refused or Wish(), record.failure or Failure()
    code = _SIZE_LIKE.get(failure.code, failure.code)
    if code.endswith("LimitExceeded"):
        texts: tuple[_Text, _Text] = gettext_lazy("The AWS account has reached its limit for this."), _RAISE
    else:
        refused = gettext_lazy("AWS refused the change: a permission or a setting is missing on our side."), _ASK
        texts = _SIZE_BY_CODE.get(code, refused)
    words = {"type": wish.instance_type}
    return Notice(
        cause=str(texts[0]) % words,
        kept=_("The machine is as it was."),
        next_step=str(texts[1]),
        reference=failure.reference,
    )


def _kept(instance: Instance, status: Status) -> str:
    match status:
        case Status.STOPPED:
            return _("The disk and everything on it is kept. The address will be another one after the next start.")
        case Status.STOPPING:
            return _("The disk and everything on it is kept.")
        case Status.FAILED if instance.unknown:
            return _("There is a machine of yours in AWS that this database does not know.")
        case Status.FAILED if instance.is_clean:
            return _("Everything that had been made was removed again; nothing is left that costs money.")
        case Status.FAILED:
            return _("What had been made is being removed at the moment; that takes a minute or two.")
        case Status.TERMINATING:
            return _("The server, its disk and all files on it are deleted.")
    return ""


def trouble_of(instance: Instance) -> str:
    """That AWS does not answer as it should, while Ondol keeps trying; empty if all is well."""
    # One retry is everyday life: AWS shows a thing just made a moment later.
    if instance.next_at is None or not instance.error_code or instance.tries < 2:
        return ""
    code = instance.error_code
    if "Throttl" in code or "LimitExceeded" in code or "TooManyRequests" in code:
        return _("AWS asks us to slow down at the moment. Ondol carries on by itself; there is nothing you need to do.")
    return _("AWS does not answer as it should at the moment. Ondol keeps trying by itself; nothing is lost.")
