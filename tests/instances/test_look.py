"""Observing takes few calls for all machines together, and notices what is done behind our back."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from ondol import clock
from ondol.cloud.errors import Refused, Throttled, Unreachable, WrongAccount
from ondol.cloud.port import AwsAccount, IdleRule, InstanceState, Tag
from ondol.deployment import health
from ondol.deployment.account import bind_account
from ondol.deployment.models import Deployment
from ondol.instances import actions
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance, Launch, Run, SshKey
from ondol.instances.record import Receipt
from ondol.reconciler import observe, seen
from ondol.testing.fake import FakeCloud
from tests.instances.rig import made, person

LATER = timedelta(hours=1)


def test_many_people_cost_one_look(rig):
    for number in range(12):
        actions.create(person(f"p{number}"))
    rig.work()
    rig.cloud.calls.clear()
    Instance.objects.update(seen_at=clock.now() - timedelta(seconds=30))
    observe.observe_changing(rig.cloud)
    assert [call.operation for call in rig.cloud.calls] == ["ec2_instances"]


def test_nobody_waiting_costs_nothing(rig, alice):
    rig.running(alice)
    rig.cloud.calls.clear()
    observe.observe_changing(rig.cloud)
    assert rig.cloud.calls == []


def test_what_somebody_else_stops_is_told_at_the_next_look(rig, alice):
    """Not half a minute later, when all are looked at; and one call finds it among any number."""
    for number in range(3):
        rig.running(person(f"p{number}"))
    instance = rig.running(alice)
    rig.cloud.world.stop_outside(instance.instance_id)
    rig.cloud.calls.clear()
    observe.observe(rig.cloud)
    rig.work()
    assert rig.mine(alice).status == "STOPPING"
    assert [call.operation for call in rig.cloud.calls] == ["moving", "ec2_instances"]
    assert rig.cloud.calls[1].args == ([str(instance.pk)],)


def test_what_somebody_else_starts_is_told_as_soon_as_it_runs(rig, alice):
    instance = rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    rig.cloud.world.start_outside(instance.instance_id)
    observe.observe(rig.cloud)
    assert rig.mine(alice).seen_view == "pending"
    rig.cloud.world.settle()
    observe.observe(rig.cloud)
    rig.work()
    assert rig.mine(alice).status == "RUNNING"


def test_a_machine_that_moves_as_is_known_is_not_asked_about_again(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.start_outside(instance.instance_id)
    observe.observe(rig.cloud)
    rig.cloud.calls.clear()
    observe.observe(rig.cloud)
    assert [call.operation for call in rig.cloud.calls] == ["ec2_instances", "moving"]


def test_a_call_for_what_moves_that_fails_holds_up_nothing(rig, alice):
    rig.running(alice)
    rig.cloud.next_error["moving"] = [Unreachable("timeout")]
    observe.observe(rig.cloud)
    assert rig.cloud.asked("moving") == 1


def test_where_nothing_is_nothing_is_asked(rig, alice):
    observe.observe(rig.cloud)
    assert rig.cloud.calls == []


def test_another_deployments_machine_is_not_touched(rig, alice):
    instance = rig.running(alice)
    other = FakeCloud(rig.cloud.world, deployment="another")
    spec = rig.cloud.world.specs[instance.instance_id]
    foreign = other.launch(spec, "foreign-token").instance_id
    rig.tick(3)
    assert rig.cloud.world.ec2_instances[foreign].value.state == "running"


def test_a_machine_of_an_attempt_given_up_is_ended(rig, alice):
    instance = rig.running(alice)
    Launch.objects.create(client_token="an-old-token", instance=instance)
    stray = rig.cloud.launch(rig.cloud.world.specs[instance.instance_id], "an-old-token").instance_id
    rig.tick(2)
    assert rig.live(alice) == [instance.instance_id]
    assert stray not in rig.live(alice)


def test_an_alarm_deleted_in_the_console_is_put_back(rig, alice):
    rig.running(alice)
    Run.objects.update(armed_at=clock.now() - timedelta(seconds=90))
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


def test_an_idle_stop_has_its_receipt_the_values_and_the_rule_of_then(rig, alice):
    instance = rig.running(alice)
    Run.objects.update(armed_idle_minutes=30, armed_cpu_percent=5.0)
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    observe.observe_all(rig.cloud)
    rig.work()
    rig.tick(2)
    noticed, stopped = list(instance.changes.all())[-2:]
    assert (noticed.new, noticed.reason, noticed.record.receipt) == ("STOPPING", "UNKNOWN", None)
    assert (stopped.new, stopped.reason, stopped.record.receipt) == (
        "STOPPED",
        "IDLE",
        Receipt((0.5,) * 6, 30, 5.0, 10.0),
    )
    assert stopped.record.since == rig.cloud.world.stops[instance.alarm_name][0].at


def test_that_aws_is_stopping_a_machine_is_said_before_anybody_knows_why(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    rig.cloud.calls.clear()
    observe.observe_all(rig.cloud)
    rig.work()
    assert (rig.mine(alice).status, rig.cloud.asked("stopped_by_alarm")) == ("STOPPING", 0)


def test_a_stop_that_is_noticed_late_tells_when_it_was(rig, alice, machines_clock):
    instance = rig.running(alice)
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    rig.cloud.world.settle()
    machines_clock.advance(timedelta(minutes=10))
    rig.tick(2)
    row = rig.mine(alice)
    assert row.status == "STOPPED"
    assert row.status_since - row.since >= timedelta(minutes=9)
    assert row.since == row.stopped_at


def test_a_machine_started_in_the_console_is_adopted_and_armed(rig, alice):
    instance = rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    rig.cloud.world.ahead = timedelta(hours=1)
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


def test_an_ipv6_address_is_kept_until_the_end(rig, alice):
    instance = rig.running(alice)
    assert instance.ipv6_address is None
    launched = rig.cloud.world.ec2_instances[instance.instance_id]
    launched.value = replace(launched.value, ipv6_address="2001:db8:0:14::4")
    Deployment.objects.update(looked_at=clock.now() - observe.ALL_EVERY)
    rig.tick()
    assert rig.mine(alice).ipv6_address == "2001:db8:0:14::4"
    actions.stop(alice)
    rig.work()
    rig.tick()
    assert (rig.mine(alice).public_ip, rig.mine(alice).ipv6_address) == (None, "2001:db8:0:14::4")
    actions.terminate(alice, by=person("ada", admin=True))
    rig.work()
    rig.tick(2)
    instance.refresh_from_db()
    assert (instance.status, instance.ipv6_address) == ("TERMINATED", None)


# --- who looks, and what counts --------------------------------------------------------------------------------------
def test_of_two_workers_one_looks_at_all(rig, alice):
    Deployment.objects.update(looked_at=clock.now() - observe.ALL_EVERY)
    assert [observe.is_time_for_all(), observe.is_time_for_all()] == [True, False]


@pytest.mark.django_db(transaction=True)
def test_two_looks_at_the_same_machines_do_not_wait_for_each_other(machines_clock):
    """One sees all, another those that change, each in the order in which PostgreSQL finds them."""
    pks = [made(person(f"p{number}"), status=Status.RUNNING, seen_view="running").pk for number in range(4)]
    at = clock.now() + timedelta(seconds=1)
    with transaction.atomic():
        Instance.objects.filter(pk=pks[2]).update(seen_at=at)
        with ThreadPoolExecutor(1) as thread:
            thread.submit(_seen_again, pks, at).result(timeout=20)
    assert Instance.objects.filter(pk__in=pks, seen_at=at).count() == 4


def _seen_again(pks, at):
    try:
        seen.seen_again(Instance.objects.filter(pk__in=pks), at)
    finally:
        connection.close()


def test_a_job_that_comes_each_half_minute_looks_each_time_though_some_come_a_little_late(rig, machines_clock):
    noon = datetime(2027, 3, 1, 12, tzinfo=UTC)
    looked = []
    for seconds in (0.8, 30.1, 40, 60.7):
        machines_clock.freeze(noon + timedelta(seconds=seconds))
        looked.append(observe.is_time_for_all())
    assert looked == [True, True, False, True]


def test_a_late_look_does_not_hide_what_an_act_has_brought(rig, alice):
    rig.running(alice)
    actions.stop(alice)
    before = rig.cloud.ec2_instances()
    Instance.objects.update(private_ip=None)  # so that the look has news of its own to write

    def meanwhile():
        rig.work()

    rig.cloud.meanwhile["ec2_instances"] = meanwhile
    rig.cloud.ec2_instances = lambda rows=None: (FakeCloud.ec2_instances(rig.cloud, rows), before)[1]
    observe.observe_changing(rig.cloud)
    assert rig.mine(alice).seen_view == "stopping"


def test_a_row_that_is_put_off_is_not_asked_for_again_and_again(rig, alice):
    rig.cloud.next_error["create_group"] = [Unreachable("timeout")] * 3
    actions.create(alice)
    rig.work()
    for _ in range(3):
        observe.observe_all(rig.cloud)
        rig.work()
    assert rig.cloud.asked("create_group") == 1


# --- the console ------------------------------------------------------------------------------------------------------
def settled(rig):
    """The alarm was put some time ago, so that looks may trust what they are shown."""
    Run.objects.update(armed_at=clock.now() - timedelta(seconds=90))


@pytest.mark.parametrize(
    "changed",
    [{"state": "ALARM"}, {"rule": IdleRule(60, 5.0)}, {"rule": IdleRule(30, 90.0)}, {"is_sound": False},
     {"instance_id": "i-another"}],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_an_alarm_that_would_not_stop_the_machine_is_put_anew(rig, alice, changed):
    instance = rig.running(alice)
    settled(rig)
    alarm = rig.cloud.world.alarms[instance.alarm_name]
    alarm.value = replace(alarm.value, **changed)
    rig.tick()
    assert len(rig.cloud.world.alarms) == 1, "what was replaced is gone"
    shown = rig.alarm_of(instance).value
    assert shown.state == "INSUFFICIENT_DATA"
    assert shown.rule == IdleRule(30, 5.0)
    assert shown.is_sound


def test_a_stop_and_a_start_between_two_looks_are_armed_for_anew(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.ahead = LATER
    for happens in (rig.cloud.world.stop_outside, rig.cloud.world.start_outside):
        happens(instance.instance_id)
        rig.cloud.world.settle()
    rig.cloud.calls.clear()
    rig.tick()
    assert rig.mine(alice).status == "RUNNING"
    assert rig.cloud.asked("arm") >= 1


@pytest.mark.parametrize("operation", ["checks_passed", "alarms"])
def test_one_refused_look_holds_nobody_up(rig, alice, operation):
    bob = person("bob")
    rig.running(bob)
    settled(rig)
    rig.ssh = False
    actions.create(alice)
    rig.work()
    rig.tick(2)
    Instance.objects.filter(owner=alice).update(seen_since=clock.now() - timedelta(minutes=5))
    actions.stop(bob)
    rig.work()
    rig.cloud.world.settle()
    rig.cloud.next_error[operation] = [Refused("UnauthorizedOperation")] * 9
    for _ in range(2):
        Instance.objects.update(next_at=None)
        with contextlib.suppress(Refused):
            observe.observe_all(rig.cloud)
        rig.work()
    assert (rig.mine(bob).status, rig.mine(alice).status) == ("STOPPED", "RUNNING")


@pytest.mark.parametrize("looks_at", [observe.observe_changing, observe.observe_all])
def test_what_is_due_does_not_wait_for_a_look_that_fails(rig, alice, looks_at):
    rig.cloud.next_error["launch"] = [Throttled("RequestLimitExceeded")]
    actions.create(alice)
    rig.work()
    Instance.objects.update(next_at=None)
    rig.cloud.next_error["ec2_instances"] = [Unreachable("Unavailable")]
    with pytest.raises(Unreachable):
        looks_at(rig.cloud)
    rig.work()
    assert len(rig.live(alice)) == 1


def test_an_unknown_machine_that_has_gone_is_in_nobodys_way(rig, alice):
    instance = rig.running(alice)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM instances_launch")
    Instance.objects.update(status="FAILED", client_token=None, instance_id=None, is_clean=True)
    rig.tick()
    rig.cloud.world.ec2_instances[instance.instance_id].tags = {}
    rig.tick()
    assert rig.mine(alice).unrecognized_instance_ids == []
    actions.create(alice)


def test_an_end_does_not_make_room_beside_an_unknown_machine(rig, alice, ada):
    instance = rig.running(alice)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM instances_launch")
    Instance.objects.update(status="FAILED", client_token=None, instance_id=None, is_clean=True)
    rig.tick()
    actions.terminate(alice, by=ada)
    rig.tick(3)
    assert rig.mine(alice).status == "TERMINATING"
    with pytest.raises(actions.ActionError):
        actions.create(alice)
    assert rig.live(alice) == [instance.instance_id]


def test_a_stray_that_cannot_be_ended_is_in_nobodys_way(rig, alice):
    instance = rig.running(alice)
    Launch.objects.create(client_token="an-old-token", instance=instance)
    rig.cloud.launch(rig.cloud.world.specs[instance.instance_id], "an-old-token")
    rig.cloud.next_error["terminate"] = [Refused("OperationNotPermitted")] * 50
    rig.tick()
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == "STOPPED"


@pytest.mark.parametrize(
    ("trouble", "reason"), [([Unreachable("timeout")] * 3, "IDLE"), ([Refused("AccessDenied")] * 9, "OUTSIDE")]
)
def test_where_the_history_cannot_be_read_a_stop_is_noticed_and_its_reason_asked_for_again(rig, alice, trouble, reason):
    instance = rig.running(alice)
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    rig.cloud.next_error["stopped_by_alarm"] = trouble
    rig.tick(4)
    row = rig.mine(alice)
    assert (row.status, row.status_reason) == ("STOPPED", reason)


def test_an_alarm_without_the_warm_up_that_keeps_a_machine_awake_is_put_anew(rig, alice):
    instance = rig.running(alice)
    Run.objects.update(awake_until=clock.now() + timedelta(hours=4))
    rig.tick()
    settled(rig)
    alarm = rig.alarm_of(instance)
    alarm.value = replace(alarm.value, warm_up_minutes=0)
    rig.tick()
    assert rig.alarm_of(instance).value.warm_up_minutes == 240


def untag(rig, instance, *names):
    thing = rig.cloud.world.ec2_instances[instance.instance_id]
    thing.tags = {name: value for name, value in thing.tags.items() if name not in names}
    thing.value = replace(thing.value, row=thing.tags.get(Tag.ROW, ""))


@pytest.mark.parametrize("tag", [Tag.ROW, Tag.DEPLOYMENT])
def test_a_machine_without_its_tags_is_still_stopped_and_ended(rig, alice, ada, tag):
    instance = rig.running(alice)
    untag(rig, instance, tag)
    rig.tick(2)
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == "STOPPED"
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(3)
    assert rig.mine(alice).status == "TERMINATED"
    assert rig.cloud.world.ec2_instances[instance.instance_id].value.state == "terminated"


def test_a_machine_missing_for_a_while_is_not_given_up(rig, alice):
    instance = rig.running(alice)
    hidden = rig.cloud.world.ec2_instances.pop(instance.instance_id)
    rig.tick(3)
    assert rig.mine(alice).status == "RUNNING"
    rig.cloud.world.ec2_instances[instance.instance_id] = hidden
    rig.tick()
    assert rig.mine(alice).seen_view == "running"


def test_a_machine_missing_for_long_has_ended(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.ec2_instances.pop(instance.instance_id)
    rig.tick()
    Instance.objects.update(seen_since=clock.now() - timedelta(minutes=61))
    rig.tick(4)
    assert rig.mine(alice).status == "TERMINATED"
    assert not SshKey.objects.exists()


def test_what_lives_on_after_its_row_has_ended_is_ended_again(rig, alice, ada):
    instance = rig.running(alice)
    spec, token = rig.cloud.world.specs[instance.instance_id], instance.client_token
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(3)
    Instance.objects.update(status_since=clock.now() - timedelta(days=3))
    thing = rig.cloud.world.ec2_instances[instance.instance_id]
    thing.value = replace(thing.value, state=InstanceState.RUNNING, client_token=token)  # as if it had never been told
    rig.cloud.world.specs[instance.instance_id] = spec
    rig.tick(3)
    assert rig.live(alice) == []


# --- a database older than AWS ----------------------------------------------------------------------------------------
def test_a_row_that_names_a_machine_whose_launch_we_do_not_know_is_not_believed(rig, alice):
    instance = rig.running(alice)
    copied = rig.cloud.launch(rig.cloud.world.specs[instance.instance_id], "of-somebody-who-writes-rows").instance_id
    Instance.objects.update(superseded_instance_ids=[copied])
    rig.work_on(instance)
    assert rig.mine(alice).superseded_instance_ids == []
    assert set(rig.live(alice)) == {instance.instance_id, copied}


def test_a_machine_whose_launch_we_do_not_know_is_left_alone(rig, alice):
    instance = rig.running(alice)
    spec = rig.cloud.world.specs[instance.instance_id]
    copied = rig.cloud.launch(spec, "of-somebody-who-copied-the-tags").instance_id
    rig.tick(3)
    assert set(rig.live(alice)) == {instance.instance_id, copied}
    assert rig.mine(alice).unrecognized_instance_ids == [copied]


@pytest.mark.parametrize("status", [Status.FAILED, Status.PENDING, Status.STOPPED])
def test_after_restoring_an_old_dump_nothing_is_ended_or_taken_away(rig, alice, status):
    instance = rig.running(alice)
    machines = dict(rig.cloud.world.ec2_instances)
    with connection.cursor() as cursor:  # of the time before this launch
        cursor.execute("DELETE FROM instances_launch")
    Instance.objects.update(
        status=status.value, client_token=None, instance_id=None, is_clean=status is not Status.PENDING
    )
    if status is Status.PENDING:
        Instance.objects.update(client_token="an-older-one", status_since=clock.now() - LATER, seen_at=clock.now())
    rig.tick(4)
    assert set(rig.cloud.world.ec2_instances) == set(machines)
    assert rig.live(alice) == [instance.instance_id]
    assert (len(rig.cloud.world.groups), len(rig.cloud.world.keys), len(rig.cloud.world.alarms)) == (1, 1, 1)


def test_where_there_is_an_unknown_machine_of_hers_alice_gets_no_second_one(rig, alice):
    rig.running(alice)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM instances_launch")
    Instance.objects.update(status="FAILED", client_token=None, instance_id=None, is_clean=True)
    rig.tick()
    with pytest.raises(actions.ActionError) as refusal:
        actions.create(alice)
    assert refusal.value.code == "unknown_machine"


def test_no_row_ends_somebody_elses_machine(rig, alice):
    """Mallory writes the id of alice's machine into bob's row, and its launch, too."""
    hers, his = rig.running(alice), rig.running(person("bob"))
    with connection.cursor() as cursor:
        for launch_is_moved in (False, True):
            cursor.execute(
                "UPDATE instances_instance SET superseded_instance_ids = %s WHERE id = %s",
                [f'["{hers.instance_id}", "{his.instance_id}"]', his.pk],
            )
            if launch_is_moved:
                cursor.execute("UPDATE instances_launch SET instance_id = %s", [his.pk])
            actions.enqueue(his)
            rig.work()
    assert not [call for call in rig.cloud.calls if call.operation == "terminate"]
    assert not Instance.objects.get(pk=his.pk).superseded_instance_ids


def forget_launches():
    """Forget all launches, as after restoring an older dump."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM instances_launch")


@pytest.mark.parametrize("has_row", [True, False], ids=["her row is in the dump", "it is not"])
def test_after_a_restore_nobody_is_given_a_second_machine(rig, alice, has_row):
    instance = rig.running(alice)
    forget_launches()
    if has_row:
        Instance.objects.update(
            status="PENDING", client_token=None, instance_id=None, ami_id="", seen_view="unseen", seen_at=None
        )
    else:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM instances_sshkey")
            cursor.execute("DELETE FROM instances_statuschange")
            cursor.execute("DELETE FROM instances_instance")
            cursor.execute("DELETE FROM instances_run")
    actions.create(alice)
    rig.work()
    rig.tick(3)
    assert rig.mine(alice).status_reason == "UNKNOWN_MACHINE"
    live = [id for id, thing in rig.cloud.world.ec2_instances.items() if thing.value.state.is_live]
    assert live == [instance.instance_id]
    assert instance.alarm_name in rig.cloud.world.alarms


def test_a_clock_that_ran_ahead_blinds_nobody(rig, alice):
    instance = rig.running(alice)
    ahead = clock.now() + timedelta(days=30)
    Deployment.objects.update(looked_at=ahead)
    Instance.objects.update(seen_at=ahead)
    rig.cloud.world.stop_outside(instance.instance_id)
    rig.cloud.world.settle()
    assert observe.is_time_for_all()
    observe.observe_all(rig.cloud)
    rig.work()
    assert rig.mine(alice).status == "STOPPED"


# --- is it confirmed, and where? -------------------------------------------------------------------------------------
def test_what_is_shown_is_confirmed_while_aws_answers(rig, alice, machines_clock):
    rig.running(alice)
    assert health.unconfirmed_since() is None
    health.note_trouble("Unreachable", "EndpointConnectionError")
    seen = Deployment.objects.get().confirmed_at
    machines_clock.set(seen + timedelta(minutes=2))
    assert health.unconfirmed_since() == seen
    observe.observe_all(rig.cloud)
    assert health.unconfirmed_since() is None
    assert Deployment.objects.get().trouble == "Unreachable", "its alarms may still be unanswered for"
    health.trouble_is_over()
    assert Deployment.objects.get().trouble == ""


def test_the_beginning_of_a_trouble_is_kept(db):
    health.note_trouble("Unreachable", "EndpointConnectionError")
    since = Deployment.objects.get().trouble_since
    health.note_trouble("Throttled", "RequestLimitExceeded")
    here = Deployment.objects.get()
    assert (here.trouble, here.trouble_since) == ("Throttled", since)


@pytest.mark.parametrize(
    "other", [AwsAccount("999999999999", "ap-northeast-2"), AwsAccount("123456789012", "us-east-1")]
)
def test_credentials_of_another_place_are_not_used(db, other):
    bind_account(AwsAccount("123456789012", "ap-northeast-2"))
    bind_account(AwsAccount("123456789012", "ap-northeast-2"))
    with pytest.raises(WrongAccount):
        bind_account(other)
