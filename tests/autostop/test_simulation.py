"""A sample of the simulation whose numbers are in docs/decisions/0015; `make bench ARGS=simulation` runs all of it."""

from itertools import islice

import pytest

from bench.simulation import BY_VCPUS, OLD_CPU_PERCENT, THROTTLED, cases, simulate
from ondol.policy.threshold import CORE_PERCENT, core_percent_most, cpu_percent

EACH = 97
"""A step that meets every value of each dimension."""


def some():
    return islice(cases(), 0, None, EACH)


@pytest.mark.parametrize("kind", BY_VCPUS)
def test_single_threaded_work_is_never_stopped_and_idling_always_on_1_to_64_vcpus(kind):
    found = simulate(kind, cpu_percent(CORE_PERCENT, kind), some())
    assert (found.counts["cases"], found.counts["never"], found.counts["early"]) == (45, 0, 0)
    assert 30 <= min(found.waits) <= max(found.waits) <= 41


@pytest.mark.parametrize("kind", THROTTLED)
def test_nor_is_it_on_a_burstable_type_without_credits(kind):
    percent = cpu_percent(min(CORE_PERCENT, core_percent_most([kind])), kind)
    found = simulate(kind, percent, some(), has_credits=False)
    assert (found.counts["never"], found.counts["early"]) == (0, 0)


def test_the_simulation_shows_what_the_old_rule_did():
    found = simulate("m7i.8xlarge", OLD_CPU_PERCENT, some())
    assert found.counts["working"] > 30


def test_there_are_as_many_cases_as_in_the_first_simulation():
    assert sum(1 for _ in cases()) == 4320
