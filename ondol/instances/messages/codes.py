"""What AWS's error codes mean to people. What they mean for the next step is in `cloud.aws_errors`.

THE table of refusals: what is true, who can fix it, and how often it makes sense to ask again. An unknown code is
judged by its family, so that it never gets a wrong cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from ondol.aws_codes import is_of_capacity, is_of_limit
from ondol.deployment.findings import Why
from ondol.instances.decision import Step
from ondol.instances.messages.texts import (
    ASK,
    ASK_AGAIN_LATER,
    LIMIT,
    NO_CAPACITY,
    RAISE_LIMIT,
    RETRY_LATER,
    SERVER_LIMIT,
    TRY_THEN_ASK,
    Explanation,
    Text,
)
from ondol.whom_to_ask import ask_lazily


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why AWS refuses something: the words for the machine's owner, and what follows from it."""

    cause: Text
    """A whole sentence; it may name `%(type)s`."""
    next_step: Text
    finding: Why | None = None
    """What administrators are told, since only they can fix it; None: it is up to the owner, or to AWS."""
    again: timedelta = timedelta(minutes=5)
    """How long to wait (real time) before asking again for what must succeed in the end, such as a termination."""
    is_capacity: bool = False
    """True if another type may do."""
    is_known: bool = True
    """False if all that is known is that AWS refuses."""


_SOON = timedelta(minutes=2)
"""Somebody may be at the AWS console to fix it."""
ARM_AGAIN = timedelta(minutes=1)
"""The longest wait (real time) before an alarm is tried again: until then nothing stops the machine."""


def _by_code(rows: dict[str, Refusal]) -> dict[str, Refusal]:
    return {code: refusal for codes, refusal in rows.items() for code in codes.split()}


def _limit(cause: Text) -> Refusal:
    return Refusal(cause, RAISE_LIMIT, Why.LIMIT)


_CAPACITY = Refusal(NO_CAPACITY.cause, NO_CAPACITY.next_step, is_capacity=True)
_DENIED = Refusal(_("AWS refuses it: Ondol’s role lacks the permission."), ASK, Why.DENIED)
_SETTING = Refusal(_("AWS refuses it: a permission or a setting is missing on our side."), ASK, Why.DENIED)
_CHOOSE_ANOTHER = _("Choose another.")
_SWITCH_OFF = ask_lazily(_("An administrator has to switch it off in the AWS console."))
_PROTECTED = Refusal(
    _("AWS does not delete it: termination protection is on for it in AWS."),
    _SWITCH_OFF,
    Why.PROTECTED,
    _SOON,
)
_STOP_PROTECTED = Refusal(
    _("AWS does not stop it: stop protection is on for it in AWS."),
    _SWITCH_OFF,
    Why.STOP_PROTECTED,
    _SOON,
)
_KEY_NEEDED = ask_lazily(_("Trying again will not help until an administrator has made that key usable."))
_KEY_OF_NEW_DISK = Refusal(
    _(
        "AWS terminated the server while it was being created: most likely the key that encrypts its disk "
        "cannot be used."
    ),
    _KEY_NEEDED,
    Why.DISK_KEY,
)
_KEY_OF_DISK = Refusal(
    _("AWS accepted the start and took it back: most likely the key that encrypts its disk cannot be used."),
    _KEY_NEEDED,
    Why.DISK_KEY,
)
_OF_AWS = Refusal(_("AWS had an internal failure."), TRY_THEN_ASK, again=_SOON)
_OTHER = Refusal(_("AWS refuses it."), ASK, Why.DENIED, is_known=False)

# `Client.` and `Server.` begin the codes of EC2's StateReason: why something ended that AWS had accepted.
EVERYWHERE = _by_code(
    {
        "VcpuLimitExceeded InstanceLimitExceeded": Refusal(SERVER_LIMIT.cause, SERVER_LIMIT.next_step, Why.LIMIT),
        "InsufficientInstanceCapacity Server.InsufficientInstanceCapacity InsufficientHostCapacity": _CAPACITY,
        "InsufficientFreeAddressesInSubnet": Refusal(_("The network in AWS has no free address left."), ASK, Why.LIMIT),
        "InsufficientAddressCapacity": Refusal(_("AWS has no free public address at the moment."), RETRY_LATER),
        "SecurityGroupLimitExceeded": _limit(_("The AWS account has reached its limit of security groups.")),
        "KeyPairLimitExceeded": _limit(_("The AWS account has reached its limit of key pairs.")),
        "VolumeLimitExceeded MaxIOPSLimitExceeded Client.VolumeLimitExceeded": _limit(
            _("The AWS account has reached its limit of disks.")
        ),
        # EC2 names what there is too much of; only CloudWatch answers with no more than this.
        "LimitExceeded LimitExceededFault": _limit(
            _("The AWS account has reached its limit of alarms, and no machine runs without auto-stop.")
        ),
        "InvalidAMIID.NotFound InvalidAMIID.Unavailable InvalidAMIID.Malformed": Refusal(
            _("The Ubuntu image cannot be used in this AWS account and region."), ASK, Why.DENIED
        ),
        "InvalidKey.Format InvalidKeyPair.Format InvalidKeyPair.FormatError": Refusal(
            _("AWS does not accept the public key that you chose."), _("Choose another key."), Why.DENIED
        ),
        # Our own: AWS has answered an import with a key other than the one sent.
        "KeyFingerprint": Refusal(_("AWS shows a different public key from the one that you chose."), ASK, Why.DENIED),
        # Our own: found out before a launch that AWS would refuse.
        "ImageArchitecture": Refusal(
            _("The image in our settings does not run on the type %(type)s."), _CHOOSE_ANOTHER, Why.DENIED
        ),
        "InvalidSubnetID.NotFound InvalidVpcID.NotFound": Refusal(
            _("The network in our settings is not in this AWS account or region."), ASK, Why.DENIED
        ),
        "PendingVerification OptInRequired Blocked": Refusal(
            _("AWS has not activated this account yet."), ASK, Why.DENIED
        ),
        "Unsupported": Refusal(_("AWS does not offer the type %(type)s in this zone."), ASK, Why.DENIED),
        "AccessDenied AccessDeniedException UnauthorizedOperation": _DENIED,
        "InvalidParameterCombination InvalidParameterValue FilterLimitExceeded OperationNotPermitted": _SETTING,
    }
)
"""What a code means at every step."""

RESIZING = _by_code(
    {
        "VolumeModificationRateExceeded": Refusal(
            _("AWS lets a disk be changed four times in 24 hours, so it has not grown."), ASK_AGAIN_LATER
        ),
        "IncorrectModificationState": Refusal(
            _("AWS is still busy with the last change of the disk, so it has not grown."), ASK_AGAIN_LATER
        ),
        "Unsupported InvalidInstanceAttributeValue": Refusal(
            _("AWS does not offer this machine the type %(type)s."), _CHOOSE_ANOTHER
        ),
        "InvalidVolume.NotFound": Refusal(_("AWS does not find the disk of this machine."), ASK),
        "InsufficientVolumeCapacity": Refusal(_("AWS has no room for a bigger disk at the moment."), RETRY_LATER),
    }
)

AT_STEP: Mapping[Step, Mapping[str, Refusal]] = {
    Step.LAUNCH: _by_code({"Client.InternalError": _KEY_OF_NEW_DISK}),
    Step.START: _by_code(
        {
            "Client.InternalError": _KEY_OF_DISK,
            "Client.UserInitiatedShutdown Client.InstanceInitiatedShutdown": Refusal(
                _("It was stopped outside Ondol while it was starting, for example in the AWS console."), TRY_THEN_ASK
            ),
        }
    ),
    Step.STOP: _by_code({"OperationNotPermitted": _STOP_PROTECTED}),
    Step.TERMINATE: _by_code({"OperationNotPermitted": _PROTECTED}),
    Step.RESIZE: RESIZING,
    Step.GROW: RESIZING,
}
"""What a code means at one step only, or means otherwise there."""
_DENIALS = ("AccessDenied", "Unauthorized", "NotAuthorized")
_RESIZING_REFUSED = _("AWS refused the change: a permission or a setting is missing on our side.")
RESIZING_KEPT = _("The machine is unchanged.")
_LIMIT = _limit(LIMIT.cause)


def refusal(code: str, step: Step) -> Refusal:
    """Return what AWS's code means at this step; an unknown code is judged by its family."""
    return AT_STEP.get(step, {}).get(code) or EVERYWHERE.get(code) or _of_family(code, step)


def _of_family(code: str, step: Step) -> Refusal:
    if "KMS" in code:
        return _KEY_OF_NEW_DISK if step in {Step.PREPARE, Step.LAUNCH} else _KEY_OF_DISK
    if is_of_capacity(code):
        return _CAPACITY
    if is_of_limit(code):
        return _LIMIT
    if any(mark in code for mark in _DENIALS):
        return _DENIED
    return _OF_AWS if code.startswith("Server.") else _OTHER


def resizing_refused(code: str) -> Explanation:
    """Return why AWS did not give a machine another type or a bigger disk."""
    found = refusal(code, Step.RESIZE)
    cause = _RESIZING_REFUSED if found in {_DENIED, _SETTING, _OTHER} else found.cause
    return Explanation(cause, found.next_step)


_SLOW_DOWN = ("Throttl", "RequestLimitExceeded", "BandwidthLimitExceeded", "SlowDown", "TooManyRequests")
_SLOWLY = _("AWS asks us to slow down at the moment. Ondol carries on by itself; there is nothing you need to do.")
_TRYING = _("AWS is not responding as it should at the moment. Ondol keeps trying by itself; nothing is lost.")
OUR_OWN: Mapping[str, Text] = {
    "OtherKeys": ask_lazily(
        _("Ondol’s key settings differ between its hosts. Your machine is kept; tell an administrator.")
    ),
    "ClockSkew": ask_lazily(
        _("Ondol’s clock and that of AWS differ by minutes. Your machine is kept; tell an administrator.")
    ),
    "internal": ask_lazily(
        _("Something is wrong in Ondol itself. It keeps trying; if this persists, tell an administrator.")
    ),
}
"""What is said while Ondol keeps trying after trouble that is not AWS's, by the codes that we record for it."""
ASKED_AGAIN = _("Ondol asks again every few minutes.")
ASKED_AGAIN_AND_TOLD = _("Administrators have been notified, and Ondol asks again every few minutes.")
"""What is said of a refusal while Ondol goes on asking."""
LONG_AGO = _("That was a while ago; it may work by now.")
"""The next step after a refusal that nobody has tried to get past for a day."""

SILENCE: dict[str, Explanation] = {
    "": Explanation(
        _("No worker has checked the machines."), _("See whether `ondol worker` runs, and what its log says.")
    ),
    "Unreachable": Explanation(
        _("AWS does not answer, or the worker’s credentials are missing, wrong or expired."),
        _("Check the worker’s network and its AWS credentials."),
    ),
    "Throttled": Explanation(
        _("AWS asks us to slow down."),
        _("It passes by itself, unless something else in this account calls AWS too often."),
    ),
    "Refused": Explanation(
        _("AWS refuses to answer: a permission or a setting is missing."), _("`ondol doctor` names it.")
    ),
    "WrongAccount": Explanation(
        _("The worker’s credentials lead to another account or region than the machines are in."),
        _("Give it the ones it had before. Until then nothing is touched."),
    ),
}
"""Why AWS has not been seen for a while, for administrators, by the class in `cloud.errors`; empty where nobody has
even asked."""
_SILENCE_OTHERWISE = Explanation(_("AWS answers with an error."), _("The worker’s log says more."))


def trouble(code: str) -> Text:
    """Return what is said while Ondol keeps trying after this error, which is no refusal."""
    if code in OUR_OWN:
        return OUR_OWN[code]
    return _SLOWLY if any(mark in code for mark in _SLOW_DOWN) else _TRYING


def silence(kind: str) -> Explanation:
    """Return why AWS has not been seen for a while, and what an administrator can do about it."""
    # Versions before the rename have stored `WrongPlace`.
    return SILENCE.get("WrongAccount" if kind == "WrongPlace" else kind, _SILENCE_OTHERWISE)
