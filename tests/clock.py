"""The machines' clock in tests: each run draws the moment at which it starts, and one fixture sets it.

In every test it starts at the moment of the run and goes at the pace of real time; programs that a test starts inherit
it as ONDOL_CLOCK. Sessions, sockets, passwords and job leases are on real time, which no test changes.
"""

import os
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from ondol import clock
from ondol.clock import Clock
from ondol.host.trial_clock import moved, text
from tests import moments

MOMENT = pytest.StashKey[datetime]()
"""Where the clock of this run starts."""
HARDLY = 0.01
"""The speed of a clock that was set: a test is over within the same second, but later is later."""


class MachinesClock:
    """The machines' clock of one test."""

    def __init__(self, moment: datetime) -> None:
        self.set(moment, speed=1.0)

    def set(self, moment: datetime, *, speed: float = HARDLY) -> None:
        """Let it show this moment, and hardly move on."""
        self._use(Clock(time.time(), moment.timestamp(), speed))

    def freeze(self, moment: datetime | None = None) -> None:
        """Let it stand still, at this moment or where it is."""
        self._use(Clock(time.time(), (moment or clock.now()).timestamp(), 0.0))

    def advance(self, by: timedelta) -> None:
        """Let so much time pass at once."""
        now = moved(clock.clock(), time.time())
        self._use(Clock(now.real, now.virtual + by.total_seconds(), now.speed))

    def agree_with(self, told: str) -> None:
        """Go by the clock of a cloud that runs already: the ONDOL_CLOCK that it was started with."""
        self._use(Clock.parse(told))

    def be_real(self) -> None:
        """Show real time, as at Amazon."""
        self._use(Clock())

    def be_that_of_settings(self) -> None:
        """Show what ONDOL_CLOCK says when settings are read."""
        clock.use(None)

    def _use(self, to: Clock) -> None:
        clock.use(to)
        os.environ["ONDOL_CLOCK"] = text(replace(to, speed=to.speed or HARDLY))


def anchored(speed: float = 1.0) -> str:
    """Return ONDOL_CLOCK for programs with a clock of another speed; it shows now what the one inherited shows."""
    now = time.time()
    return text(Clock(now, Clock.parse(os.environ.get("ONDOL_CLOCK", "")).at(now).timestamp(), speed))


@pytest.fixture(autouse=True)
def machines_clock(request: pytest.FixtureRequest) -> Iterator[MachinesClock]:
    """Set the machines' clock. There is no other way."""
    inherited = os.environ["ONDOL_CLOCK"]
    yield MachinesClock(request.config.stash[MOMENT])
    clock.use(None)
    os.environ["ONDOL_CLOCK"] = inherited


# --- the moment of a run ---------------------------------------------------------------------------------------------
def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("machines' clock")
    group.addoption("--moment", type=moments.read, help="start at this moment, such as 2027-02-28T23:58+09:00")
    group.addoption("--moment-seed", type=int, help="draw the moment that this seed gives on this day")


def start(config: pytest.Config) -> str:
    """Return ONDOL_CLOCK for a run: at the moment that was asked for, or at one drawn."""
    options = config.known_args_namespace
    if options.moment:
        moment = options.moment
    else:
        seed = options.moment_seed
        if seed is None:
            seed = random.SystemRandom().randrange(10_000)
        moment = moments.draw(seed, date.today())  # noqa: DTZ011  of this computer
        config.stash[_SEED] = seed
    return text(Clock(time.time(), moment.timestamp(), 1.0))


_SEED = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """The workers of xdist inherit it."""
    config.stash[MOMENT] = datetime.fromtimestamp(Clock.parse(os.environ["ONDOL_CLOCK"]).virtual, UTC)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Print the moment at once, for whoever ends the run."""
    if reporter := session.config.pluginmanager.get_plugin("terminalreporter"):
        reporter.write_line(_said(session.config))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """And below what failed, to repeat it."""
    terminalreporter.write_line(_said(terminalreporter.config))


def _said(config: pytest.Config) -> str:
    moment = config.stash[MOMENT].astimezone(moments.SEOUL)
    seed = f", by seed {config.stash[_SEED]}" if _SEED in config.stash else ""
    return f"the machines' clock started on a {moment:%A}{seed}: --moment {moment.isoformat(timespec='minutes')}"
