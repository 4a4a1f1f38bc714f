"""Machines on a cloud in memory, in the week of Monday, 5 January 2026, in Seoul."""

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ondol import clock
from ondol.config import config
from tests.instances.rig import Rig, person

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def kst(text):
    """`Mon 21:59`."""
    day, wall = text.split()
    hour, minute = map(int, wall.split(":"))
    return datetime(2026, 1, 5 + DAYS.index(day), hour, minute, tzinfo=ZoneInfo("Asia/Seoul"))


@pytest.fixture
def at(monkeypatch):
    """Sets the machines' clock: `at("Mon 21:59")`. It hardly moves until it is set."""

    def set_clock(text):
        # So slow that a test is over within the same second, but later is later: a look must be newer than an act.
        monkeypatch.setattr(config(), "clock", f"{time.time()},{kst(text).timestamp()},0.01")

    return set_clock


@pytest.fixture
def rig(db, at):
    at("Mon 12:00")
    made = Rig()
    made.cloud.world.now = clock.now
    return made


@pytest.fixture
def alice(db):
    return person("alice")


@pytest.fixture
def bob(db):
    return person("bob")


@pytest.fixture
def ada(db):
    """Administrates."""
    return person("ada", admin=True)
