"""Which rules apply to whom: a person's own, else the default ones, else those of the settings."""

from collections.abc import Collection

from django.db.models import Q

from ondol.database.kept import Kept
from ondol.policy.catalog import Rules, Source, all_rules
from ondol.policy.models import Policy

__all__ = ["Rules", "Source", "inherited_rules", "rules_for", "rules_of", "says_anything"]


def rules_of(person: int | None) -> Rules:
    """Return the rules of a person, by id; None: for people without rules of their own."""
    if person is None:
        return rules_for([])[None]
    kept = {policy.owner_id: policy for policy in _OF_ONE.all(person)}
    return _merge(kept.get(person), kept.get(None))


_OF_ONE = Kept[Policy](lambda person: Policy.objects.filter(Q(owner_id=person) | Q(owner=None)), 1)


def inherited_rules(owner: int | None) -> Rules:
    """Return the inherited rules: for a person the default rules, for the default rules those of the settings."""
    return rules_of(None) if owner is not None else _merge(None, None)


def rules_for(people: Collection[int], instead: Policy | None = None) -> dict[int | None, Rules]:
    """Return the rules of many people, and the default ones under None, in one query.

    `instead`: as if this policy, which is not saved, were the one of its owner.
    """
    kept = {policy.owner_id: policy for policy in Policy.objects.filter(Q(owner__in=people) | Q(owner=None))}
    if instead is not None:
        kept[instead.owner_id] = instead
    everybody = kept.pop(None, None)
    usual = _merge(None, everybody)  # shared by nearly all people: merging it for ten thousand would take a second
    return {person: _merge(kept[person], everybody) if person in kept else usual for person in (*people, None)}


def says_anything(policy: Policy) -> bool:
    """Return whether anything is set; a policy without any setting stays."""
    return bool(policy.why) or any(rule.is_set(policy) for rule in all_rules())


def _merge(own: Policy | None, everybody: Policy | None) -> Rules:
    values: dict[str, object] = {}
    sources: dict[str, Source] = {}
    nearest_first = ((own, Source.OWN), (everybody, Source.EVERYBODY))
    for rule in all_rules():
        values[rule.name], sources[rule.name] = next(
            ((rule.value(policy), source) for policy, source in nearest_first if policy and rule.is_set(policy)),
            (rule.default(), Source.SETTINGS),
        )
    why = next((policy.why for policy in (own, everybody) if policy and policy.why), "")
    return Rules(values, sources, why)
