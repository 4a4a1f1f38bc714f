"""Types and disks: whoever may choose, what AWS has, and what becomes of a refusal."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ondol import clock
from ondol.cloud.errors import NoCapacity, Quota, Refused, Throttled, Unreachable
from ondol.config import config
from ondol.costs.offers import offers_for
from ondol.instances import actions
from ondol.instances.decision import Decision, Step
from ondol.instances.errors import ActionError
from ondol.instances.lifecycle import decide
from ondol.instances.models import Instance, StatusChange
from ondol.instances.observation import Seen, View
from ondol.instances.resizing import change_size, start_as, substitute
from ondol.instances.sizes import range_of
from ondol.instances.states import Reason, Status
from ondol.policy.models import Policy
from ondol.reconciler import orphans
from ondol.testing.fake import Lost
from tests.instances.rig import person
from tests.instances.test_lifecycle import JUST_NOW, NOW


@pytest.fixture(autouse=True)
def three_types(monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("t3.large", "t3.medium"))


def size(row):
    row.refresh_from_db()
    return row.instance_type, row.volume_gib


def in_aws(rig, row):
    row.refresh_from_db()
    return rig.cloud.world.ec2_instances[row.instance_id].value.instance_type, rig.cloud.world.sizes[row.volume_id]


def told(row, reason=Reason.RESIZED):
    """Return, for each change of size, the status, which it did not change, and the size recorded."""
    changes = row.changes.filter(reason=reason.value)
    assert all(change.old == change.new for change in changes)
    return [(change.new, change.detail["instance_type"], change.detail["volume_gb"]) for change in changes]


@pytest.fixture
def rested(rig, alice):
    """Alice's machine, stopped."""
    row = rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == Status.STOPPED
    return row


# --- choosing --------------------------------------------------------------------------------------------------------
def test_alice_chooses_type_and_disk_of_a_new_machine(rig, alice):
    actions.create(alice, "t3.medium", 50)
    rig.work()
    rig.tick(2)
    row = rig.mine(alice)
    assert size(row) == in_aws(rig, row) == ("t3.medium", 50)


def test_types_come_smallest_first_and_the_usual_one_is_that_of_the_settings(db, alice, monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("m5.large", "t3.2xlarge", "t3.large", "t3.nano", "c5.xlarge"))
    within = range_of(alice)
    assert within.types == ("t3.nano", "t3.small", "t3.large", "m5.large", "c5.xlarge", "t3.2xlarge")
    assert within.usual.instance_type == "t3.small"


def test_bob_who_may_not_have_the_usual_one_gets_the_smallest_of_his(db):
    bob = person("bob")
    Policy.objects.create(owner=bob, instance_types=["t3.large", "t3.medium"], volume_gib_max=20)
    row = actions.create(bob)
    assert size(row) == ("t3.medium", 20)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (("m5.large", None), "type_not_permitted"),
        ((None, 101), "disk_not_permitted"),
        ((None, 29), "disk_not_permitted"),
    ],
)
def test_what_is_not_permitted_is_not_made(db, alice, wish, code):
    with pytest.raises(ActionError) as error:
        actions.create(alice, *wish)
    assert (error.value.code, error.value.status) == (code, 422)
    assert not Instance.objects.exists()


def test_a_retry_after_a_failure_may_be_another_machine(rig, alice):
    rig.cloud.next_error["launch"] = [NoCapacity("InsufficientInstanceCapacity")]
    actions.create(alice, "t3.large")
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == Status.FAILED
    actions.create(alice, volume_gib=40)
    rig.work()
    rig.tick(2)
    assert in_aws(rig, rig.mine(alice)) == ("t3.large", 40)


# --- another type ----------------------------------------------------------------------------------------------------
def test_a_resting_machine_gets_another_type_at_once_and_starts_with_it(rig, alice, rested):
    change_size(alice, "t3.large")
    rig.work()
    assert in_aws(rig, rested) == ("t3.large", 30)
    assert told(rested) == [("STOPPED", "t3.large", 30)]
    actions.start(alice)
    rig.work()
    rig.tick(2)
    assert (rig.mine(alice).status, in_aws(rig, rested)[0]) == ("RUNNING", "t3.large")


def test_a_start_right_after_the_wish_waits_for_the_new_type(rig, alice, rested):
    change_size(alice, "t3.large")
    actions.start(alice)
    rig.work()
    order = [call.operation for call in rig.cloud.calls if call.operation in {"resize", "start"}]
    assert (order[0], order[-1], order.count("start")) == ("resize", "start", 1)


def test_what_runs_does_not_change_its_type(rig, alice):
    row = rig.running(alice)
    with pytest.raises(ActionError) as error:
        change_size(alice, "t3.large")
    assert (error.value.code, error.value.status) == ("not_stopped", 409)
    assert size(row) == ("t3.small", 30)


def test_both_or_nothing(rig, alice, rested):
    with pytest.raises(ActionError):
        change_size(alice, "t3.large", 101)
    assert size(rested) == ("t3.small", 30)


def test_a_type_changed_in_the_console_is_taken_over_when_it_runs(rig, alice, rested):
    thing = rig.cloud.world.ec2_instances[rested.instance_id]
    thing.value = replace(thing.value, instance_type="m5.large")
    actions.start(alice)
    rig.work()
    rig.tick(2)
    assert size(rested) == in_aws(rig, rested) == ("m5.large", 30)
    assert [line[1:] for line in told(rested)] == [("m5.large", 30)]


def test_what_aws_still_shows_of_before_our_change_undoes_nothing(rig, alice, rested):
    change_size(alice, "t3.large")
    rig.work()
    thing = rig.cloud.world.ec2_instances[rested.instance_id]
    thing.value = replace(thing.value, instance_type="t3.small")
    rig.tick()
    thing.value = replace(thing.value, instance_type="t3.large")
    rig.tick()
    assert told(rested) == [("STOPPED", "t3.large", 30)]
    assert rig.cloud.asked("resize") == 1


# --- a bigger disk ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("runs", [True, False])
def test_a_disk_grows_while_its_machine_runs_or_rests(rig, alice, runs):
    row = rig.running(alice)
    if not runs:
        actions.stop(alice)
        rig.work()
        rig.tick(2)
    change_size(alice, volume_gib=40)
    rig.work()
    assert in_aws(rig, row)[1] == 40
    assert told(row) == [("RUNNING" if runs else "STOPPED", "t3.small", 40)]


@pytest.mark.parametrize(("gib", "code"), [(20, "disk_shrinks"), (101, "disk_not_permitted")])
def test_a_disk_never_shrinks_and_grows_up_to_the_policys_limit(rig, alice, rested, gib, code):
    with pytest.raises(ActionError) as error:
        change_size(alice, volume_gib=gib)
    assert (error.value.code, error.value.status) == (code, 422)
    assert size(rested) == ("t3.small", 30)


def test_the_disk_of_a_machine_from_before_is_measured_once(rig, alice):
    row = rig.running(alice)
    Instance.objects.update(seen_type="", seen_volume_gib=None)
    rig.tick(3)
    row.refresh_from_db()
    assert (row.seen_type, row.seen_volume_gib) == ("t3.small", 30)
    assert rig.cloud.asked("sizes") == 1
    assert told(row) == []


# --- a no ------------------------------------------------------------------------------------------------------------
REFUSALS = [Refused("Unsupported"), Quota("VolumeSizeLimitExceeded"), Refused("VolumeModificationRateExceeded")]


def test_a_machine_of_arm_is_made_from_an_image_for_arm_and_becomes_only_its_like(rig, alice, monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("t4g.small", "t4g.large", "t3.large", "m99.large"))
    actions.create(alice, "t4g.small")
    rig.work()
    rig.tick(2)
    made = rig.mine(alice)
    assert (made.status, made.ami_id) == ("RUNNING", rig.cloud.images["arm64"].image_id)
    actions.stop(alice)
    rig.work()
    rig.tick()
    with pytest.raises(ActionError) as refusal:
        change_size(alice, "t3.large")
    assert (refusal.value.code, refusal.value.status) == ("other_architecture", 422)
    made = rig.mine(alice)
    assert [choice.instance_type for choice in offers_for(alice, made).types] == ["t4g.small", "t4g.large", "m99.large"]
    change_size(alice, "t4g.large")
    rig.work()
    assert size(made) == ("t4g.large", 30)


@pytest.mark.parametrize(
    ("types", "offered"),
    [
        (("t3.large", "t3.medium"), "t3.medium"),
        (("t3.large", "t3a.small"), "t3a.small"),
        (("t3.nano", "t4g.large"), None),
        (("m99.large",), None),
    ],
)
def test_where_aws_has_no_room_another_permitted_type_that_would_do_is_offered(
    rig, alice, rested, monkeypatch, types, offered
):
    monkeypatch.setattr(config(), "instance_types", types)
    rig.cloud.next_error["start"] = [NoCapacity("InsufficientInstanceCapacity")]
    actions.start(alice)
    rig.work()
    assert substitute(alice, rig.mine(alice)) == offered
    if offered:
        start_as(alice, offered)
        rig.work()
        rig.tick(2)
        assert (rig.mine(alice).status, size(rested)[0]) == ("RUNNING", offered)
        assert substitute(alice, rig.mine(alice)) is None


def test_a_substitute_that_may_not_be_used_starts_nothing(alice, rested):
    with pytest.raises(ActionError):
        start_as(alice, "m5.large")
    assert size(rested)[0] == "t3.small"
    assert Instance.objects.get(pk=rested.pk).status == Status.STOPPED


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
def test_a_refused_change_leaves_all_as_it_is_and_is_told(rig, alice, rested, refusal):
    rig.cloud.next_error["resize"] = [refusal]
    rig.cloud.next_error["grow"] = [refusal]
    change_size(alice, "t3.large", 40)
    rig.work()
    rig.tick()
    assert size(rested) == in_aws(rig, rested) == ("t3.small", 30)
    assert rig.mine(alice).status == Status.STOPPED
    assert told(rested) == []
    assert told(rested, Reason.SIZE_REFUSED) == [("STOPPED", "t3.small", 30)] * 2
    for change in rested.changes.filter(reason=Reason.SIZE_REFUSED):
        assert (change.detail["code"], len(change.detail["reference"])) == (refusal.code, 8)
    assert (rig.cloud.asked("resize"), rig.cloud.asked("grow")) == (1, 1)


def test_a_disk_that_grew_in_the_console_is_found_out_when_it_may_not_grow_again(rig, alice, rested):
    world = rig.cloud.world
    world.sizes[rested.volume_id], world.grown[rested.volume_id] = 50, [world.now()]
    change_size(alice, volume_gib=60)
    rig.work()
    rig.tick()
    assert size(rested) == ("t3.small", 50)
    assert told(rested) == [("STOPPED", "t3.small", 50)]


def test_a_disk_that_grew_in_the_console_is_found_out_by_the_sweep(rig, alice, rested):
    rig.cloud.world.sizes[rested.volume_id] = 50
    orphans.survey(rig.cloud)
    rig.tick()
    assert size(rested) == ("t3.small", 50)
    assert told(rested) == [("STOPPED", "t3.small", 50)]


def test_a_disk_that_did_not_grow_after_all_is_grown_again(rig, alice, rested):
    """AWS says yes at once, and takes minutes for it."""
    change_size(alice, volume_gib=40)
    rig.work()
    rig.cloud.world.sizes[rested.volume_id] = 30
    rig.cloud.world.grown.clear()
    orphans.survey(rig.cloud)
    rig.tick()
    assert rig.cloud.asked("grow") == 1
    StatusChange.objects.update(at=clock.now() - timedelta(minutes=6))
    orphans.survey(rig.cloud)
    rig.tick(2)
    assert rig.cloud.asked("grow") == 2
    assert in_aws(rig, rested)[1] == 40
    assert [gib for _, _, gib in told(rested)] == [40, 30, 40]


def test_a_disk_that_is_gone_keeps_its_size_and_its_owner_is_told(rig, alice, rested):
    del rig.cloud.world.volumes[rested.volume_id]
    change_size(alice, volume_gib=40)
    rig.work()
    rig.tick()
    assert size(rested) == ("t3.small", 30)
    assert len(told(rested, Reason.SIZE_REFUSED)) == 1


def test_a_change_of_type_that_was_cut_off_is_made_whole_before_the_start(rig, alice, rested):
    """EC2 takes two calls for it, and may show the new type after the first one."""
    rig.cloud.next_error["resize"] = [Lost(Unreachable("RequestTimeout"))]
    change_size(alice, "t3.large")
    rig.work()
    assert rig.mine(alice).seen.type_differs
    actions.start(alice)
    rig.tick(3)
    order = [call.operation for call in rig.cloud.calls if call.operation in {"resize", "start"}]
    assert (rig.mine(alice).status, order) == ("RUNNING", ["resize", "resize", "start"])
    assert not rig.mine(alice).is_type_unsure


def test_a_wish_taken_back_while_its_answer_is_not_known_undoes_it_in_aws(rig, alice, rested):
    rig.cloud.next_error["resize"] = [Lost(Unreachable("RequestTimeout"))]
    change_size(alice, "t3.large")
    rig.work()
    change_size(alice, "t3.small")
    actions.start(alice)
    rig.tick(3)
    assert (rig.mine(alice).status, size(rested), in_aws(rig, rested)) == (
        "RUNNING",
        ("t3.small", 30),
        ("t3.small", 30),
    )


def test_a_machine_starts_with_a_type_that_is_permitted_no_more(rig, alice, rested, monkeypatch):
    """The printed policy lets a machine be given permitted types only."""
    change_size(alice, "t3.large")
    rig.work()
    monkeypatch.setattr(config(), "instance_types", ())
    rig.cloud.next_error["resize"] = [Refused("UnauthorizedOperation")] * 9
    for _ in range(2):
        actions.start(alice)
        rig.work()
        rig.tick(2)
        assert (rig.mine(alice).status, in_aws(rig, rested)[0]) == ("RUNNING", "t3.large")
        actions.stop(alice)
        rig.work()
        rig.tick(2)
    assert rig.cloud.asked("resize") == 1


def test_a_type_that_is_denied_after_a_lost_answer_does_not_keep_a_machine_from_starting(rig, alice, rested):
    Instance.objects.update(made_at=None)  # long ago: a denial is no lag of tags
    rig.cloud.next_error["resize"] = [Unreachable("RequestTimeout"), Refused("UnauthorizedOperation")]
    change_size(alice, "t3.large")
    rig.work()
    actions.start(alice)
    rig.tick(3)
    assert (rig.mine(alice).status, size(rested)[0], in_aws(rig, rested)[0]) == ("RUNNING", "t3.small", "t3.small")
    assert (rig.cloud.asked("resize"), len(told(rested, Reason.SIZE_REFUSED))) == (2, 1)


def test_a_refused_type_does_not_keep_a_machine_from_starting(rig, alice, rested):
    rig.cloud.next_error["resize"] = [Refused("Unsupported")]
    change_size(alice, "t3.large")
    actions.start(alice)
    rig.work()
    rig.tick(2)
    assert (rig.mine(alice).status, in_aws(rig, rested)[0]) == ("RUNNING", "t3.small")


@pytest.mark.parametrize("trouble", [Throttled("RequestLimitExceeded"), Lost(Unreachable("RequestTimeout"))])
def test_a_stumble_is_tried_again_and_recorded_once(rig, alice, rested, trouble):
    rig.cloud.next_error["resize"] = [trouble]
    rig.cloud.next_error["grow"] = [trouble]
    change_size(alice, "t3.large", 40)
    rig.work()
    rig.tick(3)
    assert size(rested) == in_aws(rig, rested) == ("t3.large", 40)
    assert {line[1:] for line in told(rested)} == {("t3.large", 30), ("t3.large", 40)}


# --- the state machine -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("view", list(View))
def test_a_type_changes_only_at_rest_and_a_disk_where_somebody_can_use_it(status, view):
    def step(**differs):
        seen = Seen(view=view, since=JUST_NOW, prepared=True, asked=True, armed=True, ready=True, **differs)
        return decide(status, Reason.PERSON, seen, JUST_NOW, NOW)

    rests = view is View.STOPPED and status in {Status.STOPPED, Status.STARTING}
    runs = view is View.RUNNING and status is Status.RUNNING
    assert (step(type_differs=True) == Decision(Step.RESIZE)) is rests
    assert (step(disk_differs=True) == Decision(Step.GROW)) is (rests or runs)
    if not (rests or runs):
        assert step(type_differs=True, disk_differs=True) == step()


def test_what_runs_is_armed_before_its_disk_grows():
    seen = Seen(view=View.RUNNING, since=JUST_NOW, prepared=True, asked=True, disk_differs=True)
    assert decide(Status.RUNNING, Reason.DONE, seen, JUST_NOW, NOW) == Decision(Step.ARM)
