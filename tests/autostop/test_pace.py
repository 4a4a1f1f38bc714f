"""How often all machines that run are looked at."""

from datetime import UTC, datetime, timedelta

from ondol.autostop.pace import Pace

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


def test_at_amazon_once_in_half_a_minute_of_jobs(machines_clock):
    pace, looks = Pace(timedelta(seconds=30)), 0
    for second in range(0, 60, 2):
        machines_clock.freeze(NOON + timedelta(seconds=second))
        looks += pace.is_due()
    assert looks == 2


def test_in_a_fast_trial_at_each_job(machines_clock):
    pace = Pace(timedelta(seconds=30))
    machines_clock.freeze(NOON)
    for _job in range(5):
        machines_clock.advance(timedelta(minutes=2))
        assert pace.is_due()


def test_a_clock_that_was_set_back_puts_nothing_off(machines_clock):
    pace = Pace(timedelta(seconds=30))
    machines_clock.freeze(NOON)
    assert pace.is_due()
    machines_clock.freeze(NOON - timedelta(days=1))
    assert pace.is_due()
