"""Administration: what the last check-up has found, and asking for another."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from ondol.doctor import ours, records, words
from ondol.doctor.findings import Finding, Level
from ondol.instances.deployment import Deployment
from ondol.instances.findings import remembered
from ondol.web.guards import PersonRequest, administrator

_ORDER = [Level.FAILED, Level.WARNING, Level.UNKNOWN, Level.OK]

_KINDS = {
    "instance": gettext_lazy("Instance"),
    "volume": gettext_lazy("Volume"),
    "security-group": gettext_lazy("Security group"),
    "key-pair": gettext_lazy("Key pair"),
    "alarm": gettext_lazy("Alarm"),
}
"""`cloud.port.Kind`"""


@dataclass(frozen=True, slots=True)
class Line:
    """One finding in the reader's language."""

    level: str
    word: str
    name: str
    sentence: str


@require_GET
@administrator
def doctor(request: PersonRequest) -> HttpResponse:
    """The page; what polls gets its changing part."""
    if request.htmx:
        return render(request, "doctor/fragment.html", _shown(is_poll=True))
    return render(request, "doctor/page.html", _shown(is_poll=False) | _swept())


@require_POST
@administrator
def look_again(request: PersonRequest) -> HttpResponse:
    """Ask a worker for another."""
    records.ask()
    return redirect("admin_doctor")


def _shown(is_poll: bool) -> dict[str, Any]:
    record = records.last()
    findings = sorted(record.findings, key=lambda finding: _ORDER.index(finding.level))
    # The worker cannot tell that there is none.
    silent = [words.sentence(finding) for finding in ours.worker() if finding.level is not Level.OK]
    return {
        "record": record,
        "lines": [_line(finding) for finding in findings],
        "to_mend": sum(finding.level in {Level.FAILED, Level.WARNING} for finding in findings),
        "silent": silent,
        "is_news": is_poll and not record.is_asked_for,
    }


def _swept() -> dict[str, Any]:
    return {
        "swept_at": Deployment.objects.values_list("swept_at", flat=True).first(),
        "left_over": [
            (_KINDS.get(finding.kind, finding.kind), finding.id, finding.sentence) for finding in remembered()
        ],
    }


def _line(finding: Finding) -> Line:
    word = str(words.LEVELS[finding.level]).capitalize()
    return Line(finding.level.value, word, words.name(finding), words.sentence(finding))
