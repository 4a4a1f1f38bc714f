"""One clock for everything about machines, in tests too: where a run starts, and that nobody sets it in another way."""

import re
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import DateTimeField

from ondol import clock
from tests import moments

TODAY = date(2026, 11, 27)
OTHER_WAYS = re.compile(
    r"""setattr\(\s*(clock|time|datetime|config\(\),\s*["']clock)\b | ["']ondol\.clock\. | config\(\)\.clock\s*=
    | clock\.use\( | \b(clock|time|datetime)\.(now|clock|time)\s*=[^=] | freezegun | time_machine""",
    re.VERBOSE,
)


def test_it_starts_at_the_moment_of_the_run(machines_clock, request):
    from tests.clock import MOMENT

    assert abs(clock.now() - request.config.stash[MOMENT]) < timedelta(seconds=30)


def test_it_goes_on_only_as_it_is_told(machines_clock):
    noon = datetime(2028, 2, 29, 12, tzinfo=UTC)
    machines_clock.freeze(noon)
    assert clock.now() == clock.now() == noon
    machines_clock.advance(timedelta(days=366))
    assert clock.now() == datetime(2029, 3, 1, 12, tzinfo=UTC)
    machines_clock.set(noon)
    first = clock.now()
    time.sleep(0.01)
    last = clock.now()
    assert noon <= first < last < noon + timedelta(seconds=1)


def test_what_is_on_real_time_does_not_follow_it(machines_clock):
    machines_clock.freeze(datetime(2028, 2, 29, 12, tzinfo=UTC))
    assert abs(clock.real_now() - datetime.now(UTC)) < timedelta(seconds=30)


def test_models_are_on_it_by_default(machines_clock):
    noon = datetime(2028, 2, 29, 12, tzinfo=UTC)
    machines_clock.freeze(noon)
    defaults = {
        f"{model.__name__}.{field.name}": field.get_default()
        for model in apps.get_models()
        if model.__module__.startswith("ondol.")
        for field in model._meta.get_fields()
        if isinstance(field, DateTimeField) and field.has_default() and callable(field.default)
    }
    assert len(defaults) > 10
    assert set(defaults.values()) == {noon}


def test_what_takes_real_time_gets_more_of_a_fast_clock_and_no_less_of_a_slow_one(machines_clock):
    for speed, seconds in ((60, 60), (1, 1), (0.01, 1)):
        machines_clock.set(clock.now(), speed=speed)
        assert clock.real_seconds(1) == timedelta(seconds=seconds)


@pytest.mark.parametrize("kind", moments.KINDS)
def test_a_moment_comes_again_by_its_seed_and_lies_ahead(kind):
    drawn = [moments.draw(seed, TODAY) for seed in range(300)]
    assert drawn == [moments.draw(seed, TODAY) for seed in range(300)]
    assert all(TODAY < moment.date() < TODAY + timedelta(days=366 * 9) for moment in drawn)


def test_moments_are_those_at_which_code_goes_wrong():
    drawn = [moments.draw(seed, TODAY) for seed in range(500)]
    shown = {f"{moment:%a %H:%M}" for moment in drawn}
    assert "Sat 03:00" in shown
    assert {moment.strftime("%a") for moment in drawn} == {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
    assert {moment.hour for moment in drawn} == set(range(24))
    assert {(1, 1), (12, 31), (2, 29)} <= {(moment.month, moment.day) for moment in drawn}
    assert {moment.month for moment in drawn} == set(range(1, 13))


@pytest.mark.parametrize(
    ("zone", "hours"), [("America/New_York", 1), ("Europe/Berlin", 1), ("Australia/Lord_Howe", 0.5)]
)
def test_clocks_are_changed_in_several_zones(zone, hours):
    there = moments.ZoneInfo(zone)
    drawn = (moments.draw(seed, TODAY).astimezone(there) for seed in range(500))
    offsets = (((moment + timedelta(minutes=32)).astimezone(UTC), moment) for moment in drawn)
    changes = {later.astimezone(there).utcoffset() - moment.utcoffset() for later, moment in offsets}
    assert {timedelta(hours=hours), -timedelta(hours=hours)} <= changes


def test_a_moment_without_a_zone_is_seouls():
    assert moments.read("2027-02-28T23:58") == moments.read("2027-02-28T23:58+09:00")


def test_nobody_sets_the_time_in_another_way():
    tests = Path(__file__).parent
    for file in set(tests.rglob("*.py")) - {tests / "clock.py", Path(__file__)}:
        found = OTHER_WAYS.search(file.read_text())
        assert found is None, f"{file}: `{found[0]}`; use the fixture `machines_clock`"
