"""Alice's program keeps her machine awake."""

import json
from datetime import time, timedelta

import pytest

from ondol import clock
from ondol.instances.models import Instance, Run
from ondol.instances.states import Status
from ondol.policy.models import Policy
from tests.api.caller import refusal

PATH = "/instances/keep-awake"


def wish(until):
    return json.dumps({"until": until})


def in_hours(hours):
    return (clock.now() + timedelta(hours=hours)).replace(microsecond=0)


def shown(time):
    return time.isoformat().replace("+00:00", "Z")


def test_it_is_kept_awake_and_says_until_when(alice, machine):
    machine(alice)
    until = in_hours(4)
    answer = alice.post(PATH, wish(until.isoformat()))
    assert answer.status_code == 202
    assert answer.json()["instance"]["awake_until"] == shown(until)
    assert Instance.objects.get().run.awake_until == until


def test_in_any_zone_it_is_the_same_moment(alice, machine):
    machine(alice)
    until = in_hours(1)
    local = (until + timedelta(hours=9)).replace(tzinfo=None).isoformat() + "+09:00"
    assert alice.post(PATH, wish(local)).status_code == 202
    assert Instance.objects.get().run.awake_until == until


def test_null_ends_it_and_twice_is_once(alice, machine):
    machine(alice, awake_until=in_hours(4))
    for _ in range(2):
        answer = alice.post(PATH, wish(None))
        assert (answer.status_code, answer.json()["instance"]["awake_until"]) == (202, None)


def test_a_wish_that_is_over_is_not_shown(alice, machine):
    machine(alice, awake_until=in_hours(-1))
    assert alice.get("/instances/status").json()["instance"]["awake_until"] is None


@pytest.mark.parametrize(
    "until",
    ["soon", "2999-01-01T00:00:00", "2999-01-01", 1_900_000_000, "1900000000", True, [], "9999-12-31T23:59:59-14:00",
     "0001-01-01T00:00:00+14:00", ""],
)  # fmt: skip
def test_what_is_no_time_with_a_zone_is_refused(alice, machine, until):
    machine(alice)
    assert refusal(alice.post(PATH, wish(until)), 422)["code"] == "invalid"
    assert Instance.objects.get().run.awake_until is None


@pytest.mark.parametrize("body", ["{}", "", "null", '{"until": null, "more": 1}'])
def test_what_says_nothing_changes_nothing(alice, machine, body):
    machine(alice, awake_until=in_hours(4))
    refusal(alice.post(PATH, body), 422)
    assert Instance.objects.get().run.awake_until is not None


def test_the_past_and_more_than_the_cap_are_refused_with_a_way_out(alice, machine):
    machine(alice)
    assert refusal(alice.post(PATH, wish(in_hours(-1).isoformat())), 422)["code"] == "in_the_past"
    told = refusal(alice.post(PATH, wish(in_hours(25).isoformat())), 422)
    assert (told["code"], "24 hours" in told["message"]) == ("too_long", True)
    Policy.objects.create(owner=None, awake_hours=0)
    assert refusal(alice.post(PATH, wish(in_hours(1).isoformat())), 403)["code"] == "not_allowed"


def test_only_what_runs_and_ones_own(alice, bob, machine):
    refusal(alice.post(PATH, wish(in_hours(1).isoformat())), 404)
    machine(alice)
    refusal(bob.post(PATH, wish(in_hours(1).isoformat())), 404)
    machine(bob, Status.STOPPED)
    refusal(bob.post(PATH, wish(in_hours(1).isoformat())), 409)


def test_when_the_hours_end_is_told_unless_it_is_waived(alice, machine):
    machine(alice, launched_at=clock.now())
    Policy.objects.create(owner=None, has_hours=True, opens_at=time(0), closes_at=time(23, 59), zone="UTC")
    row = Instance.objects.get()
    closes = alice.get("/instances/status").json()["instance"]["closes_at"]
    assert closes.endswith("T23:59:00Z")
    Run.objects.filter(instance=row).update(waived_close=closes)
    assert alice.get("/instances/status").json()["instance"]["closes_at"] is None
