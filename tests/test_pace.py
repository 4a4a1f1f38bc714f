"""How often all machines that run are looked at."""

from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter

from ondol.pace import cron_of

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
HALF_A_MINUTE = timedelta(seconds=30)


def jobs_within_a_minute(cron):
    jobs = croniter(cron, NOON - timedelta(seconds=1))
    return sum(jobs.get_next(datetime) < NOON + timedelta(minutes=1) for _ in range(60))


@pytest.mark.parametrize(("speed", "jobs"), [(1, 2), (3, 6), (60, 30), (600, 30), (0.5, 2)])
def test_half_a_minute_is_one_of_the_machines_clock_and_two_seconds_at_least(speed, jobs):
    assert jobs_within_a_minute(cron_of(HALF_A_MINUTE, speed)) == jobs


def test_it_goes_by_the_clock_of_the_settings(machines_clock):
    machines_clock.freeze(NOON)
    assert cron_of(HALF_A_MINUTE) == "* * * * * */30"
