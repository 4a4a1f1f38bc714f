"""What a sweep has found, in the database and in words. Nothing here calls AWS."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _

from ondol.deployment.models import Deployment


class Why(StrEnum):
    """What is wrong with a resource."""

    ENDED = "ENDED"
    SURPLUS = "SURPLUS"
    UNKNOWN = "UNKNOWN"
    DETACHED = "DETACHED"
    OPENED = "OPENED"
    CLOSED = "CLOSED"
    UNTAGGED = "UNTAGGED"
    MISSING = "MISSING"
    LOST = "LOST"
    REGROUPED = "REGROUPED"
    UNARMED = "UNARMED"
    STUCK = "STUCK"
    STOP_STUCK = "STOP_STUCK"
    PROTECTED = "PROTECTED"
    STOP_PROTECTED = "STOP_PROTECTED"
    DISK_KEY = "DISK_KEY"
    LIMIT = "LIMIT"
    DENIED = "DENIED"
    DOUBLED = "DOUBLED"
    WARM_UP_IGNORED = "WARM_UP_IGNORED"
    WARM_UP_REFUSED = "WARM_UP_REFUSED"


REGION = "region"
"""The kind of a finding about the region itself. It is certain when it is found, and needs no second sweep."""

LEAKS = {Why.ENDED, Why.SURPLUS}
"""The reasons for which resources are removed automatically."""
REFUSALS = {Why.PROTECTED, Why.STOP_PROTECTED, Why.DISK_KEY, Why.LIMIT, Why.DENIED}
"""What AWS has refused to do for a machine. Administrators are told at once, since only they can fix it."""
OF_ACCOUNT = {Why.LIMIT, Why.DENIED}
"""The refusals that are not about one machine: one finding for each of AWS's codes."""
ACCOUNT = "account"
"""The kind of these findings."""
DRIFT = {Why.OPENED, Why.CLOSED}
"""The reasons of groups that somebody has changed in AWS. They are set again at once, and administrators are told."""
REPAIRED = LEAKS | DRIFT
"""The reasons that are corrected automatically."""
WORDS = {
    Why.ENDED: _("Its machine was deleted. It is removed automatically, unless too much would be removed at once."),
    Why.SURPLUS: _(
        "Its machine uses another one. It is removed automatically, unless too much would be removed at once."
    ),
    Why.UNKNOWN: _(
        "This database does not know it: an older copy was restored, or somebody has copied the tags in AWS."
        " It is left alone and costs money, and nothing else is removed by itself meanwhile. The private key of such a"
        " machine is in the before-restore backup only."
    ),
    Why.DETACHED: _("It was detached from a machine that is still in use. It is left alone, and costs money."),
    Why.OPENED: _("It let in more than it should: somebody changed it in AWS. Ondol closes it again:"),
    Why.CLOSED: _("It kept out people who may connect: somebody changed it in AWS. Ondol opens it again:"),
    Why.UNTAGGED: _("It has lost its tags in AWS, or has those of another. Give it its own back:"),
    Why.LOST: _("A machine uses it, and AWS no longer shows it. If the machine still works, nothing has to be done."),
    Why.REGROUPED: _("The machine is in other security groups than its own, so others may reach it:"),
    Why.UNARMED: _("It runs without auto-stop, which cannot be set:"),
    Why.STUCK: _("Its deletion was requested, and AWS does not carry it out:"),
    Why.STOP_STUCK: _(
        "It does not stop, though its stop was forced. Look at its state in the EC2 console; if it stays there, open a"
        " case with AWS Support. It is tried again every minute."
    ),
    Why.PROTECTED: _(
        "It is to be deleted, and AWS refuses: termination or stop protection is on. Turn both off in the "
        "EC2 console (Actions, Instance settings). It is tried again every few minutes."
    ),
    Why.STOP_PROTECTED: _(
        "AWS refuses to stop it: stop protection is on, so auto-stop cannot stop it either, and it costs money. Turn"
        " that off in the EC2 console (Actions, Instance settings)."
    ),
    Why.DISK_KEY: _(
        "AWS accepted its start and took it back: most likely the KMS key of its disk is disabled, or Ondol’s role may"
        " not use it (kms:CreateGrant, kms:Decrypt). An existing disk is kept. AWS’s code:"
    ),
    Why.LIMIT: _(
        "AWS refuses what machines need, since the account has reached a limit. Raise it in the AWS console, under"
        " Service Quotas. AWS’s code:"
    ),
    Why.DENIED: _(
        "AWS refuses what machines need: a permission or a setting is missing. `ondol doctor` says which. AWS’s code:"
    ),
    Why.DOUBLED: _("Two alarms may stop it, since the one that was replaced cannot be deleted:"),
    Why.WARM_UP_IGNORED: _(
        "CloudWatch ignores the warm-up of alarms here. So Ondol turns their actions off, and on again when a machine"
        " may be stopped; while no worker runs, idle machines are not stopped. Ask AWS when this region has"
        " WarmUpConfiguration of PutMetricAlarm."
    ),
    Why.WARM_UP_REFUSED: _(
        "CloudWatch refuses the warm-up of alarms here. So Ondol turns their actions off, and on again when a machine"
        " may be stopped; while no worker runs, idle machines are not stopped. Ask AWS when this region has"
        " WarmUpConfiguration of PutMetricAlarm."
    ),
    Why.MISSING: _("AWS no longer shows this machine. After an hour it counts as deleted."),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    kind: str
    """A member of `cloud.port.Kind`, or REGION."""
    id: str
    why: Why
    row: str = ""
    detail: str = ""
    since: str = ""
    """The time when a sweep first saw it, on the machines' clock (ISO 8601)."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON for the database."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Finding":
        """Return the finding from JSON that this version or any earlier one has stored."""
        return cls(**{**data, "why": Why(data["why"])})

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.kind, self.id, self.why)

    @property
    def sentence(self) -> str:
        """Return what is wrong, in the reader's language."""
        return " ".join(filter(None, [str(WORDS[self.why]), self.detail]))


def remembered() -> list[Finding]:
    """Return what the last sweep has found."""
    stored = Deployment.objects.values_list("findings", flat=True).first() or []
    return [Finding.from_json(finding) for finding in stored]
