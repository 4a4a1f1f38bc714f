"""Whether AWS keeps the warm-ups of alarms in this region, and who is told. Nothing here calls AWS."""

from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from ondol import clock
from ondol.config import config
from ondol.deployment.alerts import notify_administrators
from ondol.deployment.findings import REGION, Finding, Why, remembered
from ondol.deployment.models import Deployment

TRIED_AGAIN = timedelta(hours=1)
"""A warm-up that was refused is asked for again after that, on the machines' clock."""


class WarmUps(StrEnum):
    """What CloudWatch does with the warm-up of an alarm."""

    UNKNOWN = ""
    KEPT = "kept"
    IGNORED = "ignored"
    """It accepts the parameter, and shows an alarm without a warm-up."""
    REFUSED = "refused"


_WHY = {WarmUps.IGNORED: Why.WARM_UP_IGNORED, WarmUps.REFUSED: Why.WARM_UP_REFUSED}


def known(now: datetime) -> WarmUps:
    """Return what was last seen; UNKNOWN where a refusal was so long ago that a warm-up is worth another try."""
    state, at = Deployment.current().values_list("warm_ups", "warm_ups_at").get()
    is_old = state == WarmUps.REFUSED and at is not None and not at <= now < at + TRIED_AGAIN
    return WarmUps.UNKNOWN if is_old else WarmUps(state)


def note(state: WarmUps, at: datetime) -> None:
    """Save what an alarm that was put `at` this time has shown, unless a newer one has shown something else.

    Administrators are notified at once where warm-ups are not kept, and the finding goes once they are.
    """
    with transaction.atomic():
        row = Deployment.current().select_for_update().get()
        if row.warm_ups_at and at < row.warm_ups_at <= clock.now():
            return
        if row.warm_ups == state and state is not WarmUps.REFUSED:
            return
        Deployment.current().update(warm_ups=state, warm_ups_at=at)
        if row.warm_ups == state:
            return
        others = [finding for finding in remembered() if finding.kind != REGION]
        found = findings()
        Deployment.current().update(findings=[finding.to_json() for finding in [*others, *found]])
        told = [key for key in row.findings_told if key[0] != REGION]
        Deployment.current().update(findings_told=[*told, *(list(finding.key) for finding in found)])
        if found and len(told) == len(row.findings_told):
            notify_administrators("findings")


def findings() -> list[Finding]:
    """Return the findings about this region; none if warm-ups are kept."""
    state, at = Deployment.current().values_list("warm_ups", "warm_ups_at").get()
    why = _WHY.get(WarmUps(state))
    return [Finding(REGION, config().region, why, since=at.isoformat())] if why and at else []
