"""AWS is away for a while."""

import asyncio

import pytest

from tests.crashes.away import go_away
from tests.crashes.ground import Ground

# A killed worker leaves connections of our proxies half open.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.timeout(200),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SECONDS = 12


async def away():
    async with Ground() as ground:
        return await go_away(ground, SECONDS)


def test_while_aws_is_away_pages_and_keys_are_there_and_a_click_is_done_afterwards(record_property):
    told = asyncio.run(away())
    record_property("told", str(told))
    assert not told.wrongs, "\n".join(told.wrongs)
    assert told.pages > SECONDS
