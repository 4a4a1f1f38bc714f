"""A request becomes a machine: each step may be interrupted, and happens once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from ondol import clock
from ondol.accounts.models import User
from ondol.cloud.errors import AlreadyThere, NoCapacity, NotYet, Quota, Refused, Spent, Throttled, Unreachable
from ondol.cloud.port import LaunchSpec, Tag
from ondol.config import config
from ondol.instances import actions, sealed
from ondol.instances.errors import ActionError
from ondol.instances.key_file import take_key
from ondol.instances.models import Instance, Launch, SshKey, StatusChange
from ondol.instances.states import Status
from ondol.reconciler.job_lease import JobLeaseLost
from ondol.reconciler.reconcile import reconcile
from ondol.testing.fake import Lost

MAKING = ["create_group", "set_ssh", "create_key", "newest_image", "alive_of", "launch", "arm"]


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
    assert "PRIVATE KEY" in sealed.open_key(instance.ssh_key)
    assert instance.ssh_key.key_pair_name in world.keys
    assert reasons(instance) == [("PENDING", "PERSON"), ("RUNNING", "DONE")]
    assert (instance.run.warm_up_minutes, instance.alarm_name) == (40, f"ondol-{instance.pk}")


def test_the_launch_follows_after_one_round_trip_and_the_group_opens_while_the_machine_boots(rig, alice):
    """All that comes before it is asked for side by side."""
    rig.running(alice)
    operations = [call.operation for call in rig.cloud.calls]
    launch = operations.index("launch")
    assert sorted(operations[:launch]) == ["alive_of", "create_group", "create_key", "newest_image"]
    assert operations[launch + 1 :].index("arm") < operations[launch + 1 :].index("set_ssh")


def test_little_is_asked_of_postgresql_around_the_one_round_trip_before_the_launch(transactional_db, rig, alice):
    """Somebody waits, and each commit waits for a disk. What AWS has made and the token of the launch are one."""
    actions.create(alice)
    with CaptureQueriesContext(connections["default"]) as asked:  # of this thread; a key is asked for in another one
        rig.cloud.meanwhile["create_key"] = lambda: moments.append(len(asked.captured_queries))
        rig.cloud.meanwhile["launch"] = lambda: moments.append(len(asked.captured_queries))
        moments: list[int] = []
        rig.work_on(rig.mine(alice))
    made, launched = moments
    told = [query["sql"].split()[0] for query in asked.captured_queries]
    assert told[:made].count("COMMIT") == 1, "what is about to be made is announced"
    assert told[made:launched].count("COMMIT") == 1, "its key and the token are there before the launch, or neither is"
    assert (made, launched - made) <= (10, 14)


def test_the_key_is_sealed_and_the_token_stored_before_the_launch(transactional_db, rig, alice):
    seen = []

    def observe():
        instance = Instance.objects.get(owner=alice)
        seen.append((instance.client_token is not None, SshKey.objects.filter(instance=instance).exists()))

    rig.cloud.meanwhile["launch"] = observe
    rig.running(alice)
    assert seen == [(True, True)]


@pytest.mark.parametrize(
    "trouble",
    [Throttled("RequestLimitExceeded"), Lost(Unreachable("RequestTimeout"))],
    ids=["not done", "answer lost"],
)
@pytest.mark.parametrize("operation", MAKING)
def test_whatever_call_fails_there_is_one_machine_and_its_key(rig, alice, operation, trouble):
    rig.cloud.next_error[operation] = [trouble]
    actions.create(alice)
    rig.work()
    rig.tick(4)
    instance = rig.mine(alice)
    assert instance.status == Status.RUNNING
    assert rig.live(alice) == [instance.instance_id]
    world = rig.cloud.world
    assert [len(things) for things in (world.groups, world.keys, world.alarms)] == [1, 1, 1]
    assert world.specs[instance.instance_id].key_name == instance.ssh_key.key_pair_name


@pytest.mark.parametrize(
    ("operation", "trouble", "reason"),
    [("launch", NoCapacity("InsufficientInstanceCapacity"), "NO_CAPACITY"),
     ("launch", Quota("VcpuLimitExceeded"), "QUOTA"),
     *((operation, Refused("InvalidParameterValue"), "REFUSED") for operation in MAKING)],
)  # fmt: skip
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
    with pytest.raises(ActionError) as refusal:
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


def test_a_frozen_workers_late_key_does_not_lock_alice_out(transactional_db, rig, alice):
    def another_worker_meanwhile():
        rig.tick(3)
        close_in_thread()

    rig.cloud.meanwhile["create_key"] = another_worker_meanwhile
    actions.create(alice)
    lost = iter([False])

    def ensure_job_lease():
        if next(lost, True) and rig.mine(alice).status == "RUNNING":
            raise JobLeaseLost

    with pytest.raises(JobLeaseLost):
        reconcile(str(rig.mine(alice).pk), rig.cloud, ensure_job_lease, lambda address, port: True)
    instance = rig.mine(alice)
    assert rig.cloud.world.specs[instance.instance_id].key_name == instance.ssh_key.key_pair_name


def test_a_launch_that_aws_puts_off_for_ever_fails_at_last(rig, alice):
    rig.cloud.next_error["launch"] = [NotYet("InvalidGroup.NotFound")] * 2
    actions.create(alice)
    rig.work()
    Instance.objects.update(status_since=clock.now() - timedelta(minutes=11))
    rig.tick(2)
    assert rig.mine(alice).status_reason == "TOO_LATE"


def test_while_it_is_made_its_key_is_not_given_out(rig, alice):
    actions.create(alice)
    rig.work()
    assert rig.mine(alice).status == "PENDING"
    with pytest.raises(ActionError) as refusal:
        take_key(alice)
    assert refusal.value.code == "no_key"


@pytest.mark.parametrize("trouble", [Unreachable("RequestTimeout"), Spent("IdempotentParameterMismatch")])
def test_once_a_launch_may_have_happened_its_key_and_token_stay(rig, alice, trouble):
    rig.cloud.next_error["launch"] = [Lost(Unreachable("RequestTimeout")), trouble]
    rig.cloud.lag = 4
    actions.create(alice)
    rig.work()
    sealed, token = bytes(SshKey.objects.get().sealed_private_key), rig.mine(alice).client_token
    rig.tick(6)
    instance = rig.mine(alice)
    assert (instance.status, instance.client_token) == ("RUNNING", token)
    assert bytes(instance.ssh_key.sealed_private_key) == sealed
    assert rig.cloud.world.specs[instance.instance_id].key_name == instance.ssh_key.key_pair_name
    assert rig.live(alice) == [instance.instance_id]


def test_a_launch_whose_answer_was_lost_is_asked_for_again_as_it_was_whatever_has_changed_meanwhile(
    rig, alice, monkeypatch
):
    rig.cloud.next_error["launch"] = [Lost(Unreachable("RequestTimeout"))]
    rig.cloud.lag = 4
    actions.create(alice)
    rig.work()
    User.objects.filter(pk=alice.pk).update(email="liddell@example.org", name="Alice Liddell")
    for setting, value in {"project": "another", "subnet_id": "subnet-2", "instance_type": "t3.large"}.items():
        monkeypatch.setattr(config(), setting, value)
    rig.tick()
    instance = rig.mine(alice)
    assert rig.cloud.asked("launch") == 2
    first, again = (call.args for call in rig.cloud.calls if call.operation == "launch")
    assert first == again
    assert rig.live(alice) == [instance.instance_id]


def test_what_is_asked_of_aws_under_a_token_is_kept_in_the_same_transaction_and_read_back_as_it_was(rig, alice):
    rig.running(alice)
    ((spec, token),) = [call.args for call in rig.cloud.calls if call.operation == "launch"]
    kept = Launch.objects.get().spec
    assert Launch.objects.get().pk == token
    assert LaunchSpec.from_json(kept) == spec
    assert kept["tags"]["Name"] == "ondol-alice"


def test_a_launch_that_an_earlier_version_has_asked_for_goes_on(rig, alice):
    rig.cloud.next_error["launch"] = [Lost(Unreachable("RequestTimeout"))]
    rig.cloud.lag = 4
    actions.create(alice)
    rig.work()
    Launch.objects.update(spec={})  # as it kept the token alone
    rig.tick()
    assert rig.cloud.asked("launch") == 2
    assert rig.live(alice) == [rig.mine(alice).instance_id]


def test_every_token_is_kept_for_ever(rig, alice):
    rig.cloud.next_error["launch"] = [NoCapacity("InsufficientInstanceCapacity")]
    actions.create(alice)
    rig.work()
    rig.tick(2)
    rig.running(alice)
    tokens = [call.args[1] for call in rig.cloud.calls if call.operation == "launch"]
    assert len(set(tokens)) == 2
    assert set(Launch.objects.values_list("pk", flat=True)) == set(tokens)


def test_a_group_whose_answer_is_lost_and_not_shown_yet_is_cleaned_up_all_the_same(rig, alice, ada):
    rig.cloud.next_error["create_group"] = [Lost(Unreachable("RequestTimeout"))]
    rig.cloud.lag = 3
    actions.create(alice)
    rig.work()
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == "TERMINATING"
    Instance.objects.update(group_unsure_at=clock.now() - timedelta(minutes=3))
    rig.tick(2)
    assert (rig.mine(alice).status, rig.cloud.world.groups) == ("TERMINATED", {})


def test_a_group_that_may_not_be_opened_is_not_left_behind(rig, alice):
    rig.cloud.next_error["set_ssh"] = [Refused("InvalidParameterValue")]
    rig.cloud.lag = 2
    actions.create(alice)
    rig.work()
    rig.tick(2)
    assert (rig.mine(alice).status, rig.cloud.world.groups) == ("FAILED", {})


def test_a_key_whose_answer_the_sdk_lost_is_made_anew(rig, alice):
    rig.cloud.next_error["create_key"] = [Lost(AlreadyThere("InvalidKeyPair.Duplicate"))]
    actions.create(alice)
    rig.work()
    rig.tick(3)
    instance = rig.mine(alice)
    assert (instance.status, list(rig.cloud.world.keys)) == ("RUNNING", [instance.ssh_key.key_pair_name])


def test_a_key_of_which_no_row_knows_goes_with_its_machine(rig, alice, ada):
    instance = rig.running(alice)
    rig.cloud.create_key("of-a-lost-answer", {Tag.ROW: str(instance.pk)})
    actions.terminate(alice, by=ada)
    rig.work()
    rig.cloud.world.settle()
    Instance.objects.update(next_at=None)
    rig.tick()
    assert (rig.mine(alice).status, list(rig.cloud.world.keys)) == ("TERMINATED", [])


def test_a_frozen_workers_key_goes_when_it_wakes(transactional_db, rig, alice):
    def another_worker_meanwhile():
        rig.tick(3)
        close_in_thread()

    rig.cloud.meanwhile["create_key"] = another_worker_meanwhile
    actions.create(alice)

    def ensure_job_lease():
        if rig.mine(alice).status == "RUNNING":
            raise JobLeaseLost

    with pytest.raises(JobLeaseLost):
        reconcile(str(rig.mine(alice).pk), rig.cloud, ensure_job_lease, lambda address, port: True)
    assert list(rig.cloud.world.keys) == [rig.mine(alice).ssh_key.key_pair_name]


def test_a_click_does_not_wait_for_a_back_off(rig, alice):
    rig.cloud.next_error["create_group"] = [Throttled("RequestLimitExceeded")]
    actions.create(alice)
    rig.work()
    assert rig.mine(alice).next_at is not None
    actions.create(alice)
    rig.work()
    assert rig.mine(alice).instance_id is not None


def test_group_key_and_image_are_asked_for_at_the_same_time(transactional_db, rig, alice):
    together = threading.Barrier(3)
    for operation in ("create_group", "create_key", "newest_image"):
        rig.cloud.meanwhile[operation] = lambda: together.wait(timeout=5)
    rig.running(alice)
    assert not together.broken


def test_a_machine_that_cannot_be_armed_is_not_left_running(rig, alice):
    rig.cloud.next_error["arm"] = [Unreachable("RequestTimeout")] * 50
    actions.create(alice)
    rig.work()
    rig.tick(2)
    Instance.objects.update(status_since=clock.now() - timedelta(minutes=11), seen_at=clock.now())
    rig.tick(4)
    assert (rig.mine(alice).status, rig.mine(alice).status_reason) == ("FAILED", "TOO_LATE")
    assert rig.live(alice) == []


def test_a_new_try_is_made_as_near_to_the_last_choice_as_is_permitted_now(rig, alice):
    rig.cloud.next_error["launch"] = [Refused("Unsupported")]
    actions.create(alice)
    rig.work()
    rig.tick(2)
    Instance.objects.update(instance_type="t9.huge", volume_gib=300)
    instance = rig.running(alice)
    assert (instance.instance_type, instance.volume_gib) == ("t3.small", 100)


def test_an_image_service_without_an_answer_does_not_hold_a_machine_up_for_ever(rig, alice):
    rig.cloud.next_error["newest_image"] = [Unreachable("EndpointConnectionError")] * 50
    actions.create(alice)
    rig.work()
    Instance.objects.update(status_since=clock.now() - timedelta(minutes=11))
    rig.tick(2)
    assert rig.mine(alice).status == "FAILED"


def test_a_late_answer_is_not_written_to_the_next_attempt(rig, alice):
    actions.create(alice)

    def the_next_attempt():
        Launch.objects.create(client_token="of-the-next-one", instance=Instance.objects.get())
        Instance.objects.update(client_token="of-the-next-one", private_ip=None)

    rig.cloud.meanwhile["launch"] = the_next_attempt
    rig.work()
    instance = rig.mine(alice)
    assert rig.cloud.world.ec2_instances[instance.instance_id].value.client_token == "of-the-next-one"


def test_a_worker_frozen_in_a_clean_up_does_not_touch_the_next_attempt(rig, alice):
    rig.cloud.next_error["launch"] = [NoCapacity("InsufficientInstanceCapacity")]
    actions.create(alice)
    overtaken = []

    def another_worker_and_a_click():
        overtaken.append(True)
        row = str(rig.mine(alice).pk)
        reconcile(row, rig.cloud, rig.ensure_job_lease, lambda address, port: True)
        actions.create(alice)
        rig.work()

    def ensure_job_lease():
        if overtaken:
            raise JobLeaseLost

    rig.cloud.meanwhile["group"] = another_worker_and_a_click
    with pytest.raises(JobLeaseLost):
        reconcile(str(rig.mine(alice).pk), rig.cloud, ensure_job_lease, lambda address, port: True)
    rig.tick(3)
    instance = rig.mine(alice)
    assert instance.status == "RUNNING"
    assert list(rig.cloud.world.keys) == [instance.ssh_key.key_pair_name]
    assert rig.live(alice) == [instance.instance_id]


def test_a_refusal_after_a_lost_answer_does_not_forget_the_machine_that_may_come(rig, alice):
    rig.cloud.next_error["launch"] = [
        Lost(Unreachable("RequestTimeout")), NoCapacity("InsufficientInstanceCapacity"),
    ]  # fmt: skip
    rig.cloud.lag = 3
    actions.create(alice)
    rig.work()
    Instance.objects.update(next_at=None)
    actions.create(alice)
    rig.work()
    instance = rig.mine(alice)
    assert (instance.status, instance.client_token is None) == ("FAILED", False)
    rig.tick(6)
    assert rig.live(alice) == []
