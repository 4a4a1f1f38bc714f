"""Is the stored idle rule right for the types it applies to? Nothing here calls AWS."""

from collections import defaultdict
from collections.abc import Iterator

from ondol.accounts.models import User
from ondol.config import config
from ondol.doctor.findings import Finding, ok, warning
from ondol.ec2_types import facts_of, smallest_first
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.policy.models import Policy
from ondol.policy.rules import rules_for
from ondol.policy.threshold import CORE_PERCENT_MOST, digits, too_near


def check() -> Iterator[Finding]:
    """Check that a machine that works never counts as idle, on permitted types and on those of existing machines."""
    is_sound = True
    for whose, percent, types in _idle_rules():
        words = {"whose": whose, "percent": digits(percent), "most": digits(CORE_PERCENT_MOST)}
        if near := too_near(percent, types):
            words |= {"types": ", ".join(near.types), "baseline": digits(near.baseline_percent)}
            words["most"] = digits(near.core_percent_most)
            yield warning("rules", "too_near" if whose else "default_too_near", **words)
        elif percent > CORE_PERCENT_MOST:
            yield warning("rules", "a_core" if whose else "default_a_core", **words)
        else:
            continue
        is_sound = False
    if unknown := [name for name in config().permitted_types if facts_of(name).vcpus is None]:
        yield warning("rules", "unknown_types", types=", ".join(unknown))
    elif is_sound:
        yield ok("rules", "sound")


def _idle_rules() -> Iterator[tuple[str, float, list[str]]]:
    """Yield shares of one core with the types that they apply to: the default one, then the ones of single people.

    A person is left out if the default rules cover them completely. Machines may have types that are not permitted any
    more.
    """
    there: defaultdict[int, set[str]] = defaultdict(set)
    for row in Instance.objects.exclude(status=Status.TERMINATED):
        there[row.owner_id].add(row.size.instance_type)
    own = Policy.objects.exclude(owner=None).values_list("owner", flat=True)
    people = {person.pk: person for person in User.objects.filter(pk__in={*own, *there}).order_by("name")}
    found = rules_for(people)
    default = found[None]
    yield "", default.idle_core_percent, smallest_first(default.instance_types)
    for pk, person in people.items():
        types = {*found[pk].instance_types, *there[pk]}
        if found[pk].idle_core_percent != default.idle_core_percent or types - set(default.instance_types):
            yield str(person), found[pk].idle_core_percent, smallest_first(types)
