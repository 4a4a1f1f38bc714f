"""Which rules hold for whom: one's own, else everybody's, else the settings'."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from django.db.models import Q

from ondol.config import config
from ondol.policy.hours import Hours
from ondol.policy.models import Policy

VOLUME_GB_MAX, AWAKE_HOURS = 100, 24


class Source(StrEnum):
    """Where a rule comes from."""

    OWN = "own"
    EVERYBODY = "everybody"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for one person."""

    idle_minutes: int
    idle_cpu_percent: float
    awake_hours: int
    instance_types: tuple[str, ...]
    volume_gb_max: int
    hours: Hours | None
    """None: machines may run at any time."""
    sources: dict[str, Source] = field(default_factory=dict, hash=False)
    """By the names above."""
    why: str = ""
    """An administrator's words."""


def rules_of(person: int | None) -> Rules:
    """Of one person by id; None: of whoever has none of their own."""
    return rules_for([person] if person is not None else [])[person]


def beneath(owner: int | None) -> Rules:
    """What holds where a policy says nothing: for a person everybody's, for everybody the settings'."""
    return rules_of(None) if owner is not None else _merge(None, None)


def rules_for(people: Collection[int]) -> dict[int | None, Rules]:
    """Of many, and of everybody else (None), in one query."""
    kept = {policy.owner_id: policy for policy in Policy.objects.filter(Q(owner__in=people) | Q(owner=None))}
    everybody = kept.pop(None, None)
    return {person: _merge(kept.get(person), everybody) for person in (*people, None)}


def says_anything(policy: Policy) -> bool:
    """Not so once everything in it was taken back."""
    return bool(_set(policy) or policy.why)


def _merge(own: Policy | None, everybody: Policy | None) -> Rules:
    settings = config()
    values: dict[str, object] = {
        "idle_minutes": settings.idle_minutes,
        "idle_cpu_percent": settings.idle_cpu_percent,
        "awake_hours": AWAKE_HOURS,
        "instance_types": settings.permitted_types,
        "volume_gb_max": max(VOLUME_GB_MAX, settings.volume_gb),
        "hours": None,
    }
    sources = dict.fromkeys(values, Source.SETTINGS)
    for policy, source in ((everybody, Source.EVERYBODY), (own, Source.OWN)):
        for name, value in _set(policy).items() if policy else ():
            values[name], sources[name] = value, source
    why = next((policy.why for policy in (own, everybody) if policy and policy.why), "")
    return Rules(**values, sources=sources, why=why)  # type: ignore[arg-type]


def _set(policy: Policy) -> dict[str, object]:
    """What this one says."""
    said: dict[str, object] = {
        "idle_minutes": policy.idle_minutes,
        "idle_cpu_percent": None if policy.idle_cpu_percent is None else float(policy.idle_cpu_percent),
        "awake_hours": policy.awake_hours,
        "instance_types": tuple(policy.instance_types) if policy.instance_types else None,
        "volume_gb_max": policy.volume_gb_max,
    }
    said = {name: value for name, value in said.items() if value is not None}
    if policy.has_hours is not None:
        said["hours"] = None
    if policy.has_hours:
        said["hours"] = Hours.of(policy.opens_at, policy.closes_at, policy.weekends, policy.zone, policy.set_at)
    return said
