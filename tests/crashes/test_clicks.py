"""A click that was acknowledged has happened, and once, whenever the web part is killed."""

import asyncio

import pytest

from tests.crashes.clicks import PEOPLE, click_everywhere
from tests.crashes.ground import Ground

# A killed worker leaves connections of our proxies half open.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


async def clicks():
    async with Ground(*PEOPLE) as ground:
        return await click_everywhere(ground, "create")


def test_the_web_part_is_killed_at_every_commit_of_a_click(record_property):
    told = asyncio.run(clicks())
    record_property("told", str(told))
    assert not told.wrongs, "\n".join(told.wrongs)
    assert told.points - len(told.missed) >= 4
