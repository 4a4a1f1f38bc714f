"""What AWS refuses: how long to wait before asking again, and whom to tell.

Administrators are told at once of what only they can fix; the finding ends when the step has succeeded.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from ondol import clock
from ondol.cloud.errors import CloudError
from ondol.cloud.port import Kind
from ondol.deployment.alerts import notify_administrators
from ondol.deployment.findings import ACCOUNT, OF_ACCOUNT, REFUSALS, Finding, Why, remembered
from ondol.deployment.models import Deployment
from ondol.instances.decision import Decision, Step
from ondol.instances.messages.codes import ARM_AGAIN, refusal
from ondol.instances.messages.reasons import REASONS
from ondol.instances.models import Instance, Run
from ondol.instances.troubles import TOLD_FOR, is_recent, last_refusal

_GIVES_UP = [reason for reason, words in REASONS.items() if words.code_says_more]


def refused(step: Step, error: CloudError) -> dict[str, Any]:
    """Return what to record if AWS refuses a step that must succeed in the end: it is asked for again, less often."""
    again = refusal(error.code, step).again
    if step is Step.ARM:
        again = min(again, ARM_AGAIN)
    return {
        "next_at": clock.real_now() + again * random.uniform(0.8, 1.0),  # noqa: S311
        "error_code": error.code[:80],
        "refused_step": step,
        "refused_code": error.code[:80],
    }


def is_put_off(instance: Instance, decision: Decision) -> bool:
    """Return whether the next step has to wait. A refusal puts off what was refused, and nothing else."""
    if instance.next_at is None or instance.next_at <= clock.real_now():
        return False
    step = Step.TERMINATE if instance.superseded_instance_ids and decision.is_wait else decision.step
    return not instance.refused_step or (decision.to is None and step == instance.refused_step)


def standing() -> list[Finding]:
    """Return what AWS refuses and administrators can fix; what concerns the whole account, once for each code."""
    gave_up = Q(status_reason__in=_GIVES_UP, status_since__gt=clock.now() - TOLD_FOR) & ~Q(error_code="")
    rows = Instance.objects.filter(gave_up | ~Q(refused_code="")).order_by("status_since")
    last_start = Run.objects.filter(ready_at__isnull=False).order_by("-began_at").values_list("began_at", flat=True)
    newest = last_start.first()
    found: dict[tuple[str, str, str], Finding] = {}
    for row in rows:
        for why, code, at in of(row):
            # A machine was created since: the account permits it again.
            if not (why in OF_ACCOUNT and at and newest and newest > at):
                finding = _finding(row, why, code)
                found.setdefault(finding.key, finding)
    return list(found.values())


def of(row: Instance) -> Iterator[tuple[Why, str, datetime | None]]:
    """Yield what administrators can fix for a machine: what to tell them, AWS's code, and when it gave up."""
    if row.refused_code and (why := refusal(row.refused_code, Step(row.refused_step)).finding):
        yield why, row.refused_code, None
    failed = last_refusal(row)
    if failed and failed.finding and is_recent(row):
        yield failed.finding, row.error_code, row.status_since


def _finding(row: Instance, why: Why, code: str) -> Finding:
    if why in OF_ACCOUNT:
        return Finding(ACCOUNT, code, why, detail=code)
    detail = code if why is Why.DISK_KEY else ""
    return Finding(Kind.INSTANCE, str(row.instance_id or ""), why, str(row.pk), detail)


def report() -> None:
    """Tell administrators of new refusals now: the next sweep is minutes away."""
    with transaction.atomic():
        state = Deployment.current().select_for_update().get()
        now = clock.now().isoformat()
        since = {finding.key: finding.since for finding in remembered()}
        found = [replace(finding, since=since.get(finding.key) or now) for finding in standing()]
        told = [list(finding.key) for finding in found if list(finding.key) not in state.findings_told]
        if told:
            others = [finding for finding in remembered() if finding.why not in REFUSALS]
            Deployment.current().update(
                findings=[finding.to_json() for finding in (*others, *found)], findings_told=state.findings_told + told
            )
            notify_administrators("findings")
