"""A refusal of AWS is told with its true cause, to whoever can fix it, and the call is repeated only now and then."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import clock
from ondol.cloud.errors import NoCapacity, Quota, Refused, Throttled, Unreachable
from ondol.cloud.port import InstanceState
from ondol.deployment import alerts
from ondol.deployment.findings import REFUSALS, Why, remembered
from ondol.instances import actions
from ondol.instances.decision import Step
from ondol.instances.messages.codes import refusal
from ondol.instances.models import Instance, Run
from ondol.reconciler import observe, orphans
from ondol.reconciler.refusals import standing
from ondol.testing.fake_world import BY_USER
from ondol.web.machine.notices import notice_of, trouble_of
from tests.instances.rig import person

DENIED = "UnauthorizedOperation"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def rested(rig, alice, ada):
    """Alice's machine, which has stopped."""
    rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    Instance.objects.update(made_at=clock.now() - timedelta(hours=1))
    return rig.mine(alice)


@pytest.fixture
def running(rig, alice, ada):
    """Alice's machine, which runs and is not new."""
    rig.running(alice)
    Instance.objects.update(made_at=clock.now() - timedelta(hours=1))
    return rig.mine(alice)


def found():
    """Whatever administrators have been told of refusals."""
    return {finding.why for finding in remembered() if finding.why in REFUSALS}


def letters():
    return ProcrastinateJob.objects.filter(task_name=alerts.TASK).count()


# --- a start that AWS takes back -------------------------------------------------------------------------------------
CODES_OF_A_KEY = ["Client.InternalError", "Client.InvalidKMSKey.InvalidState", "Client.KMSKeyDisabled"]


@pytest.mark.parametrize("code", CODES_OF_A_KEY)
def test_a_start_that_is_taken_back_is_asked_for_twice_and_then_told(rig, alice, ada, rested, machines_clock, code):
    rig.cloud.world.undone[rested.instance_id] = code
    rig.cloud.calls.clear()
    actions.start(alice)
    rig.work()
    for _ in range(20):
        rig.tick()
        machines_clock.advance(timedelta(seconds=11))
    row = rig.mine(alice)
    assert rig.cloud.asked("start") == 2
    assert (row.status, row.status_reason, row.error_code) == ("STOPPED", "START_UNDONE", code)
    notice = notice_of(row)
    assert "key that encrypts its disk cannot be used" in notice.cause
    assert "The disk and everything on it is kept." in notice.kept
    assert notice.reference
    assert found() == {Why.DISK_KEY}


@pytest.mark.parametrize(
    ("code", "words", "is_told"),
    [
        ("Server.InsufficientInstanceCapacity", "no free server", False),
        ("Server.InternalError", "internal failure", False),
        ("Client.VolumeLimitExceeded", "limit of disks", True),
        ("Client.WarmRoomsLimitExceeded", "one of its limits", True),
        ("Client.SomethingNew", "took it back", True),
        ("Client.UserInitiatedShutdown", "outside Ondol", False),
    ],
)
def test_whatever_takes_a_start_back_is_named(rig, alice, rested, machines_clock, code, words, is_told):
    rig.cloud.world.undone[rested.instance_id] = code
    actions.start(alice)
    rig.work()
    for _ in range(5):
        rig.tick()
        machines_clock.advance(timedelta(seconds=61))
    row = rig.mine(alice)
    assert row.status_reason == "START_UNDONE"
    assert words in notice_of(row).cause
    assert bool(found()) is is_told


def test_a_start_that_aws_does_not_show_yet_is_not_taken_for_one_that_was_taken_back(rig, alice, rested):
    actions.start(alice)
    rig.work()
    server = rig.cloud.world.ec2_instances[rested.instance_id]
    started = server.value
    server.value = replace(started, state=InstanceState.STOPPED, reason_code=BY_USER)
    Instance.objects.update(next_at=None)
    observe.observe_all(rig.cloud)
    rig.work()
    assert (rig.mine(alice).status, rig.cloud.asked("start")) == ("STARTING", 1)
    server.value = started
    rig.tick(2)
    assert (rig.mine(alice).status, rig.cloud.asked("start")) == ("RUNNING", 1)


def test_a_key_that_is_usable_again_starts_the_machine_and_the_finding_goes(rig, alice, rested, machines_clock):
    rig.cloud.world.undone[rested.instance_id] = "Client.InternalError"
    actions.start(alice)
    rig.work()
    for _ in range(4):
        rig.tick()
        machines_clock.advance(timedelta(seconds=11))
    assert [finding.why for finding in standing()] == [Why.DISK_KEY]
    rig.cloud.world.undone.clear()
    actions.start(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == "RUNNING"
    assert notice_of(rig.mine(alice)) is None
    assert standing() == []
    orphans.survey(rig.cloud)
    assert found() == set()


# --- protections that somebody has set in the console ----------------------------------------------------------------
@pytest.mark.parametrize("protection", ["protected", "stop_protected"])
def test_an_end_that_is_protected_against_is_told_at_once_and_asked_for_every_few_minutes(
    rig, alice, ada, running, protection
):
    getattr(rig.cloud.world, protection).add(running.instance_id)
    actions.terminate(alice, by=ada)
    rig.work()
    assert found() == {Why.PROTECTED}
    assert letters() == 1
    for _ in range(5):  # looks come every two seconds
        observe.observe_changing(rig.cloud)
        rig.work()
    row = rig.mine(alice)
    assert (row.status, rig.cloud.asked("terminate")) == ("TERMINATING", 1)
    assert row.next_at > datetime.now(UTC) + MINUTE
    assert "termination protection" in trouble_of(row)
    assert "does not answer" not in trouble_of(row)
    getattr(rig.cloud.world, protection).clear()
    rig.tick(3)
    assert rig.mine(alice).status == "TERMINATED"
    orphans.survey(rig.cloud)
    assert found() == set()


def test_a_protected_machine_whose_making_failed_is_told_too(rig, alice, ada):
    rig.cloud.next_error["arm"] = [Quota("LimitExceeded")]
    world = rig.cloud.world
    rig.cloud.meanwhile["terminate"] = lambda: world.protected.update(world.ec2_instances)
    actions.create(alice)
    rig.work()
    row = rig.mine(alice)
    assert (row.status, row.error_code, row.refused_code) == ("FAILED", "LimitExceeded", "OperationNotPermitted")
    assert found() == {Why.LIMIT, Why.PROTECTED}


def test_a_stop_that_is_protected_against_is_told_and_given_up_after_ten_minutes(rig, alice, running, machines_clock):
    rig.cloud.world.stop_protected.add(running.instance_id)
    actions.stop(alice)
    rig.work()
    assert found() == {Why.STOP_PROTECTED}
    assert "stop protection" in trouble_of(rig.mine(alice))
    machines_clock.advance(timedelta(minutes=11))
    observe.observe_all(rig.cloud)
    rig.work()
    row = rig.mine(alice)
    assert (row.status, row.status_reason, rig.cloud.asked("stop")) == ("RUNNING", "STOP_FAILED", 1)
    assert "stop protection" in notice_of(row).cause
    assert found() == {Why.STOP_PROTECTED}
    rig.cloud.world.stop_protected.clear()
    actions.stop(alice)
    rig.work()
    rig.tick()
    assert rig.mine(alice).status == "STOPPED"
    assert standing() == []


@pytest.fixture
def fired(rig, running, machines_clock):
    """Alice's machine has idled, and its alarm has fired and could not stop it."""
    Run.objects.update(armed_at=clock.now())
    machines_clock.advance(timedelta(minutes=45))
    alarm = rig.alarm_of(running)
    alarm.value = replace(alarm.value, state="ALARM", state_since=clock.now())
    rig.cloud.calls.clear()
    return running


def later(rig, machines_clock, minutes):
    for _ in range(minutes // 5):
        machines_clock.advance(timedelta(minutes=5))
        observe.observe_all(rig.cloud)
        rig.work()
    rig.tick()


def test_an_idle_machine_that_its_alarm_cannot_stop_is_stopped_by_us(rig, alice, fired, machines_clock):
    rig.tick()
    assert rig.mine(alice).status == "RUNNING", "AWS is given the time to stop it"
    later(rig, machines_clock, 5)
    row = rig.mine(alice)
    assert (row.status, row.status_reason, rig.cloud.asked("stop"), rig.cloud.asked("arm")) == ("STOPPED", "IDLE", 1, 0)


def test_an_idle_machine_that_nobody_may_stop_is_told_and_tried_each_hour(rig, alice, fired, machines_clock, caplog):
    rig.cloud.world.stop_protected.add(fired.instance_id)
    later(rig, machines_clock, 60)
    row = rig.mine(alice)
    assert (row.status, row.status_reason, rig.cloud.asked("arm")) == ("RUNNING", "STOP_FAILED", 0)
    assert found() == {Why.STOP_PROTECTED}
    tries = rig.cloud.asked("stop")
    assert tries == caplog.messages.count("its alarm fired and did not stop it") <= 2
    rig.cloud.world.stop_protected.clear()
    later(rig, machines_clock, 60)
    row = rig.mine(alice)
    assert (row.status, row.status_reason) == ("STOPPED", "IDLE")
    assert 1 <= rig.cloud.asked("stop") - tries <= 2, "once, and by force if that takes long"
    assert standing() == []


def test_who_keeps_it_awake_meanwhile_is_not_stopped_by_us(rig, alice, fired, machines_clock):
    Run.objects.update(awake_until=clock.now() + timedelta(hours=2))
    later(rig, machines_clock, 10)
    assert (rig.mine(alice).status, rig.cloud.asked("stop"), rig.cloud.asked("arm")) == ("RUNNING", 0, 1)


def test_a_refusal_puts_off_nothing_but_itself(rig, alice, running):
    rig.cloud.next_error["arm"] = [Refused(DENIED)]
    Run.objects.update(armed_at=None)
    observe.observe_all(rig.cloud)
    rig.work()
    assert rig.mine(alice).refused_step == Step.ARM
    rig.cloud.world.power_off(running.instance_id)
    rig.cloud.world.settle()
    observe.observe_all(rig.cloud)
    rig.work()
    row = rig.mine(alice)
    assert (row.status, row.status_reason, row.refused_code) == ("STOPPED", "INSIDE", "")


# --- limits of the account -------------------------------------------------------------------------------------------
def test_too_many_alarms_are_not_called_too_many_servers(rig, alice, ada):
    rig.cloud.world.alarm_quota = 0
    actions.create(alice)
    rig.work()
    row = rig.mine(alice)
    assert (row.status, row.error_code) == ("FAILED", "LimitExceeded")
    assert "limit of alarms" in notice_of(row).cause
    [finding] = [finding for finding in remembered() if finding.why in REFUSALS]
    assert (finding.kind, finding.id, finding.why) == ("account", "LimitExceeded", Why.LIMIT)


def test_too_many_alarms_at_a_start_leave_the_machine_stopped(rig, alice, rested):
    rig.cloud.world.alarm_quota = 0
    rig.cloud.world.alarms.clear()
    actions.start(alice)
    rig.work()
    row = rig.mine(alice)
    assert (row.status, row.status_reason) == ("STOPPED", "QUOTA")
    assert "limit of alarms" in notice_of(row).cause


@pytest.mark.parametrize("later", [Throttled("Throttling"), Unreachable("EndpointConnectionError"), Refused(DENIED)])
def test_why_it_did_not_start_stays_to_be_read_whatever_happens_later(rig, alice, rested, later):
    rig.cloud.world.alarm_quota = 0
    rig.cloud.world.alarms.clear()
    actions.start(alice)
    rig.work()
    Instance.objects.update(has_other_alarm=True)
    rig.cloud.next_error["delete_alarm"] = [later]
    for _ in range(2):
        observe.observe_all(rig.cloud)
        rig.work()
        assert "limit of alarms" in notice_of(rig.mine(alice)).cause
        Instance.objects.update(next_at=None)
    assert not rig.mine(alice).has_other_alarm


def test_a_limit_that_many_people_meet_is_one_finding_and_one_letter(rig, ada):
    for name in ("bob", "carol", "dan"):
        rig.cloud.next_error["launch"] = [Quota("VcpuLimitExceeded")]
        actions.create(person(name))
        rig.work()
    assert [finding.id for finding in standing()] == ["VcpuLimitExceeded"]
    assert letters() <= 1


def test_a_limit_that_somebody_has_got_past_is_no_longer_told(rig, alice, ada, machines_clock):
    rig.cloud.next_error["launch"] = [Quota("VcpuLimitExceeded")]
    actions.create(alice)
    rig.work()
    assert [finding.why for finding in standing()] == [Why.LIMIT]
    machines_clock.advance(MINUTE)
    rig.running(person("bob"))
    assert standing() == []


def test_after_a_day_a_refusal_is_told_as_something_that_was(rig, alice, rested, machines_clock):
    rig.cloud.next_error["start"] = [Refused(DENIED)]
    actions.start(alice)
    rig.work()
    assert "will not help" in notice_of(rig.mine(alice)).next_step
    machines_clock.advance(timedelta(hours=25))
    assert "may work by now" in notice_of(rig.mine(alice)).next_step
    assert standing() == []


@pytest.mark.parametrize("step", [Step.LAUNCH, Step.START, Step.STOP, Step.TERMINATE, Step.ARM, Step.GROW])
@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("HeatedFloorLimitExceeded", Why.LIMIT),
        ("ServiceQuotaExceededException", Why.LIMIT),
        ("InsufficientReservedInstanceCapacity", None),
        ("AccessDeniedByResourceControlPolicy", Why.DENIED),
        ("KMSKeyNotAccessibleFault", Why.DISK_KEY),
        ("SomethingNew", Why.DENIED),
    ],
)
def test_a_code_that_nobody_has_seen_is_judged_by_its_family(step, code, why):
    assert refusal(code, step).finding is why


def test_asking_again_takes_minutes_but_for_an_alarm_that_is_missing(rig, alice, running):
    for operation, error in (("arm", Refused("SomethingNew")), ("arm", NoCapacity("X")), ("arm", Quota("X"))):
        rig.cloud.next_error[operation] = [error]
        Run.objects.update(armed_at=None)
        Instance.objects.update(next_at=None)
        observe.observe_all(rig.cloud)
        rig.work()
        wait = rig.mine(alice).next_at - datetime.now(UTC)
        assert timedelta(seconds=30) < wait <= MINUTE


# --- a policy that lags behind tags ----------------------------------------------------------------------------------
@pytest.mark.parametrize("operation", ["set_ssh", "launch"])
def test_a_denial_right_after_the_making_means_not_yet(rig, alice, ada, operation):
    rig.cloud.next_error[operation] = [Refused(DENIED)] * 3
    actions.create(alice)
    rig.work()
    for _ in range(3):
        assert rig.mine(alice).status == "PENDING"
        assert trouble_of(rig.mine(alice)) == ""
        rig.tick()
    rig.tick(2)
    assert rig.mine(alice).status == "RUNNING"
    assert found() == set()


@pytest.mark.parametrize("operation", ["set_ssh", "launch"])
def test_a_denial_that_lasts_is_told_truly(rig, alice, ada, machines_clock, operation):
    rig.cloud.next_error[operation] = [Refused(DENIED)] * 50
    actions.create(alice)
    rig.work()
    machines_clock.advance(timedelta(seconds=61))
    rig.tick(2)
    row = rig.mine(alice)
    assert (row.status, row.status_reason, row.error_code) == ("FAILED", "REFUSED", DENIED)
    assert found() == {Why.DENIED}


def test_what_makes_nothing_is_denied_for_good_at_once(rig, alice):
    rig.cloud.next_error["create_group"] = [Refused(DENIED)]
    actions.create(alice)
    rig.work()
    assert rig.mine(alice).status == "FAILED"


def test_a_stop_that_is_denied_in_the_first_minute_is_asked_for_again_soon(rig, alice, ada):
    rig.running(alice)
    rig.cloud.next_error["stop"] = [Refused(DENIED)]
    actions.stop(alice)
    rig.work()
    assert rig.mine(alice).refused_code == ""
    rig.tick(2)
    assert rig.mine(alice).status == "STOPPED"
    assert letters() == 0
