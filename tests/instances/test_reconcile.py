"""One machine, from wish to AWS and back: each step may be lost, and happens once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from ondol import clock
from ondol.cloud.errors import NoCapacity, NotYet, Quota, Refused, Throttled, Unreachable
from ondol.cloud.fake import Lost
from ondol.instances import actions, vault
from ondol.instances.acts import LeaseLost
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance, SshKey, StatusChange
from ondol.instances.reconcile import reconcile
from tests.instances.rig import person

MAKING = ["create_group", "open_ssh", "create_key", "newest_image", "launch", "arm"]


def close_in_thread():
    """Calls that are made in parallel run in threads of their own; their connections must not outlive the test."""
    if threading.current_thread() is not threading.main_thread():
        connection.close()


def reasons(instance):
    return [(change.new, change.reason) for change in StatusChange.objects.filter(instance=instance)]


def test_alice_gets_one_machine_with_group_key_and_alarm(rig, alice):
    instance = rig.running(alice)
    world = rig.cloud.world
    assert rig.live(alice) == [instance.instance_id]
    assert [len(things) for things in (world.groups, world.keys, world.alarms)] == [1, 1, 1]
    assert "PRIVATE KEY" in vault.open_sealed(str(instance.pk), bytes(instance.ssh_key.sealed_private_key))
    assert instance.ssh_key.key_pair_name in world.keys
    assert reasons(instance) == [("PENDING", "PERSON"), ("RUNNING", "DONE")]
    assert (instance.warm_up_minutes, instance.alarm_name) == (40, f"ondol-{instance.pk}")


def test_the_launch_follows_after_two_round_trips_and_no_look_ups(rig, alice):
    rig.running(alice)
    operations = [call.operation for call in rig.cloud.calls]
    before = operations[: operations.index("launch")]
    assert sorted(before) == ["create_group", "create_key", "newest_image", "open_ssh"]


def test_the_key_is_sealed_and_the_token_stored_before_the_launch(transactional_db, rig, alice):
    seen = []

    def look():
        instance = Instance.objects.get(owner=alice)
        seen.append((instance.client_token is not None, SshKey.objects.filter(instance=instance).exists()))

    rig.cloud.meanwhile["launch"] = look
    rig.running(alice)
    assert seen == [(True, True)]


@pytest.mark.parametrize("operation", [*MAKING, "servers", "start", "stop", "terminate", "delete_group"])
def test_no_call_to_aws_is_made_in_a_transaction(transactional_db, rig, alice, ada, operation):
    inside = []
    rig.cloud.meanwhile[operation] = lambda: inside.append(connection.in_atomic_block)
    rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    actions.start(alice)
    rig.work()
    rig.tick(2)
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(3)
    assert inside == [False]


@pytest.mark.parametrize("trouble", [Unreachable("RequestTimeout"), Throttled("RequestLimitExceeded")])
@pytest.mark.parametrize("lost", [False, True], ids=["not done", "answer lost"])
@pytest.mark.parametrize("operation", MAKING)
def test_whatever_call_fails_there_is_one_machine_and_its_key(rig, alice, operation, lost, trouble):
    rig.cloud.next_error[operation] = [Lost(trouble) if lost else trouble]
    actions.create(alice)
    rig.work()
    rig.tick(4)
    instance = rig.mine(alice)
    assert instance.status == Status.RUNNING.value
    assert rig.live(alice) == [instance.instance_id]
    world = rig.cloud.world
    assert [len(things) for things in (world.groups, world.keys, world.alarms)] == [1, 1, 1]
    assert world.specs[instance.instance_id].key_name == instance.ssh_key.key_pair_name


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [(NoCapacity("InsufficientInstanceCapacity"), "NO_CAPACITY"), (Quota("VcpuLimitExceeded"), "QUOTA"),
     (Refused("UnauthorizedOperation"), "REFUSED")],
)  # fmt: skip
@pytest.mark.parametrize("operation", MAKING)
def test_what_aws_refuses_leaves_nothing_behind_and_can_be_tried_again(rig, alice, operation, trouble, reason):
    rig.cloud.next_error[operation] = [trouble]
    actions.create(alice)
    rig.work()
    rig.tick(4)
    instance = rig.mine(alice)
    assert (instance.status, instance.status_reason, instance.error_code) == ("FAILED", reason, trouble.code)
    assert instance.error_ref
    assert instance.is_clean
    world = rig.cloud.world
    assert (rig.live(alice), world.groups, world.keys, world.alarms) == ([], {}, {}, {})
    assert not SshKey.objects.exists()
    again = rig.running(alice)
    assert again.pk == instance.pk
    assert rig.live(alice) == [again.instance_id]


def test_while_it_is_cleaned_up_a_new_try_waits(rig, alice):
    rig.cloud.next_error["launch"] = [NoCapacity("InsufficientInstanceCapacity")]
    rig.cloud.next_error["delete_group"] = [Throttled("RequestLimitExceeded")]
    actions.create(alice)
    rig.work()
    with pytest.raises(actions.ActionError) as refusal:
        actions.create(alice)
    assert refusal.value.code == "cleaning_up"


def test_a_machine_that_aws_ends_while_it_is_made_is_told_and_cleaned_up(rig, alice):
    actions.create(alice)
    rig.work()
    rig.cloud.world.fail_launch(rig.mine(alice).instance_id)
    rig.tick(3)
    instance = rig.mine(alice)
    assert (instance.status, instance.status_reason, instance.error_code) == (
        "FAILED", "LAUNCH_FAILED", "Server.InternalError",
    )  # fmt: skip
    assert rig.cloud.world.groups == {}


def test_no_capacity_at_a_start_leaves_the_machine_stopped_and_says_so(rig, alice):
    rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    rig.cloud.next_error["start"] = [NoCapacity("InsufficientInstanceCapacity")]
    actions.start(alice)
    rig.work()
    instance = rig.mine(alice)
    assert (instance.status, instance.status_reason) == ("STOPPED", "NO_CAPACITY")
    assert instance.error_ref
    actions.start(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == "RUNNING"


def test_the_alarm_is_put_anew_before_each_start(rig, alice):
    rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    rig.cloud.calls.clear()
    actions.start(alice)
    rig.work()
    rig.tick(2)
    operations = [call.operation for call in rig.cloud.calls if call.operation in {"arm", "start"}]
    assert operations == ["arm", "start"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [("stop_by_alarm", "IDLE"), ("stop_outside", "OUTSIDE"), ("power_off", "INSIDE")],
)
def test_a_stop_behind_our_back_is_noticed_with_its_reason(rig, alice, event, reason):
    instance = rig.running(alice)
    getattr(rig.cloud.world, event)(instance.instance_id)
    rig.tick(2)
    instance.refresh_from_db()
    assert (instance.status, instance.status_reason, instance.public_ip) == ("STOPPED", reason, None)
    assert rig.cloud.asked("start") == 0


def test_a_machine_started_in_the_console_is_adopted_and_armed(rig, alice):
    instance = rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    rig.cloud.world.now = lambda: clock.now() + timedelta(hours=1)
    rig.cloud.world.start_outside(instance.instance_id)
    rig.cloud.calls.clear()
    rig.tick(2)
    instance.refresh_from_db()
    assert (instance.status, instance.status_reason) == ("RUNNING", "OUTSIDE")
    assert rig.cloud.asked("arm") >= 1


def test_a_machine_ended_in_the_console_is_cleaned_up(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.terminate_outside(instance.instance_id)
    rig.tick(3)
    instance.refresh_from_db()
    assert instance.status == "TERMINATED"
    assert (rig.cloud.world.groups, rig.cloud.world.keys, rig.cloud.world.alarms) == ({}, {}, {})
    assert not SshKey.objects.exists()


def test_the_administrator_ends_it_and_alice_gets_a_new_key(rig, alice, ada):
    instance = rig.running(alice)
    old = actions.take_key(alice).text
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(3)
    instance.refresh_from_db()
    assert instance.status == "TERMINATED"
    assert (rig.live(alice), rig.cloud.world.groups, rig.cloud.world.keys, rig.cloud.world.alarms) == ([], {}, {}, {})
    assert actions.current(alice) is None
    rig.running(alice)
    assert actions.take_key(alice).text != old


@pytest.mark.parametrize("operation", MAKING)
def test_ended_in_the_midst_of_making_nothing_is_left(transactional_db, rig, alice, ada, operation):
    rig.cloud.meanwhile[operation] = lambda: (actions.terminate(alice, by=ada), close_in_thread())
    actions.create(alice)
    rig.work()
    rig.tick(4)
    assert rig.mine(alice).status == "TERMINATED"
    assert (rig.live(alice), rig.cloud.world.groups, rig.cloud.world.keys, rig.cloud.world.alarms) == ([], {}, {}, {})


def test_a_launch_whose_answer_is_lost_is_not_left_behind_by_an_end(rig, alice, ada):
    rig.cloud.next_error["launch"] = [Lost(Unreachable("timeout"))]
    rig.cloud.lag = 3
    actions.create(alice)
    rig.work()
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(8)
    assert rig.mine(alice).status == "TERMINATED"
    assert rig.live(alice) == []


def test_a_worker_that_lost_its_lease_records_nothing(rig, alice):
    actions.create(alice)
    row = str(rig.mine(alice).pk)
    held = iter([True, True])

    def hold():
        if not next(held, False):
            raise LeaseLost

    with pytest.raises(LeaseLost):
        reconcile(row, rig.cloud, hold)
    assert rig.mine(alice).instance_id is None
    rig.tick(3)  # another worker
    assert rig.mine(alice).status == "RUNNING"
    assert len(rig.live(alice)) == 1


def test_a_frozen_workers_late_key_does_not_lock_alice_out(transactional_db, rig, alice):
    def another_worker_meanwhile():
        rig.tick(3)
        close_in_thread()

    rig.cloud.meanwhile["create_key"] = another_worker_meanwhile
    actions.create(alice)
    lost = iter([False])

    def hold():
        if next(lost, True) and rig.mine(alice).status == "RUNNING":
            raise LeaseLost

    with pytest.raises(LeaseLost):
        reconcile(str(rig.mine(alice).pk), rig.cloud, hold, lambda address, port: True)
    instance = rig.mine(alice)
    assert rig.cloud.world.specs[instance.instance_id].key_name == instance.ssh_key.key_pair_name


def test_running_means_that_ssh_answers(rig, alice):
    rig.ssh = False
    actions.create(alice)
    rig.work()
    rig.tick(3)
    assert rig.mine(alice).status == "PENDING"
    rig.ssh = True
    rig.tick()
    assert rig.mine(alice).status == "RUNNING"


def test_where_the_group_keeps_us_out_awss_checks_decide(rig, alice):
    rig.ssh = False
    actions.create(alice)
    rig.work()
    rig.tick(2)
    Instance.objects.update(seen_since=clock.now() - timedelta(minutes=1))
    rig.tick()
    instance = rig.mine(alice)
    assert (instance.status, instance.status_reason) == ("RUNNING", "DONE")


def test_where_nothing_answers_it_is_shown_running_with_a_warning(rig, alice):
    rig.ssh = False
    actions.create(alice)
    rig.work()
    rig.cloud.world.failing.add(rig.mine(alice).instance_id)
    rig.tick(2)
    Instance.objects.update(seen_since=clock.now() - timedelta(minutes=5))
    rig.tick()
    instance = rig.mine(alice)
    assert (instance.status, instance.status_reason) == ("RUNNING", "UNREACHABLE")


def test_a_new_address_is_told_once(rig, alice):
    instance = rig.running(alice)
    assert not actions.tell_address(instance)
    actions.stop(alice)
    rig.work()
    rig.tick()
    actions.start(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).public_ip != instance.public_ip
    assert actions.tell_address(instance)
    assert not actions.tell_address(instance)


def test_many_people_cost_one_look(rig):
    for number in range(12):
        actions.create(person(f"p{number}"))
    rig.work()
    rig.cloud.calls.clear()
    Instance.objects.update(seen_at=clock.now() - timedelta(seconds=30))
    from ondol.instances import look

    look.look_at_changing(rig.cloud)
    assert [call.operation for call in rig.cloud.calls] == ["servers"]


def test_nobody_waiting_costs_nothing(rig, alice):
    rig.running(alice)
    rig.cloud.calls.clear()
    from ondol.instances import look

    look.look_at_changing(rig.cloud)
    assert rig.cloud.calls == []


def test_another_deployments_machine_is_not_touched(rig, alice):
    from ondol.cloud.fake import FakeCloud

    instance = rig.running(alice)
    other = FakeCloud(rig.cloud.world, deployment="another")
    spec = rig.cloud.world.specs[instance.instance_id]
    foreign = other.launch(spec, "foreign-token").instance_id
    rig.tick(3)
    assert rig.cloud.world.servers[foreign].value.state == "running"


def test_a_machine_of_an_attempt_given_up_is_ended(rig, alice):
    instance = rig.running(alice)
    stray = rig.cloud.launch(rig.cloud.world.specs[instance.instance_id], "an-old-token").instance_id
    rig.tick(2)
    assert rig.live(alice) == [instance.instance_id]
    assert stray not in rig.live(alice)


def test_an_alarm_deleted_in_the_console_is_put_back(rig, alice):
    rig.running(alice)
    Instance.objects.update(armed_at=clock.now() - timedelta(seconds=90))
    rig.cloud.world.alarms.clear()
    rig.tick()
    instance = rig.mine(alice)
    assert list(rig.cloud.world.alarms) == [instance.alarm_name]
    assert instance.is_armed


def test_a_rule_taken_away_in_the_console_is_put_back_at_the_next_start(rig, alice):
    instance = rig.running(alice)
    group = rig.cloud.world.groups[instance.security_group_id].value
    group.cidrs.clear()
    actions.stop(alice)
    rig.work()
    rig.tick()
    actions.start(alice)
    rig.work()
    assert group.cidrs == {"0.0.0.0/0"}


def test_a_launch_that_aws_puts_off_for_ever_fails_at_last(rig, alice):
    rig.cloud.next_error["launch"] = [NotYet("InvalidGroup.NotFound")] * 2
    actions.create(alice)
    rig.work()
    Instance.objects.update(status_since=clock.now() - timedelta(minutes=11))
    rig.tick(2)
    assert rig.mine(alice).status_reason == "TOO_LATE"
