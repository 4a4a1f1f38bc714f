"""Setting a policy: it is stored with who changed what, and the alarms of running machines are replaced at once."""

from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Field, Max
from django.utils.translation import gettext_lazy as _

from ondol import clock
from ondol.accounts.models import User
from ondol.accounts.security_letters import record_and_tell
from ondol.audit.record import Action, refusals, write
from ondol.autostop import idle_rule
from ondol.instances.errors import ActionError
from ondol.instances.jobs import enqueue
from ondol.instances.models import Instance, Run
from ondol.instances.states import RUNS_OR_WILL
from ondol.policy.catalog import all_rules, stored_fields
from ondol.policy.models import Policy, PolicyChange
from ondol.policy.rules import Rules, rules_for
from ondol.policy.threshold import digits, too_near
from ondol.priorities import MANY

_TOO_NEAR = _(
    "Without CPU credits AWS slows %(types)s down, to as little as %(baseline)s%% of each vCPU. A threshold of "
    "%(percent)s%% of one core is at least half of that, so a machine that works could be stopped as idle. Choose at "
    "most %(most)s%%, or leave these types out."
)

_CHANGES_COMPARED = 20
_CHANGES_TOLD = 5


class RulesChangedError(ActionError):
    """Somebody else has changed these rules since the page was made: `changes`, newest first, and the `version` now."""

    def __init__(self, changes: list[PolicyChange], version: int) -> None:
        super().__init__("rules_changed", str(_("These rules have been changed since you opened this page.")))
        self.changes, self.version = changes, version


def version_of(owner: User | None) -> int:
    """Return the version of these rules: the key of their newest change, 0 before the first one."""
    newest: int | None = PolicyChange.objects.filter(owner=owner).aggregate(newest=Max("pk"))["newest"]
    return newest or 0


def set_policy(owner: User | None, by: User, values: Mapping[str, Any], *, seen: int | None = None) -> bool:
    """Set these `values`, by the field names of `Policy`; None: inherited. Return False if nothing changes.

    `seen`: the version that they were made from, if they must not replace a newer one.
    Raise ValidationError if a rule does not allow a value, or values of several policies contradict each other, and
    RulesChangedError if `seen` is an older version.
    """
    for rule in all_rules():
        rule.check(values)
    with refusals(Action.POLICY, by=by, on=owner), transaction.atomic():
        rules_before = _rules_affected(owner)
        policy, _made = Policy.objects.select_for_update().get_or_create(owner=owner)
        changed = _put(policy, values)
        if not changed:
            return False
        _require_version(owner, seen)
        policy.set_by, policy.set_at = by, clock.now()
        policy.save()
        _require_distance(policy, rules_before)
        PolicyChange.objects.create(owner=owner, what=changed, by=by)
        if owner:
            record_and_tell(Action.POLICY, owner, by=by, what=changed)
        else:
            write(Action.POLICY, by=by, what=changed)
        _arm_anew(owner)
    return True


def proposed(
    owner: User | None, values: Mapping[str, Any], *, seen: int | None = None
) -> tuple[Policy, dict[str, list[Any]]]:
    """Return the policy that `values` would make, which is not saved, and what they would change.

    Raise ValidationError and RulesChangedError as `set_policy` does.
    """
    for rule in all_rules():
        rule.check(values)
    policy = Policy.objects.filter(owner=owner).first() or Policy(owner=owner)
    changed = _put(policy, values)
    if changed:
        _require_version(owner, seen)
    _require_distance(policy, _rules_affected(owner), policy)
    return policy, changed


def last_change(owner: User | None) -> PolicyChange | None:
    """Return the newest change of a policy."""
    return PolicyChange.objects.filter(owner=owner).select_related("owner", "by").first()


def can_undo(change: PolicyChange) -> bool:
    """Return whether this version of Ondol knows every field that a change has changed."""
    return set(change.what) <= set(stored_fields())


def is_undo(change: PolicyChange) -> bool:
    """Return whether a change undoes the one before it; one that undoes an undo does not count."""
    newest = PolicyChange.objects.filter(owner=change.owner, pk__lte=change.pk)[:_CHANGES_COMPARED]
    restores = [
        {name: [new, old] for name, (old, new) in earlier.what.items()} == later.what
        for later, earlier in pairwise(newest)
    ]
    return (restores.index(False) if False in restores else len(restores)) % 2 == 1


def undo(change: PolicyChange, by: User) -> None:
    """Restore what a change has replaced; this is a change too.

    Raise ActionError (409) unless it is the newest one, and ValidationError as `set_policy` does.
    """
    owner = change.owner
    with refusals(Action.POLICY, by=by, on=owner), transaction.atomic():
        policy = Policy.objects.select_for_update().filter(owner=owner).first()
        newest = last_change(owner)
        if policy is None or newest is None or newest.pk != change.pk or not can_undo(change):
            raise ActionError(
                "rules_changed",
                str(_("This change cannot be undone: the rules have been changed since. Nothing was changed now.")),
            )
        before = {name: _stored(name, old) for name, (old, _new) in change.what.items()}
        set_policy(owner, by, {name: getattr(policy, name) for name in stored_fields()} | before)


def _require_version(owner: User | None, seen: int | None) -> None:
    if seen is None or seen == (version := version_of(owner)):
        return
    later = PolicyChange.objects.filter(owner=owner, pk__gt=seen).select_related("by").order_by("-pk")
    raise RulesChangedError(list(later[:_CHANGES_TOLD]), version)


def _put(policy: Policy, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Set these values, and return those that are others than before, as JSON: `[before, after]` by name."""
    changed = {}
    for name in stored_fields():
        before, after = _plain(getattr(policy, name)), _plain(values[name])
        setattr(policy, name, values[name])
        if before != after:
            changed[name] = [before, after]
    return changed


def _rules_affected(owner: User | None, instead: Policy | None = None) -> dict[User | None, Rules]:
    """Return the rules that a change of this policy may change: for the default policy, also those of single people."""
    people: list[User | None] = [owner]
    if owner is None:
        people += User.objects.filter(policy__isnull=False)
    rules = rules_for([person.pk for person in people if person], instead)
    return {person: rules[person.pk if person else None] for person in people}


def _require_distance(policy: Policy, before: Mapping[User | None, Rules], instead: Policy | None = None) -> None:
    """Raise ValidationError if a working burstable machine might count as idle because of this change.

    `ondol doctor` reports what was so before, and what others have set: these block no other change.
    """
    own = [name for name in ("idle_core_percent", "instance_types") if getattr(policy, name)]
    for person, rules in _rules_affected(policy.owner, instead).items():
        near = too_near(rules.idle_core_percent, rules.instance_types)
        is_set_here = person == policy.owner and own
        if near and (is_set_here or person not in before or _idle_and_types(rules) != _idle_and_types(before[person])):
            mistake = _TOO_NEAR % {
                "types": ", ".join(near.types),
                "percent": digits(rules.idle_core_percent),
                "baseline": digits(near.baseline_percent),
                "most": digits(near.core_percent_most),
            }
            whose = "" if person == policy.owner else f"{person}: "
            raise ValidationError({(own or ["idle_core_percent"])[0]: f"{whose}{mistake}"})


def _idle_and_types(rules: Rules) -> tuple[object, ...]:
    return rules.idle_core_percent, rules.instance_types


def _arm_anew(owner: User | None) -> None:
    """Have the alarms replaced that were put by another rule than the present one."""
    rows = Instance.objects.select_for_update().filter(status__in=RUNS_OR_WILL)
    rows = rows.filter(owner=owner) if owner else rows
    found = list(rows.order_by("pk"))
    rules = rules_for({row.owner_id for row in found})
    runs = Run.objects.in_bulk([row.run_id for row in found])
    for row in found:
        rule, run = rules[row.owner_id], runs[row.run_id]
        if idle_rule.armed(run) != idle_rule.wanted(rule, row):
            Run.objects.filter(pk=run.pk).update(armed_at=None, alarm_verified_at=None)
            Instance.objects.filter(pk=row.pk).update(next_at=None)
            enqueue(row, MANY)


def _plain(value: Any) -> Any:
    """Return the value as JSON has it; None for an empty one."""
    match value:
        case time():
            return f"{value:%H:%M}"
        case Decimal():
            return float(value)
        case "" | []:
            return None
    return value


def _stored(name: str, value: Any) -> Any:
    """Return what a field of `Policy` has for a value of `_plain`."""
    field = Policy._meta.get_field(name)
    assert isinstance(field, Field)  # noqa: S101  for the type checker
    if value is None:
        return "" if field.get_internal_type() == "CharField" else None
    return field.to_python(str(value) if isinstance(value, float) else value)
