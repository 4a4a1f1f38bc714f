"""A forecast is made from what a machine did since it was last at work: it is that of all readings."""

import random
from datetime import timedelta

import pytest

from ondol import clock
from ondol.autostop.forecast import PERIOD, floor
from ondol.autostop.models import CpuReading
from ondol.autostop.outlook import _BACK, _of, outlook
from ondol.autostop.samples import limits_of, samples_of, since_active
from ondol.instances.states import Status
from ondol.policy.rules import rules_of
from tests.web.conftest import machine, person


def read(row, readings):
    """Save readings, oldest first, of which the last one has just ended."""
    last = floor(clock.now()) - PERIOD
    CpuReading.objects.bulk_create(
        CpuReading(instance=row, at=last - number * PERIOD, percent=percent, network_in=size, network_out=0)
        for number, (percent, size) in enumerate(reversed(readings))
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_forecast_is_that_of_all_readings(db, machines_clock, seed):
    machines_clock.freeze()
    drawn = random.Random(seed)
    minutes = drawn.choice([20, 100, 500, 2000])
    bob, ben = person("bob@example.org"), person("ben@example.org")
    rows = [machine(one, Status.RUNNING, minutes_ago=minutes) for one in (bob, ben)]
    now = clock.now()
    for row in rows:
        busy, often = drawn.choice([0.0, 0.02, 0.5]), drawn.choice([0.0, 0.05])
        read(row, [(90 if drawn.random() < busy else 1, 1e9 * (drawn.random() < often)) for _ in range(170)])
    for row in rows:
        rules = rules_of(row.owner_id)
        every = samples_of([row], now - _BACK).get(str(row.pk), [])
        assert outlook(row, rules, now) == _of(row, rules, every, now)


def test_no_more_is_read_than_since_it_was_at_work(db):
    row = machine(person("bob@example.org"), Status.RUNNING, minutes_ago=600)
    read(row, [(1, 0)] * 50 + [(90, 0), (1, 0), (2, 0)])
    limits = limits_of(row, rules_of(row.owner_id))
    found = since_active([row], {str(row.pk): limits.cpu_percent}, clock.now() - _BACK)
    assert [sample.percent for sample in found[str(row.pk)]] == [90, 1, 2]
    CpuReading.objects.filter(percent=90).delete()
    assert (
        len(since_active([row], {str(row.pk): limits.cpu_percent}, clock.now() - timedelta(hours=1))[str(row.pk)]) <= 12
    )
