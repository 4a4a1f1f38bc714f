"""Jobs of the night run at night where Ondol is installed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from procrastinate.contrib.django import app

from ondol.config import config
from ondol.nightly import at_night


def runs_at(cron, zone):
    """Return the time of day there at which it runs next."""
    return croniter(cron, datetime.now(UTC)).get_next(datetime).astimezone(ZoneInfo(zone)).strftime("%H:%M")


def test_a_time_of_the_night_is_one_of_the_place():
    assert at_night("04:17", "Asia/Seoul") == "17 19 * * *"
    assert at_night("04:17", "UTC") == "17 4 * * *"


@pytest.mark.parametrize("zone", ["Asia/Seoul", "Asia/Kolkata", "Pacific/Auckland", "America/St_Johns", "UTC"])
def test_it_is_that_time_in_any_zone(zone):
    # An hour off within the day in which clocks change.
    assert {int(runs_at(at_night(wall, zone), zone)[:2]) for wall in ("02:47", "04:23")} <= {1, 2, 3, 4, 5}
    assert runs_at(at_night("04:23", zone), zone)[3:] == "23"


def test_each_job_of_once_a_day_runs_while_researchers_sleep():
    app.perform_import_paths()
    crons = {one.task.name: one.cron for one in app.periodic_registry.periodic_tasks.values()}
    daily = {name: cron for name, cron in crons.items() if cron.split()[1].isdecimal()}
    assert {"ondol.instances.purge", "ondol.autostop.prune", "ondol.costs.compare"} <= set(daily)
    hours = {name: int(runs_at(cron, config().time_zone)[:2]) for name, cron in daily.items()}
    assert {name: hour for name, hour in hours.items() if not 1 <= hour <= 5} == {}
