"""What AWS's error codes mean to people. What they mean for the next move is in `cloud.aws_errors`.

Each row is a cause and a next step, with all the codes that it is true of.
"""

from django.utils.translation import gettext_lazy as _

from ondol.instances.messages.texts import (
    ASK,
    ASK_AGAIN_LATER,
    NO_CAPACITY,
    RAISE_LIMIT,
    RETRY_LATER,
    SERVER_LIMIT,
    TRY_THEN_ASK,
    Explanation,
    Text,
)


def _by_code(rows: dict[str, Explanation]) -> dict[str, Explanation]:
    return {code: explanation for codes, explanation in rows.items() for code in codes.split()}


# `Client.` and `Ec2Instance.` begin the codes of EC2's StateReason: why a machine ended that AWS had accepted.
MAKING = _by_code(
    {
        "VcpuLimitExceeded InstanceLimitExceeded": SERVER_LIMIT,
        "InsufficientInstanceCapacity Server.InsufficientInstanceCapacity": NO_CAPACITY,
        "InsufficientFreeAddressesInSubnet": Explanation(_("The network in AWS has no free address left."), ASK),
        "SecurityGroupLimitExceeded": Explanation(
            _("The AWS account has reached its limit of security groups."), RAISE_LIMIT
        ),
        "KeyPairLimitExceeded": Explanation(_("The AWS account has reached its limit of key pairs."), RAISE_LIMIT),
        "VolumeLimitExceeded MaxIOPSLimitExceeded Client.VolumeLimitExceeded": Explanation(
            _("The AWS account has reached its limit of disks."), RAISE_LIMIT
        ),
        "InvalidAMIID.NotFound InvalidAMIID.Unavailable": Explanation(
            _("The Ubuntu image cannot be used in this AWS account and region."), ASK
        ),
        "InvalidSubnetID.NotFound InvalidVpcID.NotFound": Explanation(
            _("The network in our settings is not in this AWS account or region."), ASK
        ),
        "PendingVerification OptInRequired Blocked": Explanation(_("AWS has not activated this account yet."), ASK),
        "Unsupported": Explanation(_("AWS does not offer the type %(type)s in this zone."), ASK),
        "Client.InternalError": Explanation(
            _("AWS ended the server while it was being made; often its disk could not be encrypted."), TRY_THEN_ASK
        ),
    }
)
"""While a machine is made or started."""

RESIZING = _by_code(
    {
        "VolumeModificationRateExceeded": Explanation(
            _("AWS lets a disk be changed once in six hours, so it has not grown."), ASK_AGAIN_LATER
        ),
        "IncorrectModificationState": Explanation(
            _("AWS is still busy with the last change of the disk, so it has not grown."), ASK_AGAIN_LATER
        ),
        "Unsupported InvalidInstanceAttributeValue": Explanation(
            _("AWS does not offer this machine the type %(type)s."), _("Choose another.")
        ),
        "InvalidVolume.NotFound": Explanation(_("AWS does not find the disk of this machine."), ASK),
        "InsufficientVolumeCapacity": Explanation(_("AWS has no room for a bigger disk at the moment."), RETRY_LATER),
    }
)
"""While a machine is given another type or a bigger disk."""
_RESIZING_LIMIT = Explanation(_("The AWS account has reached its limit for this."), RAISE_LIMIT)
_RESIZING_REFUSED = Explanation(_("AWS refused the change: a permission or a setting is missing on our side."), ASK)
RESIZING_KEPT = _("The machine is as it was.")

_WITHOUT_WORDS = """
    AccessDenied AccessDeniedException FilterLimitExceeded InsufficientAddressCapacity InsufficientCapacity
    InsufficientHostCapacity InvalidAMIID.Malformed InvalidParameterCombination InvalidParameterValue
    LimitExceededException LimitExceededFault OperationNotPermitted ResourceCountExceeded UnauthorizedOperation
    """
WITHOUT_WORDS = frozenset(_WITHOUT_WORDS.split())
"""Codes that make us give up and have no words of their own, since those of the reason (NO_CAPACITY, QUOTA, REFUSED)
say as much as helps. A test finds codes that are neither here nor above."""

_SLOW_DOWN = ("Throttl", "RequestLimitExceeded", "BandwidthLimitExceeded", "SlowDown", "TooManyRequests")
_SLOWLY = _("AWS asks us to slow down at the moment. Ondol carries on by itself; there is nothing you need to do.")
_TRYING = _("AWS does not answer as it should at the moment. Ondol keeps trying by itself; nothing is lost.")

SILENCE: dict[str, Explanation] = {
    "": Explanation(
        _("No worker has looked at the machines."), _("See whether `ondol worker` runs, and what its log says.")
    ),
    "Unreachable": Explanation(
        _("AWS does not answer, or the worker’s credentials are missing, wrong or expired."),
        _("Check the worker’s network and its AWS credentials."),
    ),
    "Throttled": Explanation(
        _("AWS asks us to slow down."),
        _("It passes by itself, unless something else in this account asks AWS too often."),
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


def resizing_refused(code: str) -> Explanation:
    """Return why AWS did not give a machine another type or a bigger disk."""
    if code.endswith("LimitExceeded"):
        return _RESIZING_LIMIT
    return RESIZING.get(code, _RESIZING_REFUSED)


def trouble(code: str) -> Text:
    """Return what is said while Ondol keeps trying after this error."""
    return _SLOWLY if any(mark in code for mark in _SLOW_DOWN) else _TRYING


def silence(kind: str) -> Explanation:
    """Return why AWS has not been seen for a while, and what an administrator can do about it."""
    # Versions before the rename have stored `WrongPlace`.
    return SILENCE.get("WrongAccount" if kind == "WrongPlace" else kind, _SILENCE_OTHERWISE)
