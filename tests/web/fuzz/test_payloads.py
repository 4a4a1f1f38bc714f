"""Every hostile text in every field, by everybody: `make test` draws a sample, `make fuzz` goes on for minutes."""

import random
import time
from collections import Counter

import pytest

from tests.web.fuzz.payloads import bodies, texts
from tests.web.fuzz.rules import Judge
from tests.web.fuzz.world import METHODS, ROLES, World

TEXTS = texts()
WORDS = [payload for payload in TEXTS if isinstance(payload.value, str | bytes)]
SMALLEST = 500
"""Payloads that there are at least."""
TYPED_INTO = {"form", "json", "query"}


@pytest.fixture
def world(db):
    return World()


def fitting(field):
    """Return the payloads for a field."""
    if field.kind == "body":
        return bodies(dict(field.others))
    if field.kind == "method":
        return METHODS
    return TEXTS if field.kind == "json" else WORDS


def sample(cells, chance):
    """Return cases in which every payload is in some field, and something is in every field; of the addresses that are
    asked by odd methods, a few."""
    unused = {repr(payload): payload for payload in chance.sample(TEXTS, len(TEXTS))}
    typed = [field for field in cells if field.kind in TYPED_INTO]
    odd = chance.sample([field for field in cells if field.kind == "method"], 20)
    for field in [*(field for field in cells if field.kind != "method"), *odd]:
        some = fitting(field)
        fresh = (p for p in unused.values() if field.kind not in {"body", "method"} and p in some)
        payload = next(fresh, None) or chance.choice(some)
        unused.pop(repr(payload), None)
        yield chance.choice(list(ROLES)), field, payload
    for payload in unused.values():
        yield chance.choice(list(ROLES)), chance.choice([f for f in typed if payload in fitting(f)]), payload


def for_minutes(cells, chance, minutes):
    """Return cases drawn from all there are, until the time is over."""
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        field = chance.choice(cells)
        yield chance.choice(list(ROLES)), field, chance.choice(fitting(field))


def test_there_are_enough_of_each_family():
    assert len(TEXTS) >= SMALLEST
    assert len({repr(p.value) for p in TEXTS}) == len(TEXTS)
    assert min(Counter(p.family for p in TEXTS).values()) >= 8


@pytest.mark.timeout(0)
def test_whatever_is_typed_nothing_breaks_nothing_is_told_and_nothing_of_others_changes(
    world, request, record_property
):
    minutes, seed = request.config.getoption("fuzz_minutes"), request.config.getoption("fuzz_seed")
    chance, judge, ran, wrong = random.Random(seed), Judge(world), Counter(), {}
    cases = for_minutes(world.cells, chance, minutes) if minutes else sample(world.cells, chance)
    began = time.process_time()
    with judge.watching():
        for role, field, payload in cases:
            ran[role] += 1
            for what in judge.wrongs(role, field, payload):
                wrong.setdefault(
                    (what[:60], field.path, field.name), f"{role} {field.label} {str(payload)[:300]}: {what}"
                )
    each = ", ".join(f"{role} {count}" for role, count in sorted(ran.items()))
    lines = [
        f"payloads: {ran.total()} cases ({each}): {len(TEXTS)} payloads, {len(world.cells)} fields; {len(wrong)} wrong",
        f"slowest {judge.slowest[0]:.1f} s, all {time.process_time() - began:.0f} s of processor time",
        f"again with --fuzz-seed {seed}",
    ]
    record_property("told", "; ".join(lines))
    assert not wrong, "\n".join(wrong.values())
