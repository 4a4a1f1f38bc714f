"""Who may reach a machine by SSH is always what the wanted ranges say, whether they get wider or narrower."""

from datetime import timedelta

import pytest

from ondol import clock
from ondol.cloud.errors import Gone, Quota, Refused, Throttled, Unreachable
from ondol.deployment.findings import Why, remembered
from ondol.instances import actions
from ondol.instances.models import Instance
from ondol.instances.resizing import change_size
from ondol.reconciler import orphans
from ondol.testing.fake import Lost

LAB, EVERYBODY = "203.0.113.0/24", "0.0.0.0/0"


@pytest.fixture
def narrowed(setting):
    """The administrator has narrowed the range in the settings, and started Ondol again."""
    return lambda: setting(ONDOL_SSH_CIDRS=LAB)


def door(rig, alice):
    return rig.cloud.world.groups[rig.mine(alice).security_group_id].value


def stopped(rig, alice):
    rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == "STOPPED"


def look_at_all(rig, machines_clock):
    machines_clock.advance(timedelta(seconds=40))
    rig.tick()


def test_nobody_is_told_that_a_new_machine_runs_before_they_can_get_in(rig, alice):
    opened, tells = [], rig.mine
    rig.cloud.meanwhile["set_ssh"] = lambda: opened.append(tells(alice).status)
    rig.running(alice)
    assert opened == ["PENDING"]
    assert door(rig, alice).cidrs == {EVERYBODY}


@pytest.mark.parametrize("times", [1, 3])
def test_a_new_group_that_is_not_shown_yet_is_opened_once_it_is(rig, alice, times):
    rig.cloud.next_error["set_ssh"] = [Gone("InvalidGroup.NotFound")] * times
    actions.create(alice)
    rig.work()
    for _ in range(times + 2):
        Instance.objects.update(next_at=None)  # the back-off is over
        rig.tick()
    assert rig.mine(alice).status == "RUNNING"
    assert door(rig, alice).cidrs == {EVERYBODY}


@pytest.mark.parametrize("error", [Refused("InvalidParameterValue"), Quota("RulesPerSecurityGroupLimitExceeded")])
def test_a_new_machine_into_which_nobody_would_get_is_given_up_and_nothing_stays(rig, alice, machines_clock, error):
    rig.cloud.next_error["set_ssh"] = [error]
    actions.create(alice)
    rig.work()
    assert (rig.mine(alice).status, rig.mine(alice).error_code) == ("FAILED", error.code)
    look_at_all(rig, machines_clock)
    look_at_all(rig, machines_clock)
    world = rig.cloud.world
    assert (rig.live(alice), dict(world.groups), dict(world.keys), dict(world.alarms)) == ([], {}, {}, {})


@pytest.mark.parametrize("lives", ["running", "stopped"])
def test_a_range_that_the_settings_name_no_more_is_closed_within_half_a_minute(
    rig, alice, narrowed, machines_clock, lives
):
    rig.running(alice) if lives == "running" else stopped(rig, alice)
    assert door(rig, alice).cidrs == {EVERYBODY}
    narrowed()
    look_at_all(rig, machines_clock)
    assert door(rig, alice).cidrs == {LAB}
    assert rig.mine(alice).ssh_ranges == [LAB]


def test_a_machine_that_an_earlier_version_has_made_is_closed_as_well(rig, alice, narrowed, machines_clock):
    rig.running(alice)
    Instance.objects.update(ssh_ranges=[], ssh_ranges_at=None)
    narrowed()
    look_at_all(rig, machines_clock)
    assert door(rig, alice).cidrs == {LAB}


def test_a_start_closes_it_before_it_runs(rig, alice, narrowed):
    stopped(rig, alice)
    narrowed()
    actions.start(alice)
    rig.work()
    order = [call.operation for call in rig.cloud.calls]
    assert door(rig, alice).cidrs == {LAB}
    assert len(order) - order[::-1].index("set_ssh") < len(order) - order[::-1].index("start")


def test_a_group_as_wished_for_is_not_asked_about_again(rig, alice, machines_clock):
    rig.running(alice)
    asked = rig.cloud.asked("set_ssh")
    for _ in range(3):
        look_at_all(rig, machines_clock)
    assert rig.cloud.asked("set_ssh") == asked


@pytest.mark.parametrize(
    "error",
    [
        Unreachable("ConnectTimeoutError"), Lost(Unreachable("ReadTimeoutError")), Throttled("RequestLimitExceeded"),
        Lost(Throttled("RequestLimitExceeded")), Refused("UnauthorizedOperation"), Refused("InvalidParameterValue"),
        Quota("RulesPerSecurityGroupLimitExceeded"), Refused("SomethingNew"),
    ],
    ids=repr,
)  # fmt: skip
def test_whatever_aws_answers_the_machine_stays_and_the_group_is_set_at_last(
    rig, alice, narrowed, machines_clock, error
):
    rig.running(alice)
    machines_clock.advance(timedelta(minutes=2))
    narrowed()
    rig.cloud.next_error["set_ssh"] = [error]
    look_at_all(rig, machines_clock)
    instance = rig.mine(alice)
    assert (instance.status, instance.ssh_ranges_at) == ("RUNNING", None)
    Instance.objects.update(next_at=None)  # the back-off is over
    rig.tick()
    assert door(rig, alice).cidrs == {LAB}
    assert (rig.mine(alice).refused_step, rig.mine(alice).error_code) == ("", "")


def test_a_role_that_may_not_close_holds_up_nothing_else_and_is_told(rig, alice, narrowed, machines_clock):
    rig.running(alice)
    machines_clock.advance(timedelta(minutes=2))
    narrowed()
    rig.cloud.next_error["set_ssh"] = [Refused("UnauthorizedOperation")] * 50
    look_at_all(rig, machines_clock)
    assert [finding.why for finding in remembered()] == [Why.DENIED]
    change_size(alice, volume_gib=40)
    rig.work()
    assert rig.cloud.asked("grow") == 1
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == "STOPPED"


def test_a_start_that_is_not_shown_yet_is_not_given_up_since_its_group_cannot_be_changed(rig, alice, narrowed):
    stopped(rig, alice)
    actions.start(alice)
    rig.work()
    narrowed()
    Instance.objects.update(seen_view="stopped", ssh_ranges_at=None)  # an answer that is older than the start
    rig.cloud.next_error["set_ssh"] = [Quota("RulesPerSecurityGroupLimitExceeded")]
    rig.work_on(rig.mine(alice))
    assert rig.cloud.next_error["set_ssh"] == []
    assert rig.mine(alice).status == "STARTING"


def test_a_change_while_aws_is_asked_counts_after_all(rig, alice, narrowed, setting, machines_clock):
    """The answer is about the older wish: it is recorded, and the group is made equal once more."""
    rig.running(alice)
    narrowed()
    rig.cloud.meanwhile["set_ssh"] = lambda: setting(ONDOL_SSH_CIDRS="198.51.100.7/32")
    look_at_all(rig, machines_clock)
    assert door(rig, alice).cidrs == {"198.51.100.7/32"}


def test_a_group_that_was_narrowed_is_no_finding(rig, alice, narrowed, machines_clock):
    rig.running(alice)
    narrowed()
    look_at_all(rig, machines_clock)
    machines_clock.advance(timedelta(minutes=10))
    orphans.sweep(rig.cloud)
    assert remembered() == []
    assert rig.mine(alice).ssh_ranges_at < clock.now()
