"""The CPU on the dashboard: the chart, the forecast, and how often they refresh."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest
from django.utils import timezone

from ondol import clock
from ondol.autostop.credits import throttled_to
from ondol.autostop.forecast import PERIOD
from ondol.autostop.models import ReadingRound
from ondol.autostop.samples import limits_of, recent
from ondol.ec2_types import facts_of, vcpus_at_most
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.policy.rules import Rules, rules_of
from ondol.policy.threshold import Threshold
from ondol.web.badge import Tab, badge_of, tab_of
from ondol.web.cpu.chart import BACK, Chart, chart
from ondol.web.machine.awake import Awake, awake_of
from ondol.web.page import Page
from ondol.web.stop_notice import StopNotice, stop_notice_of

_FASTEST, _SLOWEST = 5, 60


@dataclass(frozen=True)
class CpuPage(Page):
    """Show the chart and the forecast: a part of the dashboard that refreshes by itself."""

    fragment = "cpu/swap.html"

    status: str
    tab: Tab
    stop_notice: StopNotice | None
    awake: Awake | None
    """How a stop is postponed; None unless it runs."""
    threshold: Threshold
    """The threshold of its alarm, or what it will be."""
    chart: Chart
    as_of: datetime | None
    """The end of the readings; None if there are none yet."""
    zone: str
    pace: int | None
    """The seconds between two polls of the page; None if nothing changes."""
    throttled_to: float | None
    """The CPU, in per cent of each vCPU, that AWS slows the machine down to; None while it does not."""
    instance_type: str
    is_disk_unseen: bool
    """True if its disk would count as work, and AWS does not report what it does."""
    has_trouble: bool
    """True if CloudWatch does not answer."""


def cpu_page(request: HttpRequest, row: Instance) -> CpuPage:
    """Return the chart and forecast of the reader's machine."""
    now, notice = clock.now(), stop_notice_of(request)
    samples, rules = recent(row, now - BACK), rules_of(row.owner_id)
    limits = limits_of(row, rules)
    idle = notice.outlook.idle if notice else None
    runs = row.status == Status.RUNNING
    return CpuPage(
        status=row.status,
        tab=tab_of(badge_of(row)),
        stop_notice=notice,
        awake=awake_of(row, rules, now),
        threshold=_threshold(row, rules),
        chart=chart(
            samples,
            limits,
            now,
            vcpus_at_most(row.size.instance_type),
            stop=(idle.earliest, idle.latest) if idle and not idle.is_active else None,
            awake_until=row.kept_awake_until(now) if runs else None,
        ),
        as_of=samples[-1].at + PERIOD if samples else None,
        zone=timezone.localtime(now).tzname() or "",
        # A minute, or the time of a datapoint where the trial's clock runs faster.
        pace=int(min(max(PERIOD / clock.real_seconds(1), _FASTEST), _SLOWEST)) if runs else None,
        throttled_to=throttled_to(row, now),
        instance_type=row.instance_type,
        is_disk_unseen=bool(limits.disk and limits.day) and not facts_of(row.instance_type).is_nitro,
        has_trouble=runs and ReadingRound.objects.exclude(trouble_code="").exists(),
    )


def _threshold(row: Instance, rules: Rules) -> Threshold:
    if row.run.armed_cpu_percent:
        return Threshold.armed(row.run.armed_cpu_percent, row.size.instance_type)
    return Threshold.by_rule(rules.idle_core_percent, row.size.instance_type)
