"""The list of rules. Merging, the form, the pages, lines of activity, checks and the table in the docs come from it."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ondol.config import config, limits
from ondol.policy.allowed_hours import AllowedHours, describe_hours
from ondol.policy.kinds import Group, Number, Percent, Rate, Rule, Switch, Types
from ondol.policy.threshold import CORE_PERCENT, CORE_PERCENT_MOST, core_percent_most


class Source(StrEnum):
    """Where the value of a rule comes from."""

    OWN = "own"
    EVERYBODY = "everybody"
    SETTINGS = "settings"


def _installed_core_percent() -> float:
    """Return the share in the settings; if there is none, one that is right on all permitted types."""
    settings = config()
    if settings.idle_core_percent is not None:
        return settings.idle_core_percent
    if settings.idle_cpu_percent is not None:
        return 2 * settings.idle_cpu_percent
    return min(CORE_PERCENT, core_percent_most(settings.permitted_types))


_WHOLE_DAY = 24
AWAKE_MOST = timedelta(hours=47)
"""CloudWatch's longest warm-up is 48 hours."""


def _describe_lease_hours(hours: int) -> str:
    if hours == _WHOLE_DAY:
        return str(_("without a limit"))
    if hours:
        return ngettext("at most %(n)d hour in 24", "at most %(n)d hours in 24", hours) % {"n": hours}
    return str(_("not possible"))


def _describe_in_a_day(count: int) -> str:
    if count:
        return ngettext("at most %(n)d in 24 hours", "at most %(n)d in 24 hours", count) % {"n": count}
    return str(_("not possible"))


class Rules:
    """The rules that apply to one person.

    To add a rule: a field of `Policy` with a migration, an entry of the same name here, and the code that uses it.
    """

    __slots__ = ("sources", "values", "why")

    idle_minutes = Number(
        label=_("Stopped after"),
        describe=lambda minutes: _("%(n)d idle minutes") % {"n": minutes},
        asks=_("Idle time before stop"),
        unit=_("minutes"),
        group=Group.STOPS,
        changed=_("idle minutes"),
        least=limits("idle_minutes")["ge"],
        most=limits("idle_minutes")["le"],
        step=limits("idle_minutes")["multiple_of"],
        default=lambda: config().idle_minutes,
        settings=("idle_minutes",),
        because="CloudWatch judges averages of 5 minutes",
    )
    idle_core_percent = Percent(
        label=_("Idle means"),
        describe=lambda percent: _("CPU below %(percent)s%% of one core") % {"percent": f"{percent:g}"},
        asks=_("CPU is idle below"),
        unit=_("percent of a core"),
        group=Group.STOPS,
        changed=_("idle CPU of one core"),
        least=Decimal("0.1"),
        most=Decimal(CORE_PERCENT_MOST),
        default=_installed_core_percent,
        settings=("idle_core_percent",),
        because="below half of what a permitted burstable type can do without CPU credits",
    )
    network_kbs = Number(
        label=_("Network that counts as work"),
        describe=lambda rate: _("from %(n)d kB/s") % {"n": rate} if rate else str(_("does not count")),
        asks=_("Network, at least"),
        unit=_("kB/s"),
        group=Group.WORK,
        changed=_("working network"),
        note=_("In and out together, averages of 5 minutes. 0: the network does not count."),
        least=0,
        most=1_000_000,
        default=lambda: 100,
        because="0: it does not count. In and out together, averages of 5 minutes",
    )
    disk_mbs = Rate(
        label=_("Disk that counts as work"),
        describe=lambda rate: _("from %(n)s MB/s") % {"n": f"{rate:g}"} if rate else str(_("does not count")),
        asks=_("Disk, at least"),
        unit=_("MB/s"),
        group=Group.WORK,
        changed=_("working disk"),
        note=_(
            "Read and written together, averages of 5 minutes. 0: the disk does not count. AWS does not report it for "
            "older types such as T2 and M4, so the disk does not count there."
        ),
        least=Decimal(0),
        most=Decimal(1000),
        default=lambda: 1.0,
        because="0: it does not count, nor on Xen types such as T2. Read and written together, averages of 5 minutes",
    )
    lease_hours = Number(
        label=_("Not stopped for network or disk"),
        describe=_describe_lease_hours,
        asks=_("Counts for at most"),
        unit=_("hours in 24"),
        group=Group.WORK,
        changed=_("hours of network or disk"),
        note=_("0: not at all; 24: without a limit. Work of the CPU is not limited."),
        least=0,
        most=_WHOLE_DAY,
        default=lambda: 16,
        because="0: not at all; 24: without a limit. So that no machine runs for ever because a program only sends",
    )
    awake_hours = Number(
        label=_("Keep awake"),
        describe=lambda hours: (
            ngettext("at most %(n)d hour at a time", "at most %(n)d hours at a time", hours) % {"n": hours}
            if hours
            else str(_("not possible"))
        ),
        asks=_("Keep awake for at most"),
        unit=_("hours at a time"),
        group=Group.STOPS,
        changed=_("hours awake"),
        note=_("0: not possible. Applies to new requests; times already granted stay."),
        least=0,
        most=AWAKE_MOST // timedelta(hours=1),
        default=lambda: 24,
        because="0: not at all. CloudWatch's longest warm-up is 2,880 minutes",
    )
    hours = AllowedHours(
        label=_("Allowed hours"),
        describe=describe_hours,
        asks=_("When machines may run"),
        group=Group.HOURS,
        changed=_("allowed hours"),
        default=lambda: None,
        because="closing before opening: on the next day",
    )
    instance_types = Types(
        label=_("Types to choose from"),
        describe=", ".join,
        asks=_("Types to choose from"),
        group=Group.MACHINES,
        changed=_("types"),
        default=lambda: config().permitted_types,
        settings=("instance_type", "instance_types"),
        because="the IAM policy permits these",
    )
    unlimited_credits = Switch(
        label=_("CPU credits"),
        describe=lambda yes: (
            _("unlimited: full speed without credits, at extra cost") if yes else _("standard: no extra cost")
        ),
        asks=_("Full speed without CPU credits"),
        group=Group.MACHINES,
        changed=_("unlimited credits"),
        answers=(_("yes, and pay for it"), _("no")),
        note=_(
            "AWS charges $0.05 for each vCPU-hour above what the type has earned. A t3.small at full speed then costs "
            "about $0.08 an hour more, which makes it four times as expensive. Ondol’s costs do not include this. It "
            "applies from the next start."
        ),
        default=lambda: False,
        because="AWS's mode `unlimited`; at $0.05 per vCPU-hour, not part of Ondol's costs",
    )
    volume_gib_max = Number(
        label=_("Disk"),
        describe=lambda gib: _("at most %(n)d GiB") % {"n": gib},
        asks=_("Largest disk"),
        unit=_("GiB"),
        group=Group.MACHINES,
        changed=_("disk"),
        least=lambda: config().volume_gib,
        most=limits("volume_gib")["le"],
        default=lambda: max(100, config().volume_gib),
        settings=("volume_gib",),
        because="what a new machine has, and what gp3 can have",
    )

    starts_a_day = Number(
        label=_("Starts"),
        describe=_describe_in_a_day,
        asks=_("Starts"),
        unit=_("in 24 hours"),
        group=Group.LIMITS,
        changed=_("starts in 24 hours"),
        note=_("0: none."),
        least=0,
        most=1000,
        default=lambda: 30,
        because="a loop starts and stops for ever otherwise. What AWS refuses does not count, nor what an "
        "administrator starts for somebody; for that, too, something has to be left",
    )
    creations_a_day = Number(
        label=_("New machines"),
        describe=_describe_in_a_day,
        asks=_("New machines"),
        unit=_("in 24 hours"),
        group=Group.LIMITS,
        changed=_("new machines in 24 hours"),
        note=_("0: none."),
        least=0,
        most=1000,
        default=lambda: 10,
        because="what could not be made does not count",
    )
    type_changes_a_day = Number(
        label=_("Changes of type"),
        describe=_describe_in_a_day,
        asks=_("Changes of type"),
        unit=_("in 24 hours"),
        group=Group.LIMITS,
        changed=_("changes of type in 24 hours"),
        note=_("0: none."),
        least=0,
        most=1000,
        default=lambda: 20,
        because="those that AWS has made",
    )
    ssh_addresses = Number(
        label=_("Own addresses for SSH"),
        describe=lambda count: (
            ngettext("at most %(n)d address or range", "at most %(n)d addresses or ranges", count) % {"n": count}
            if count
            else str(_("not possible"))
        ),
        asks=_("Own addresses"),
        unit=_("addresses or ranges"),
        group=Group.SSH,
        changed=_("own addresses"),
        note=_("0: none. They are added to the ranges in the settings, from which every machine can be reached."),
        least=0,
        most=20,
        default=lambda: 5,
        because="0: none. A security group takes 60 rules",
    )
    ssh_prefix = Number(
        label=_("Widest own range"),
        describe=lambda prefix: _("/%(four)d, in IPv6 /%(six)d") % {"four": prefix, "six": 2 * prefix},
        asks=_("Widest own range: prefix"),
        unit=_("bits"),
        group=Group.SSH,
        changed=_("widest own range"),
        note=_("24 stands for 256 addresses, 32 for a single one. In IPv6 the prefix is twice that."),
        least=8,
        most=32,
        default=lambda: 24,
        because="the shortest prefix in IPv4; in IPv6 twice that",
    )

    def __init__(self, values: Mapping[str, Any], sources: Mapping[str, Source], why: str = "") -> None:
        """Take the values and their sources, both by the names above, and an administrator's words."""
        self.values, self.sources, self.why = values, sources, why


def all_rules() -> list[Rule[Any]]:
    """Return the rules in the order in which pages show them."""
    return [rule for rule in vars(Rules).values() if isinstance(rule, Rule)]


def stored_fields() -> list[str]:
    """Return the fields of `Policy` that an administrator sets."""
    return [*(name for rule in all_rules() for name in rule.stored), "why"]
