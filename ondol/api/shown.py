"""Machines, and what somebody may choose, as the API shows them.

Machines are requested all the time, so the answer is constructed from trusted values without validation by its schema;
a test validates machines of all kinds.
"""

from datetime import datetime, timedelta
from typing import Any

from ondol import clock
from ondol.accounts.models import User
from ondol.api.schemas import (
    AutoStop,
    Machine,
    MachineKey,
    MachineSummary,
    OffersAnswer,
    Replacement,
    StopForecast,
    TypeOffer,
    TypePrice,
)
from ondol.autostop.credits import throttled_to
from ondol.autostop.forecast import Forecast
from ondol.autostop.outlook import outlook
from ondol.autostop.schedule import closing
from ondol.autostop.work import Work
from ondol.config import config
from ondol.costs.offers import Choice, Offers
from ondol.deployment.health import unconfirmed_since
from ondol.instances.messages.replacements import why_not
from ondol.instances.models import Instance, KeyOrigin
from ondol.instances.own_keys import facts_of
from ondol.instances.replacements import ReplacementState, replacement_of
from ondol.instances.resizing import substitute
from ondol.instances.ssh import SSH_USER, command, key_of
from ondol.instances.states import RUNS_OR_WILL, Reason, Status
from ondol.policy.rules import Rules, rules_of
from ondol.policy.threshold import Threshold

_FIELDS = {"launched_at": "seen_launched_at"}
"""Fields whose name in the row differs from that in the API."""


def machine(row: Instance, owner: User) -> Machine:
    """Return a machine as its owner sees it."""
    now, rules = clock.now(), rules_of(row.owner_id)
    close = closing(row, rules.hours, now) if row.status in RUNS_OR_WILL else None
    return Machine.model_construct(
        **_of_row(row),
        private_ip=row.private_ip,
        ipv6_address=row.ipv6_address,
        volume_gib=row.volume_gib,
        ami_id=row.ami_id or None,
        ssh_user=SSH_USER,
        ssh_port=config().ssh_port,
        ssh_command=command(row),
        key_pair_name=row.key_pair_name or None,
        key=_key(row),
        key_replacement=_replacement(row),
        auto_stop=_auto_stop(row, rules, now),
        awake_until=row.kept_awake_until(now),
        closes_at=close.stops_at if close and not close.is_waived else None,
        unconfirmed_since=unconfirmed_since(),
        throttled_to_percent=throttled_to(row, now),
        substitute_type=substitute(owner, row),
        reference=row.error_ref or None,
    )


def summary(row: Instance) -> MachineSummary:
    """Return a machine as an administrator sees it."""
    return MachineSummary.model_construct(**_of_row(row))


def _of_row(row: Instance) -> dict[str, Any]:
    found = {name: getattr(row, _FIELDS.get(name, name)) for name in MachineSummary.model_fields}
    return found | {"status": Status(row.status), "status_reason": Reason(row.status_reason)}


def offers(found: Offers) -> OffersAnswer:
    """Return what somebody may choose."""
    return OffersAnswer(
        types=[_type(choice) for choice in found.types],
        chosen=_type(found.chosen),
        volume_gib=found.volume_gib,
        volume_gib_min=found.volume_gib_min,
        volume_gib_max=found.volume_gib_max,
    )


def _key(row: Instance) -> MachineKey | None:
    key = key_of(row)
    if key is None:
        return None
    facts = facts_of(key)
    return MachineKey.model_construct(origin=facts.origin, fingerprint=facts.fingerprint, comment=facts.comment)


def _replacement(row: Instance) -> Replacement | None:
    found = replacement_of(row)
    if found is None:
        return None
    why = why_not(found.failure) if found.failure else None
    return Replacement.model_construct(
        state=ReplacementState(found.state),
        origin=KeyOrigin(found.origin),
        asked_at=found.asked_at,
        ended_at=found.ended_at,
        why=str(why.cause) if why else "",
        hint=str(why.next_step) if why else "",
        reference=found.error_ref or None,
    )


def _type(choice: Choice) -> TypeOffer:
    return TypeOffer(
        instance_type=choice.instance_type,
        vcpus=choice.vcpus,
        memory_gib=choice.memory_gib,
        price=TypePrice.from_orm(choice.price) if choice.price else None,
    )


def _auto_stop(row: Instance, rules: Rules, now: datetime) -> AutoStop:
    run = row.run
    armed_at = run.armed_at if run.is_armed else None
    seen = outlook(row, rules, now)
    threshold = Threshold.by_rule(rules.idle_core_percent, row.size.instance_type)
    return AutoStop.model_construct(
        armed=run.is_armed,
        armed_at=armed_at,
        idle_minutes=rules.idle_minutes,
        core_percent=threshold.core_percent,
        cpu_percent=threshold.cpu_percent,
        earliest_at=armed_at + timedelta(minutes=run.warm_up_minutes) if armed_at else None,
        checked_at=run.alarm_verified_at if armed_at else None,
        lease_until=run.lease_until if run.ended_at is None and run.lease_until and run.lease_until > now else None,
        forecast=_forecast(seen.idle, seen.work) if seen and seen.idle else None,
    )


def _forecast(idle: Forecast, work: Work | None) -> StopForecast:
    shown = work if idle.is_active else None
    return StopForecast.model_construct(
        earliest_at=idle.earliest,
        latest_at=idle.latest,
        is_active=idle.is_active,
        signal=shown.signal if shown else None,
        rate=round(shown.rate, 1) if shown else None,
    )
