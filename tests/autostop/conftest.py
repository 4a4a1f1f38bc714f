"""Machines on a cloud in memory, in the week of Monday, 5 January 2026, in Seoul."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.instances.rig import Rig, person

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def kst(text):
    """`Mon 21:59`."""
    day, wall = text.split()
    hour, minute = map(int, wall.split(":"))
    return datetime(2026, 1, 5 + DAYS.index(day), hour, minute, tzinfo=ZoneInfo("Asia/Seoul"))


@pytest.fixture
def at(machines_clock):
    """Set the machines' clock: `at("Mon 21:59")`. It hardly moves until it is set again."""
    return lambda text: machines_clock.set(kst(text))


@pytest.fixture
def rig(db, at):
    at("Mon 12:00")
    return Rig()


@pytest.fixture
def alice(db):
    return person("alice")


@pytest.fixture
def bob(db):
    return person("bob")


@pytest.fixture
def ada(db):
    """Return Ada, an administrator."""
    return person("ada", admin=True)
