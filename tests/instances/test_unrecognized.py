"""Machines that no row names: our abandoned ones are terminated; others, and any after a restore, are left alone."""

from datetime import timedelta

import pytest
from django.db import connection

from ondol import clock
from ondol.cloud.errors import Refused
from ondol.instances import actions
from ondol.instances.errors import ActionError
from ondol.instances.jobs import enqueue
from ondol.instances.models import Instance, Launch
from ondol.instances.states import Status
from ondol.testing.fake import FakeCloud
from tests.instances.rig import person


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
    with pytest.raises(ActionError):
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
    Instance.objects.update(status=status, client_token=None, instance_id=None, is_clean=status is not Status.PENDING)
    if status is Status.PENDING:
        long_ago = clock.now() - timedelta(hours=1)
        Instance.objects.update(client_token="an-older-one", status_since=long_ago, seen_at=clock.now())
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
    with pytest.raises(ActionError) as refusal:
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
            enqueue(his)
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
