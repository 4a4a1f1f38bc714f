"""The tags that an institute demands are on whatever is made, and come to what exists already."""

import pytest

from ondol.cloud.errors import Unreachable
from ondol.cloud.port import Kind, Tag
from ondol.config import config
from ondol.instances import actions
from ondol.instances.models import Instance, Launch
from ondol.reconciler.resources import prepare
from ondol.reconciler.retag import retag


@pytest.fixture
def cost_center(monkeypatch):
    """Tags that every resource of this account must have."""
    monkeypatch.setattr(config(), "tags", (("CostCenter", "4711"),))


def tagged(rig):
    """Return for each thing in AWS the cost center in its tags."""
    world = rig.cloud.world
    things = [*world.ec2_instances.values(), *world.volumes.values(), *world.groups.values(), *world.keys.values()]
    return [thing.tags.get("CostCenter") for thing in (*things, *world.alarms.values())]


def test_everything_that_is_made_has_them(rig, alice, cost_center):
    rig.running(alice)
    assert tagged(rig) == ["4711"] * 5


def test_what_tags_depend_on_is_read_before_aws_is_asked_in_threads(rig, alice):
    row = Instance.objects.get(pk=actions.create(alice).pk)  # whose owner is not read yet
    row.key_pair_name = "a-key"
    prepare(row, rig.cloud, ["203.0.113.0/24"], with_key=True)
    made = (*rig.cloud.world.groups.values(), *rig.cloud.world.keys.values())
    assert [thing.tags[Tag.NAME] for thing in made] == ["ondol-alice"] * 2


def test_what_exists_gets_them_from_the_worker_once(rig, alice, monkeypatch):
    rig.running(alice)
    retag(rig.cloud)
    assert rig.cloud.asked("inventory") == 0, "without tags in the settings nothing is asked"
    monkeypatch.setattr(config(), "tags", (("CostCenter", "4711"),))
    rig.cloud.next_error["tag"] = [None, Unreachable("timeout")]
    with pytest.raises(Unreachable):
        retag(rig.cloud)
    retag(rig.cloud)
    assert tagged(rig) == ["4711"] * 5
    asked = rig.cloud.asked("tag")
    retag(rig.cloud)
    assert rig.cloud.asked("tag") == asked


def test_a_tag_that_somebody_took_away_or_changed_comes_back_and_others_stay(rig, alice, cost_center):
    rig.running(alice)
    [volume] = rig.cloud.world.volumes.values()
    volume.tags = {**volume.tags, "CostCenter": "0", "Backup": "weekly"}
    retag(rig.cloud)
    assert (volume.tags["CostCenter"], volume.tags["Backup"]) == ("4711", "weekly")


def test_a_launch_under_way_keeps_the_tags_that_it_began_with(rig, alice, cost_center, monkeypatch):
    rig.cloud.next_error["launch"] = [Unreachable("timeout")]
    actions.create(alice)
    rig.work()
    monkeypatch.setattr(config(), "tags", (("CostCenter", "5000"),))
    rig.tick(2)
    assert Launch.objects.get().spec["tags"]["CostCenter"] == "4711"
    assert rig.mine(alice).status == "RUNNING"
    retag(rig.cloud)
    assert set(tagged(rig)) == {"5000"}


def test_ondols_own_tags_win(rig, alice, monkeypatch):
    monkeypatch.setattr(config(), "tags", (("UserId", "0"),))
    rig.running(alice)
    [server] = rig.cloud.world.ec2_instances.values()
    assert server.tags["UserId"] == str(alice.pk)
    assert Kind.INSTANCE in {thing.kind for thing in rig.cloud.inventory()}
