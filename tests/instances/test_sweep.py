"""Resources of Ondol that nobody uses are removed by themselves, slowly; anything doubtful waits for a person."""

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import clock
from ondol.cloud.port import Tag
from ondol.deployment import alerts, health
from ondol.deployment.findings import Why, remembered
from ondol.deployment.models import Deployment
from ondol.instances import actions
from ondol.instances.models import Instance, Run
from ondol.reconciler import orphans
from ondol.testing.fake import FakeCloud
from tests.instances.rig import person
from tests.instances.test_making import MAKING, close_in_thread


@pytest.fixture
def later(machines_clock):
    """Let ten minutes pass."""
    return lambda minutes=10: machines_clock.advance(timedelta(minutes=minutes))


def swept(rig, later, times=3):
    for _ in range(times):
        orphans.sweep(rig.cloud)
        rig.work()
        later()


def ended(rig, owner, ada):
    """A machine that has ended; its row."""
    instance = rig.running(owner)
    actions.terminate(owner, by=ada)
    rig.work()
    rig.tick(3)
    instance.refresh_from_db()
    assert instance.status == "TERMINATED"
    return instance


def tags_of(instance):
    return {Tag.ROW: str(instance.pk), Tag.USER_ID: str(instance.owner_id)}


def leak(rig, instance, kinds=("group", "key", "alarm", "volume")):
    """Leave resources behind as if a worker had been frozen in the midst of a call and gone on after the end."""
    world = rig.cloud.world
    if "group" in kinds:
        rig.cloud.create_group(instance.resource_name, tags_of(instance))
    if "key" in kinds:
        rig.cloud.create_key(f"{instance.resource_name}-late", tags_of(instance))
    if "alarm" in kinds:
        rig.cloud.arm(instance.resource_name, "i-gone", sweep_rule(), 40, tags_of(instance))
    if "volume" in kinds:
        volume_id = world.new_id("vol")
        world.volumes[volume_id], world.sizes[volume_id] = rig.cloud._made("i-gone", tags_of(instance)), 30


def sweep_rule():
    from ondol.cloud.port import IdleRule

    return IdleRule(30, 5.0)


def things(rig):
    world = rig.cloud.world
    return [len(some) for some in (world.groups, world.keys, world.alarms, world.volumes)]


def whys():
    return sorted((finding.kind, finding.why) for finding in remembered())


def test_where_all_is_well_nothing_is_found(rig, alice, later):
    rig.running(alice)
    swept(rig, later)
    assert (remembered(), things(rig)) == ([], [1, 1, 1, 1])


@pytest.mark.parametrize("kind", ["group", "key", "alarm", "volume"])
def test_what_an_ended_machine_has_left_goes_after_a_while(rig, alice, ada, later, kind):
    leak(rig, ended(rig, alice, ada), [kind])
    orphans.sweep(rig.cloud)
    rig.work()
    assert sum(things(rig)) == 1, "not at first sight"
    later(1)
    orphans.sweep(rig.cloud)
    rig.work()
    assert sum(things(rig)) == 1, "nor within the grace period"
    later()
    orphans.sweep(rig.cloud)
    rig.work()
    assert sum(things(rig)) == 0
    assert mail.outbox == []


def test_a_key_pair_that_a_live_machine_does_not_use_goes(rig, alice, later):
    instance = rig.running(alice)
    rig.cloud.create_key(f"{instance.resource_name}-late", tags_of(instance))
    swept(rig, later)
    assert list(rig.cloud.world.keys) == [instance.key_pair_name]


def test_more_than_five_leaks_wait_for_an_administrator(rig, ada, later):
    rows = [ended(rig, person(f"p{number}"), ada) for number in range(2)]
    for row in rows:
        leak(rig, row)
    swept(rig, later, 4)
    assert things(rig) == [2, 2, 2, 2]
    assert ProcrastinateJob.objects.filter(task_name=alerts.TASK).count() <= 1


@pytest.mark.parametrize(
    ("leaks", "there", "too_many"), [(1, 2, False), (2, 20, False), (2, 19, True), (6, 1000, True)]
)
def test_how_many_are_too_many(leaks, there, too_many):
    assert orphans.are_too_many(leaks, there) is too_many


def test_another_deployments_things_and_untagged_ones_are_not_seen(rig, alice, ada, later):
    row = ended(rig, alice, ada)
    FakeCloud(rig.cloud.world, deployment="another").create_group("theirs", tags_of(row))
    rig.cloud.world.groups["sg-nobodys"] = type(next(iter(rig.cloud.world.groups.values())))(
        next(iter(rig.cloud.world.groups.values())).value, {}
    )
    swept(rig, later)
    assert remembered() == []
    assert len(rig.cloud.world.groups) == 2


def test_after_restoring_a_dump_nothing_goes_by_itself(rig, alice, ada, later):
    leak(rig, ended(rig, person("erin"), ada), ["key"])
    instance = rig.running(alice)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM instances_sshkey")
        cursor.execute("DELETE FROM instances_statuschange")
        cursor.execute("DELETE FROM instances_launch")
        cursor.execute("DELETE FROM instances_instance WHERE id = %s", [instance.pk])
        cursor.execute("DELETE FROM instances_run WHERE instance_id = %s", [instance.pk])
    before = things(rig)
    swept(rig, later, 4)
    assert things(rig) == before
    assert rig.cloud.world.ec2_instances[instance.instance_id].value.state == "running"
    assert {why for _, why in whys()} == {"UNKNOWN", "ENDED"}


def test_an_administrator_is_told_once_of_what_needs_a_person(rig, alice, ada, later):
    instance = rig.running(alice)
    rig.cloud.world.ec2_instances[instance.instance_id].tags = {}
    letters = 0
    for _ in range(4):
        orphans.sweep(rig.cloud)
        letters += ProcrastinateJob.objects.filter(task_name=alerts.TASK).count()
        rig.work()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs")
        later()
    assert (letters, whys()) == (1, [("instance", "UNTAGGED")])
    alerts.send("findings", ada)
    assert f"OndolId={instance.pk}" in mail.outbox[0].body


def test_a_group_that_somebody_changed_is_set_again_by_the_next_sweep_and_told_at_once(rig, alice, ada, later):
    group = rig.cloud.world.groups[rig.running(alice).security_group_id].value
    later()
    for by_hand, why in (({"0.0.0.0/0", "tcp/8080 0.0.0.0/0"}, "OPENED"), (set(), "CLOSED")):
        group.cidrs = set(by_hand)
        orphans.sweep(rig.cloud)
        assert whys() == [("security-group", why)]
        alerts.send("findings", ada)
        assert ("tcp/8080 0.0.0.0/0" in mail.outbox[-1].body) == (why == "OPENED")
        rig.work()
        assert group.cidrs == {"0.0.0.0/0"}, why
        later()
    orphans.sweep(rig.cloud)
    assert whys() == []
    assert ProcrastinateJob.objects.filter(task_name=alerts.TASK).count() == 2


def test_a_change_that_is_under_way_is_not_told_as_somebodys(rig, alice, later):
    """The listing may be older than what was set meanwhile, or what is wished for is set in a moment."""
    group = rig.cloud.world.groups[rig.running(alice).security_group_id].value
    group.cidrs = {"tcp/8080 0.0.0.0/0"}
    orphans.sweep(rig.cloud)
    assert whys() == []  # it was set a moment ago
    later()
    Instance.objects.update(ssh_ranges_at=None)
    orphans.sweep(rig.cloud)
    assert whys() == []
    rig.tick()
    assert group.cidrs == {"0.0.0.0/0"}


def test_a_machine_without_tags_and_one_that_is_missing_are_told(rig, alice, later):
    instance, other = rig.running(alice), rig.running(person("bob"))
    rig.cloud.world.ec2_instances[instance.instance_id].tags = {}
    del rig.cloud.world.ec2_instances[other.instance_id]
    orphans.survey(rig.cloud)
    found = {finding.id: finding.why for finding in remembered()}
    assert found[instance.instance_id] is Why.UNTAGGED
    assert found[other.instance_id] is Why.MISSING


def test_what_a_machine_uses_and_has_lost_is_told(rig, alice, later):
    instance, world = rig.running(alice), rig.cloud.world
    later()
    world.groups[instance.security_group_id].tags = {}
    world.groups[instance.security_group_id].value.cidrs.add("tcp/80 0.0.0.0/0")
    del world.keys[instance.key_pair_name]
    orphans.survey(rig.cloud)
    assert whys() == [("key-pair", "LOST"), ("security-group", "OPENED"), ("security-group", "UNTAGGED")]
    [untagged] = [finding for finding in remembered() if finding.why is Why.UNTAGGED]
    assert f"OndolId={instance.pk} ManagedBy=ondol OndolDeployment={rig.cloud.deployment}" in untagged.sentence


@pytest.mark.parametrize("has_tags", [True, False])
def test_a_machine_that_was_put_into_another_group_is_told(rig, alice, has_tags):
    thing = rig.cloud.world.ec2_instances[rig.running(alice).instance_id]
    thing.value = replace(thing.value, groups=frozenset({"sg-of-all"}))
    if not has_tags:
        thing.tags = {}
    orphans.survey(rig.cloud)
    assert ("instance", "REGROUPED") in whys()


@pytest.mark.parametrize("has_ended", [True, False])
def test_a_group_of_another_name_goes_too_and_is_never_opened(rig, alice, ada, later, has_ended):
    instance = ended(rig, alice, ada) if has_ended else rig.running(alice)
    group_id = rig.cloud.create_group("made-by-hand", tags_of(instance))
    orphans.survey(rig.cloud)
    assert whys() == [("security-group", "ENDED" if has_ended else "SURPLUS")]
    swept(rig, later)
    assert group_id not in rig.cloud.world.groups
    assert len(rig.cloud.world.groups) == (not has_ended)


def test_a_key_pair_beside_an_unknown_machine_is_unknown_too(rig, alice):
    rig.running(alice)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM instances_launch")
    Instance.objects.update(status="FAILED", client_token=None, instance_id=None, is_clean=False, key_pair_name="")
    rig.tick()
    orphans.survey(rig.cloud)
    assert ("key-pair", "UNKNOWN") in whys()


def test_a_volume_taken_off_a_live_machine_is_left_alone(rig, alice, later):
    rig.running(alice)
    next(iter(rig.cloud.world.volumes.values())).value = ""
    swept(rig, later)
    assert whys() == [("volume", "DETACHED")]
    assert len(rig.cloud.world.volumes) == 1


@pytest.mark.parametrize("operation", MAKING)
def test_while_a_machine_is_made_nothing_of_it_is_a_leak(transactional_db, rig, alice, operation):
    found = []
    rig.cloud.meanwhile[operation] = lambda: (found.append(orphans.survey(rig.cloud)), close_in_thread())
    rig.running(alice)
    assert found == [[]]


def test_a_trouble_that_lasts_is_told_once(rig, ada, db):
    health.note_trouble("Refused", "UnauthorizedOperation")
    alerts.notify_of_lasting_trouble()
    assert ProcrastinateJob.objects.filter(task_name=alerts.TASK).count() == 0
    Deployment.current().update(trouble_since=datetime.now(UTC) - timedelta(minutes=11))
    for _ in range(2):
        alerts.notify_of_lasting_trouble()
    assert ProcrastinateJob.objects.filter(task_name=alerts.TASK).count() == 1
    alerts.send("trouble", ada)
    assert "UnauthorizedOperation" in mail.outbox[0].body
    health.trouble_is_over()
    alerts.send("trouble", ada)
    assert len(mail.outbox) == 1


def test_a_row_marked_by_the_sweep_is_cleaned_even_if_aws_is_slow(rig, alice, ada):
    from ondol.cloud.errors import Throttled

    row = ended(rig, alice, ada)
    leak(rig, row, ["key"])
    Instance.objects.filter(pk=row.pk).update(is_clean=False)
    rig.cloud.next_error["delete_key"] = [Throttled("RequestLimitExceeded")]
    rig.tick(2)
    assert things(rig) == [0, 0, 0, 0]


def test_one_leak_that_aws_holds_on_to_does_not_keep_the_others(rig, alice, ada, later):
    from ondol.cloud.errors import Refused

    row = ended(rig, alice, ada)
    leak(rig, row, ["volume", "key"])
    for number in range(5):
        rig.running(person(f"p{number}"))
    rig.cloud.next_error["delete_volume"] = [Refused("OperationNotPermitted")] * 9
    for _ in range(3):
        with contextlib.suppress(Refused):
            orphans.sweep(rig.cloud)
        rig.work()
        later()
    assert things(rig) == [5, 5, 5, 6]


@pytest.mark.parametrize(
    ("status", "why"), [("RUNNING", "UNARMED"), ("TERMINATING", "STUCK"), ("STOPPING", "STOP_STUCK")]
)
def test_what_lasts_too_long_is_told(rig, alice, later, status, why):
    rig.running(alice)
    Instance.objects.update(status_since=clock.now() - timedelta(minutes=16), status=status)
    Run.objects.update(armed_at=None)
    orphans.survey(rig.cloud)
    assert why in {finding.why for finding in remembered()}


def test_tags_swapped_between_two_people_make_nobodys_things_unknown(rig, alice):
    mine, theirs = rig.running(alice), rig.running(person("bob"))
    swap = {str(mine.pk): str(theirs.pk), str(theirs.pk): str(mine.pk)}
    world = rig.cloud.world
    for things_there in (world.ec2_instances, world.groups, world.keys, world.volumes):
        for thing in things_there.values():
            thing.tags = {**thing.tags, Tag.ROW: swap[thing.tags[Tag.ROW]]}
    for thing in world.ec2_instances.values():
        thing.value = replace(thing.value, row=thing.tags[Tag.ROW])
    orphans.survey(rig.cloud)
    assert {finding.why for finding in remembered()} == {Why.UNTAGGED}


def test_a_machine_that_was_given_her_tags_is_not_in_alices_way(rig, alice):
    rig.running(person("bob"))
    for thing in rig.cloud.world.ec2_instances.values():
        thing.tags = {**thing.tags, Tag.USER_ID: str(alice.pk)}
    rig.running(alice)


def test_what_a_row_knows_by_now_is_not_removed_as_unknown(rig, alice):
    from ondol.cloud.errors import NotYet
    from ondol.deployment.findings import Finding

    instance = rig.running(alice)
    with pytest.raises(NotYet):
        orphans.remove_unknown(Finding("instance", instance.instance_id, Why.UNKNOWN), rig.cloud)
