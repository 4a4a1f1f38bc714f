"""What the adapter makes of an AWS with errors, by the SDK's own retries and on the wire."""

import pytest

from ondol.cloud.errors import AlreadyThere, NoCapacity, Quota
from ondol.cloud.port import IdleRule, Kind
from tests.cloud.grounds import InTheTrial, token

pytestmark = pytest.mark.slow


@pytest.fixture
def ground(trial, machines_clock):
    machines_clock.agree_with(trial.clock)
    return InTheTrial(trial.environment())


def test_a_lost_answer_to_a_launch_is_asked_for_again_and_makes_one_machine(ground, cloud, alice):
    order = ground.order(alice)
    ground.break_next("RunInstances", "drop")
    launched = cloud.launch(order, token(alice))
    assert [server.instance_id for server in cloud.ec2_instances([alice.row])] == [launched.instance_id]


def test_a_group_whose_answer_was_lost_is_found_by_its_name(ground, cloud, alice):
    ground.break_next("CreateSecurityGroup", "drop")
    with pytest.raises(AlreadyThere):
        cloud.create_group(alice.resource, alice.tags)
    group_id = cloud.group(alice.resource)
    cloud.set_ssh(group_id, ["0.0.0.0/0"])


def test_a_key_whose_answer_was_lost_is_found_by_its_row(ground, cloud, alice):
    ground.break_next("CreateKeyPair", "drop")
    with pytest.raises(AlreadyThere):
        cloud.create_key(alice.resource, alice.tags)
    assert cloud.keys(alice.row) == [alice.resource]


def test_a_key_that_was_imported_without_an_answer_is_the_same_once_more(ground, cloud, alice):
    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
    ground.break_next("ImportKeyPair", "drop")
    pair = cloud.import_key(alice.resource, line, alice.tags)
    assert pair.name == alice.resource
    assert cloud.keys(alice.row) == [alice.resource]


def test_a_rule_whose_answer_was_lost_is_there(ground, cloud, alice):
    group_id = cloud.create_group(alice.resource, alice.tags)
    ground.break_next("AuthorizeSecurityGroupIngress", "drop")
    cloud.set_ssh(group_id, ["203.0.113.0/24", "198.51.100.7/32"])
    (group,) = cloud.shown(Kind.GROUP, [group_id])
    assert group.cidrs == {"203.0.113.0/24", "198.51.100.7/32"}


def test_an_alarm_whose_answer_was_lost_is_armed(ground, cloud, alice):
    ground.break_next("PutMetricAlarm", "drop")
    cloud.arm(alice.resource, "i-0123456789abcdef0", IdleRule(30, 5.0), 40, alice.tags)
    (alarm,) = cloud.alarms([alice.resource])
    assert alarm.is_sound


def test_one_stumble_is_not_noticed(ground, cloud):
    ground.break_next("DescribeInstances", "before", "InternalError", 500)
    assert cloud.ec2_instances() == []


@pytest.mark.parametrize(("code", "kind"), [("InsufficientInstanceCapacity", NoCapacity), ("VcpuLimitExceeded", Quota)])
def test_a_refusal_on_the_wire_is_named(ground, cloud, alice, code, kind):
    order = ground.order(alice)
    ground.break_next("RunInstances", "before", code, 400)
    with pytest.raises(kind) as error:
        cloud.launch(order, token(alice))
    assert error.value.code == code
    assert cloud.ec2_instances() == []
