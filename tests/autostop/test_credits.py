"""A burstable machine without credits is said to be slow, and runs on them only where a rule permits the cost."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from ondol import clock
from ondol.autostop import readings
from ondol.autostop.credits import throttled_to
from ondol.autostop.models import CpuReading
from ondol.cloud.errors import Unreachable
from ondol.cloud.port import Reading
from ondol.config import config
from ondol.instances import actions
from ondol.instances.models import Instance
from ondol.instances.resizing import change_size
from ondol.policy.models import Policy
from ondol.testing.fake import Lost
from tests.autostop.conftest import kst


@pytest.fixture
def machine(rig, alice):
    """Alice's, a t3.small that runs since noon."""
    return rig.running(alice)


@pytest.fixture
def rested(rig, alice, machine):
    actions.stop(alice)
    rig.work()
    rig.tick()
    return machine


def restart(rig, alice):
    actions.start(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == "RUNNING"


@pytest.mark.parametrize(
    ("percent", "credits", "slow"),
    [(20.0, 0.0, 20.0), (17.0, 0.4, 20.0), (20.0, 5.0, None), (2.0, 0.0, None), (20.0, None, None)],
)
def test_a_machine_is_called_slow_when_it_would_work_and_has_no_credits(rig, machine, at, percent, credits, slow):
    rig.cloud.world.cpu[machine.instance_id] = [Reading(kst("Mon 12:00"), percent, credits=credits)]
    at("Mon 12:06")
    readings.collect(rig.cloud)
    assert CpuReading.objects.get().credits == credits
    assert throttled_to(machine, clock.now()) == slow
    assert throttled_to(machine, clock.now() + timedelta(minutes=30)) is None, "a reading of long ago says nothing"


def test_what_is_unlimited_or_not_burstable_has_no_credits_to_ask_for(rig, machine, at):
    Instance.objects.update(is_unlimited=True)
    rig.cloud.world.cpu[machine.instance_id] = [Reading(kst("Mon 12:00"), 20.0, credits=0.0)]
    at("Mon 12:06")
    readings.collect(rig.cloud)
    assert CpuReading.objects.get().credits is None


def test_a_machine_spends_what_it_has_not_earned_only_by_a_rule(rig, alice, rested):
    world = rig.cloud.world
    assert world.unlimited == set()
    Policy.objects.create(owner=alice, unlimited_credits=True)
    restart(rig, alice)
    assert world.unlimited == {rested.instance_id}
    assert rig.mine(alice).is_unlimited
    actions.stop(alice)
    rig.work()
    rig.tick()
    Policy.objects.update(unlimited_credits=False)
    rig.cloud.calls.clear()
    restart(rig, alice)
    assert world.unlimited == set()
    operations = [call.operation for call in rig.cloud.calls if call.operation in {"set_credits", "start"}]
    assert operations == ["set_credits", "start"], "set before it can spend any"


@pytest.mark.parametrize("cut_off", [None, KeyboardInterrupt(), Lost(Unreachable("RequestTimeout"))])
def test_whatever_becomes_of_a_change_of_type_no_machine_starts_with_credits_that_cost_extra(
    rig, alice, rested, monkeypatch, cut_off
):
    """A type of another family is `unlimited`, until the second of EC2's two calls has been made."""
    monkeypatch.setattr(config(), "instance_types", ("t3a.large",))
    rig.cloud.next_error["resize"] = [cut_off]
    change_size(alice, "t3a.large")
    with suppress(KeyboardInterrupt):
        rig.work()
    if cut_off:
        thing = rig.cloud.world.ec2_instances[rested.instance_id]
        thing.value = replace(thing.value, instance_type="t3a.large")
        rig.cloud.world.unlimited = {rested.instance_id}
    restart(rig, alice)
    assert (rig.mine(alice).seen_type, rig.cloud.world.unlimited) == ("t3a.large", set())


def test_a_type_that_was_changed_in_the_console_has_the_credits_of_the_rule_from_the_next_start_on(rig, alice, rested):
    for kind in ("t3a.large", "m5.large"):
        thing = rig.cloud.world.ec2_instances[rested.instance_id]
        thing.value = replace(thing.value, instance_type=kind)
        rig.cloud.world.unlimited = {rested.instance_id} if kind == "t3a.large" else set()
        for _ in range(2):
            rig.cloud.calls.clear()
            restart(rig, alice)
            actions.stop(alice)
            rig.work()
            rig.tick()
        assert rig.cloud.world.unlimited == set()
        assert rig.cloud.asked("set_credits") == (kind == "t3a.large"), "EC2 knows no credits of other types"


def test_a_new_machine_and_a_new_type_go_by_the_rule_too(rig, alice, monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("t3.large", "m5.large"))
    Policy.objects.create(owner=None, unlimited_credits=True)
    made = rig.running(alice)
    assert rig.cloud.world.unlimited == {made.instance_id}
    actions.stop(alice)
    rig.work()
    rig.tick()
    for kind, unlimited in (("m5.large", False), ("t3.large", True)):
        change_size(alice, kind)
        rig.work()
        assert (rig.mine(alice).seen_type, bool(rig.cloud.world.unlimited)) == (kind, unlimited)
