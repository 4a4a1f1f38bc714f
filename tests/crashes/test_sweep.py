"""A sample of the crash sweep: whoever is killed, wherever, there is one machine in the end, and its key opens it."""

import asyncio
import random

import pytest

from tests.crashes.ground import Ground
from tests.crashes.points import WHENS
from tests.crashes.scenarios import PROVISION, TRACKS
from tests.crashes.sweep import otherwise, pairs, record, run, singles, struck_at

# A killed worker leaves connections of our proxies half open.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PAIRS, FREEZES, TERMS, SEED = 2, 2, 1, 20260101
LANES = 4
ENGINE = ("fetch_job", "defer_periodic_job", "finish_job")
"""The job engine's statements that lock rows or keys which every other worker needs."""
KINDS = {(where, when) for where, whens in WHENS.items() for when in whens}


def kinds(schedules):
    return {(point.where, point.when) for schedule in schedules for point in schedule}


def of_the_engine(points):
    """The first time that each of the engine's statements is about to be carried out."""
    return [
        next(point for point in points if point.what.startswith(name) and (point.nth, point.when) == (1, "before"))
        for name in ENGINE
    ]


def spread(plans):
    """One life of each track, each with as many kinds of boundaries as can be that no other has yet."""
    chosen, missing = [], KINDS
    for track in TRACKS:
        lives = [plan for plan in plans if tuple(scenario for scenario, _ in plan.steps) == track]
        chosen.append(max(lives, key=lambda life: len(kinds(schedule for _, schedule in life.steps) & missing)))
        missing = missing - kinds(schedule for _, schedule in chosen[-1].steps)
    return chosen


def certain(points, kind):
    """A point of this kind that every machine's making comes by once."""
    return next(point for point in points if (point.where, point.when) == kind and not point.is_repeated)


def struck(report):
    return kinds(outcome.schedule for outcome in report.outcomes if outcome.struck)


async def sample():
    chance = random.Random(SEED)
    async with Ground() as ground:
        points = await record(ground, LANES, times=1)
        plans = [
            *spread(singles(points, chance)),
            *otherwise("freeze", points, chance)[:FREEZES],
            *struck_at(of_the_engine(points[PROVISION.name]), "freeze"),
            *otherwise("term", points, chance)[:TERMS],
        ]
        report = await run(ground, plans, lanes=LANES)
        # A life may take another way than the recorded one, and not come by its point.
        missed = [certain(points[PROVISION.name], kind) for kind in sorted(KINDS - struck(report))]
        report.add(await run(ground, struck_at(missed, "kill"), lanes=LANES))
        twice = chance.sample(pairs(report, PROVISION), PAIRS)
        return points, report, await run(ground, twice, lanes=LANES)


def test_a_worker_that_is_killed_or_frozen_anywhere_leaves_one_machine_and_its_key(record_property):
    points, report, twice = asyncio.run(sample())
    record_property("told", f"crash sweep, a sample of {sum(map(len, points.values()))} points: {report}")
    record_property("told", f"two crashes in a row: {twice}")
    assert set(points) == {scenario.name for track in TRACKS for scenario in track}
    bad = [*report.bad, *twice.bad]
    assert not bad, "\n".join(f"{outcome}: {outcome.wrongs}" for outcome in bad)
    assert not [*report.left, *twice.left]
    assert len(twice.outcomes) >= PAIRS
    assert struck(report) == KINDS
