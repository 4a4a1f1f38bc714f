"""Setting a policy: it is kept with who changed what, and the alarms of machines that run are replaced at once."""

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from typing import Any

from django.db import transaction

from ondol import clock
from ondol.accounts.models import User
from ondol.autostop.awake import RUNS_OR_WILL
from ondol.instances import actions
from ondol.instances.models import Instance, Run
from ondol.policy.catalog import all_rules, stored_fields
from ondol.policy.models import Policy, PolicyChange
from ondol.policy.rules import rules_for


def set_policy(owner: User | None, by: User, values: Mapping[str, Any]) -> bool:
    """Let these `values` hold, by the names of `Policy`; None: inherited. Return False if they did already.

    Raise ValidationError where a rule does not allow a value.
    """
    for rule in all_rules():
        rule.check(values)
    names = stored_fields()
    with transaction.atomic():
        policy, _made = Policy.objects.select_for_update().get_or_create(owner=owner)
        before = {name: _plain(getattr(policy, name)) for name in names}
        for name in names:
            setattr(policy, name, values[name])
        after = {name: _plain(getattr(policy, name)) for name in names}
        changed = {name: [before[name], after[name]] for name in names if before[name] != after[name]}
        if not changed:
            return False
        policy.set_by, policy.set_at = by, clock.now()
        policy.save()
        PolicyChange.objects.create(owner=owner, what=changed, by=by)
        _arm_anew(owner)
    return True


def _arm_anew(owner: User | None) -> None:
    """Machines whose alarm was put by another rule than now holds. Others are left alone."""
    rows = Instance.objects.select_for_update().filter(status__in=[status.value for status in RUNS_OR_WILL])
    rows = rows.filter(owner=owner) if owner else rows
    found = list(rows.order_by("pk"))
    rules = rules_for({row.owner_id for row in found})
    runs = Run.objects.in_bulk([row.run_id for row in found])
    for row in found:
        rule, run = rules[row.owner_id], runs[row.run_id]
        if (run.armed_idle_minutes, run.armed_cpu_percent) != (rule.idle_minutes, rule.idle_cpu_percent):
            Run.objects.filter(pk=run.pk).update(armed_at=None, alarm_verified_at=None)
            Instance.objects.filter(pk=row.pk).update(next_at=None)
            actions.enqueue(row)


def _plain(value: Any) -> Any:
    """Return the value as JSON has it; None for what is empty."""
    match value:
        case time():
            return f"{value:%H:%M}"
        case Decimal():
            return float(value)
        case "" | []:
            return None
    return value
