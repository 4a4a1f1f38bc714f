"""A sample of the crash sweep: whoever is killed, wherever, there is one machine in the end, and its key opens it."""

import asyncio
import random

import pytest

from tests.crashes.ground import Ground
from tests.crashes.scenarios import TRACKS
from tests.crashes.sweep import otherwise, record, run, singles

# A killed worker leaves connections of our proxies half open.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
LIVES, FREEZES, TERMS, SEED = 6, 1, 1, 20260101
LANES = 4


async def sample():
    chance = random.Random(SEED)
    async with Ground() as ground:
        points = await record(ground, times=1)
        plans = [
            *singles(points, chance)[:LIVES],
            *otherwise("freeze", points, chance)[:FREEZES],
            *otherwise("term", points, chance)[:TERMS],
        ]
        return points, await run(ground, plans, lanes=LANES)


def test_a_worker_that_is_killed_or_frozen_anywhere_leaves_one_machine_and_its_key(capsys):
    points, report = asyncio.run(sample())
    with capsys.disabled():
        print(f"\ncrash sweep, a sample of {sum(map(len, points.values()))} points: {report}")
    assert set(points) == {scenario.name for track in TRACKS for scenario in track}
    assert not report.bad, "\n".join(f"{outcome}: {outcome.wrongs}" for outcome in report.bad)
    assert not report.left
    assert sum(outcome.struck for outcome in report.outcomes) > 3 * LIVES
