"""One clock for everything that AWS shows."""

from datetime import UTC, datetime

import pytest

from localcloud.clock import VARIABLES, BadClock, Clock, seconds_of


def test_without_the_variable_it_is_real_time() -> None:
    clock = Clock.from_environment({})
    assert (clock.at(1_000.0), clock.speed) == (1_000.0, 1.0)


@pytest.mark.parametrize("variable", VARIABLES)
def test_it_starts_where_it_was_told_and_runs_as_fast_as_it_was_told(variable: str) -> None:
    clock = Clock.from_environment({variable: "1000,5000,60"})
    assert clock.at(1000) == 5000
    assert clock.at(1001) == 5060


def test_it_knows_how_long_to_wait() -> None:
    clock = Clock(1000, 5000, 60, source=lambda: 1001.0)
    assert clock.real_seconds_until(5060 + 3600) == 60


@pytest.mark.parametrize("text", ["soon", "1,2", "1,2,0", "1,2,-3", "a,b,c"])
@pytest.mark.parametrize("variable", VARIABLES)
def test_a_bad_clock_is_refused_by_name(text: str, variable: str) -> None:
    with pytest.raises(BadClock, match=variable):
        Clock.from_environment({variable: text})


def test_a_time_without_a_zone_is_utc_wherever_the_cloud_runs() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    assert seconds_of(naive) == seconds_of(naive.replace(tzinfo=UTC)) == 1_767_225_600
