"""Somebody is suspended: whatever their machine was doing, it stops, and nothing that was under way is carried on."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import clock
from ondol.accounts import people
from ondol.accounts.models import Approval, User
from ondol.autostop import awake
from ondol.cloud.port import InstanceState
from ondol.config import config
from ondol.instances import actions, resizing
from ondol.instances.errors import ActionError
from ondol.instances.jobs import RECONCILE, enqueue
from ondol.instances.key_replacement import replace_key
from ondol.instances.models import Instance, StatusChange
from ondol.instances.moves import move
from ondol.instances.states import Reason, Status
from ondol.testing.fake import Lost
from tests.committed import committed, together  # noqa: F401  a fixture
from tests.instances.rig import made, person
from tests.journey.site import until

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """A worker's end."""


def rest(rig, machines_clock, times=6):
    """Let AWS and the workers get on until nothing changes any more."""
    for _ in range(times):
        machines_clock.advance(timedelta(seconds=130))  # what was asked for and is not shown by then is not there
        rig.tick()


def up(rig, owner):
    return [id for id in rig.live(owner) if state(rig, id) in {InstanceState.PENDING, InstanceState.RUNNING}]


def state(rig, instance_id):
    return rig.cloud.world.ec2_instances[instance_id].value.state


def door(rig, owner):
    return rig.cloud.world.groups[rig.mine(owner).security_group_id].value.cidrs


def calls(rig, operation):
    return [call for call in rig.cloud.calls if call.operation == operation]


# --- moments: each is what Alice has asked for, up to the suspension -----------------------------------------------
def clicked(rig, alice):
    actions.create(alice)


def prepared(rig, alice):
    """The worker was killed when it was about to launch."""
    actions.create(alice)
    rig.cloud.next_error["launch"] = [Killed()]
    with pytest.raises(Killed):
        rig.work()
    enqueue(rig.mine(alice))


def in_the_launch(rig, alice):
    """The worker is in RunInstances at this moment, and goes on."""
    actions.create(alice)
    rig.cloud.meanwhile["launch"] = lambda: people.suspend(alice.pk, None)
    rig.work()


def launched(rig, alice):
    actions.create(alice)
    rig.work()


def running(rig, alice):
    rig.running(alice)


def stopping(rig, alice):
    rig.running(alice)
    actions.stop(alice)


def rests(rig, alice):
    rig.running(alice)
    actions.stop(alice)
    rig.tick(2)
    assert rig.mine(alice).status == Status.STOPPED


def start_clicked(rig, alice):
    rests(rig, alice)
    actions.start(alice)


def in_the_start(rig, alice):
    """The worker is in StartInstances at this moment, and goes on."""
    rests(rig, alice)
    rig.cloud.meanwhile["start"] = lambda: people.suspend(alice.pk, None)
    actions.start(alice)
    rig.work()


def killed_in_the_start(rig, alice):
    """AWS has accepted the start; the worker was killed before it could note that."""
    rests(rig, alice)
    actions.start(alice)
    rig.cloud.next_error["start"] = [Lost(Killed())]
    with pytest.raises(Killed):
        rig.work()


def starting(rig, alice):
    rests(rig, alice)
    actions.start(alice)
    rig.work()


def idle(rig, alice):
    """Its alarm stops it at the same time."""
    rig.cloud.world.stop_by_alarm(rig.running(alice).instance_id)


def resizing_at_rest(rig, alice):
    rests(rig, alice)
    resizing.change_size(alice, "t3.medium", 40)


def in_the_resize(rig, alice):
    rests(rig, alice)
    rig.cloud.meanwhile["resize"] = lambda: people.suspend(alice.pk, None)
    resizing.change_size(alice, "t3.medium", 40)
    rig.work()


def growing(rig, alice):
    rig.running(alice)
    resizing.change_size(alice, None, 40)


MOMENTS = {
    clicked: "TERMINATED", prepared: "TERMINATED", in_the_launch: "TERMINATED", launched: "STOPPED",
    running: "STOPPED", stopping: "STOPPED", rests: "STOPPED", start_clicked: "STOPPED", in_the_start: "STOPPED",
    killed_in_the_start: "STOPPED", starting: "STOPPED", idle: "STOPPED", resizing_at_rest: "STOPPED",
    in_the_resize: "STOPPED", growing: "STOPPED",
}  # fmt: skip


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
def test_whenever_alice_is_suspended_nothing_of_hers_runs_afterwards(rig, ada, alice, machines_clock, moment):
    moment(rig, alice)
    asked = len(calls(rig, "launch")) + len(calls(rig, "start"))
    people.suspend(alice.pk, ada)
    rig.work()
    rest(rig, machines_clock)
    row = rig.mine(alice)
    assert row.status == MOMENTS[moment]
    assert not up(rig, alice)
    assert len(calls(rig, "launch")) + len(calls(rig, "start")) == asked, "something was carried on"
    assert rig.live(alice) == ([row.instance_id] if row.status == "STOPPED" else [])
    if row.status == "TERMINATED":
        assert row.is_clean
    else:
        assert (row.instance_type, row.volume_gib) == (row.seen_type, row.seen_volume_gib)
        assert StatusChange.objects.earliest("id").record.size == row.size, "another size came true"
        assert not StatusChange.objects.filter(reason=Reason.OUTSIDE).exists(), "nobody was outside"
        assert not door(rig, alice)


def test_it_is_stopped_in_the_transaction_of_the_decision_and_the_history_names_who_decided(rig, ada, alice):
    rig.running(alice)
    people.suspend(alice.pk, ada, "Left the institute.")
    row = rig.mine(alice)
    assert (row.status, row.status_reason) == (Status.STOPPING, Reason.NOT_APPROVED)
    assert StatusChange.objects.latest("id").by == ada
    assert ProcrastinateJob.objects.filter(task_name=RECONCILE, args__row=str(row.pk)).count() == 1


def test_what_alice_wished_before_is_void_and_comes_back_with_nothing_but_a_click(rig, ada, alice, machines_clock):
    rig.running(alice)
    awake.keep_awake(alice, clock.now() + timedelta(hours=4))
    rig.work()
    people.suspend(alice.pk, ada)
    assert rig.mine(alice).run.awake_until is None
    rest(rig, machines_clock)
    people.approve(alice.pk, ada)
    rest(rig, machines_clock)
    assert rig.mine(alice).status == Status.STOPPED
    actions.start(alice)
    rig.work()
    rig.tick(2)
    row = rig.mine(alice)
    assert (row.status, row.run.awake_until) == (Status.RUNNING, None)
    assert door(rig, alice) == set(config().ssh_cidrs)


LOST = [{"approval": approval} for approval in (Approval.PENDING, Approval.REJECTED, Approval.SUSPENDED)]


@pytest.mark.parametrize("fields", [*LOST, {"is_active": False}], ids=str)
def test_however_approval_goes_the_workers_see_it(rig, alice, machines_clock, fields):
    """Such as in SQL: no act of ours has moved the row."""
    rig.running(alice)
    User.objects.filter(pk=alice.pk).update(**fields)
    rest(rig, machines_clock)
    row = rig.mine(alice)
    assert (row.status, row.status_reason, up(rig, alice)) == (Status.STOPPED, Reason.NOT_APPROVED, [])


def test_a_start_in_the_console_is_stopped_too(rig, ada, alice, machines_clock):
    rests(rig, alice)
    people.suspend(alice.pk, ada)
    rig.work()
    rig.cloud.world.start_outside(rig.mine(alice).instance_id)
    rest(rig, machines_clock)
    assert not up(rig, alice)
    assert rig.mine(alice).status_reason == Reason.NOT_APPROVED


def test_a_stop_that_aws_refuses_is_asked_for_until_it_is_done(rig, ada, alice, machines_clock):
    row = rig.running(alice)
    rig.cloud.world.stop_protected.add(row.instance_id)
    people.suspend(alice.pk, ada)
    rest(rig, machines_clock, 8)
    assert up(rig, alice), "stop protection is on"
    rig.cloud.world.stop_protected.clear()
    rest(rig, machines_clock)
    assert not up(rig, alice)


def test_the_door_is_shut_while_aws_still_stops_the_machine(rig, ada, alice):
    rig.running(alice)
    assert door(rig, alice)
    people.suspend(alice.pk, ada)
    rig.work()
    assert state(rig, rig.mine(alice).instance_id) is InstanceState.STOPPING
    assert not door(rig, alice)


@pytest.mark.parametrize(("who", "minutes"), [("suspended", 2), ("herself", 10)])
def test_what_does_not_shut_down_is_forced_in_time_and_not_before(rig, ada, alice, machines_clock, who, minutes):
    machine = rig.running(alice)
    rig.cloud.world.hanging.add(machine.instance_id)
    people.suspend(alice.pk, ada) if who == "suspended" else actions.stop(alice)
    rig.work()
    rig.tick()
    machines_clock.advance(timedelta(minutes=minutes, seconds=-10))
    rig.tick(3)
    assert state(rig, machine.instance_id) is InstanceState.STOPPING
    assert not [call for call in calls(rig, "stop") if call.kwargs.get("force")]
    machines_clock.advance(timedelta(seconds=20))
    rig.tick(3)
    assert len([call for call in calls(rig, "stop") if call.kwargs.get("force")]) == 1
    assert rig.mine(alice).status == Status.STOPPED


def test_bob_is_let_be_when_alice_is_suspended(rig, ada, alice):
    bob = person("bob")
    for owner in (alice, bob):
        rig.running(owner)
    people.suspend(alice.pk, ada)
    rig.work()
    assert rig.mine(bob).status == Status.RUNNING
    assert up(rig, bob)


def test_a_rejected_person_whose_row_is_there_all_the_same_gets_no_machine(rig, ada, machines_clock):
    """Carol waited, and an older version had let her click."""
    carol = person("carol")
    actions.create(carol)
    User.objects.filter(pk=carol.pk).update(approval=Approval.PENDING)
    people.reject(carol.pk, ada, "No.")
    assert rig.mine(carol).status == Status.TERMINATING
    rest(rig, machines_clock)
    assert (rig.mine(carol).status, rig.cloud.world.ec2_instances) == (Status.TERMINATED, {})


@pytest.mark.usefixtures("committed")
def test_a_click_and_a_suspension_at_once_do_not_wait_for_each_other():
    """Alice has the machine's row and writes who has clicked, while Ada has Alice's row and waits for the machine's."""
    alice, ada = person("alice"), person("ada", admin=True)
    row = made(alice, status=Status.STOPPED, instance_id="i-1", seen_view="stopped")

    def click():
        with transaction.atomic():
            mine = Instance.objects.select_for_update().get(pk=row.pk)
            until(someone_waits, 20, "Ada waits")
            move(mine, Status.STARTING, Reason.PERSON, by=alice)

    together(click, lambda: people.suspend(alice.pk, ada))
    row.refresh_from_db()
    assert (row.status, row.status_reason) == (Status.STOPPING, Reason.NOT_APPROVED)


def someone_waits():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


LATE_WISHES = {
    "start": actions.start,
    "create": actions.create,
    "type": lambda alice: resizing.change_size(alice, "t3.medium"),
    "disk": lambda alice: resizing.change_size(alice, volume_gib=40),
    "key": replace_key,
    "hours": awake.tonight_after_all,
}


@pytest.mark.parametrize("wish", LATE_WISHES.values(), ids=LATE_WISHES)
def test_what_alice_asks_for_while_her_suspension_is_committed_is_refused(rig, ada, alice, monkeypatch, setting, wish):
    setting(ONDOL_WORKER_SSH_CIDR="198.51.100.7/32")
    rests(rig, alice)
    lock = actions._mine_for_update

    def waits_for_the_suspension(user):
        monkeypatch.setattr(actions, "_mine_for_update", lock)
        people.suspend(alice.pk, ada)
        return lock(user)

    monkeypatch.setattr(actions, "_mine_for_update", waits_for_the_suspension)
    with pytest.raises(ActionError) as refusal:
        wish(alice)
    assert refusal.value.code == "not_approved"
    rig.tick(2)
    assert (rig.mine(alice).status, rig.mine(alice).is_key_due) == (Status.STOPPED, False)
    assert [*calls(rig, "resize"), *calls(rig, "grow")] == []
