"""The results of the last check-up and of the last sweep."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from ondol.deployment.findings import remembered
from ondol.deployment.models import Deployment
from ondol.doctor import local_checks, messages, records
from ondol.doctor.findings import Finding, Level
from ondol.doctor.records import Record
from ondol.outbox.summary import Summary, Undelivered, summary, undelivered
from ondol.web.page import Page

_ORDER = [Level.FAILED, Level.WARNING, Level.UNKNOWN, Level.OK]

_KINDS: dict[str, str | Promise] = {
    "instance": gettext_lazy("Instance"),
    "volume": gettext_lazy("Volume"),
    "security-group": gettext_lazy("Security group"),
    "key-pair": gettext_lazy("Key pair"),
    "alarm": gettext_lazy("Alarm"),
    "account": gettext_lazy("AWS account"),
    "region": gettext_lazy("Region"),
}
"""Words for `cloud.port.Kind`, and for the region."""


@dataclass(frozen=True, slots=True)
class Line:
    """One finding in the reader's language."""

    level: str
    word: str
    name: str
    sentence: str
    names: str = ""
    """What the sentence is about, if that is a long list; shown on demand."""


@dataclass(frozen=True, slots=True)
class LeftOver:
    """One thing in AWS that a sweep has found."""

    kind: str | Promise
    id: str
    sentence: str


class CheckUpPage(Page):
    """Show the last check-up; a poll gets that part only."""

    template = "doctor/page.html"
    fragment = "doctor/swap.html"

    @cached_property
    def record(self) -> Record:
        return records.last()

    @cached_property
    def lines(self) -> list[Line]:
        """Return the lines that need attention first."""
        found = sorted(self.record.findings, key=lambda finding: _ORDER.index(finding.level))
        return [_line(finding) for finding in found]

    @property
    def unknown(self) -> int:
        """Return how many findings say that something could not be checked."""
        return sum(finding.level is Level.UNKNOWN for finding in self.record.findings)

    @property
    def to_mend(self) -> int:
        """Return how many findings need to be fixed."""
        return sum(finding.level in {Level.FAILED, Level.WARNING} for finding in self.record.findings)

    @cached_property
    def silent(self) -> list[str]:
        """Return a line if there is no worker, which no worker can report."""
        return [messages.sentence(finding) for finding in local_checks.worker() if finding.level is not Level.OK]

    @cached_property
    def swept_at(self) -> datetime | None:
        return Deployment.objects.values_list("swept_at", flat=True).first()

    @cached_property
    def outbox(self) -> Summary:
        """Return the state of e-mails."""
        return summary()

    @cached_property
    def undelivered(self) -> list[Undelivered]:
        """Return the e-mails that were tried and not delivered."""
        return undelivered()

    @cached_property
    def left_over(self) -> list[LeftOver]:
        return [
            LeftOver(_KINDS.get(finding.kind, finding.kind), finding.id, finding.sentence) for finding in remembered()
        ]


def _line(finding: Finding) -> Line:
    word = str(messages.LEVELS[finding.level]).capitalize()
    names = finding.params.get("actions", "") if finding.code == "untried" else ""
    told = str(messages.UNTRIED) if names else messages.sentence(finding)
    return Line(finding.level.value, word, messages.name(finding), told, names)
