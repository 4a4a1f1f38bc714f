"""All that the application ever asks of AWS, by the production adapter; and all that a check-up asks."""

from datetime import timedelta

from ondol.cloud.errors import CloudError
from ondol.cloud.port import IdleRule, Kind
from ondol.doctor.aws_checks import Case
from ondol.doctor.check_up import examine
from tests.cloud.grounds import Person, spec, token

HER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"


def journey(ground):
    """Take one step after the other. A refusal that the adapter cannot handle ends it."""
    alice = Person("alice")
    for step in (_prepare, _check_up, _run, _rest_and_start, _check_up, _price, _count, _end):
        trouble = None
        try:
            step(ground, alice)
        except CloudError as error:
            trouble = error
        if denied := ground.denied():
            return denied
        assert trouble is None, trouble
    return []


def _check_up(ground, alice):
    ground.found = examine(Case(ground.probes, ground.config))


def _prepare(ground, alice):
    cloud = ground.cloud
    cloud.account()
    ground.group_id = cloud.create_group(alice.resource, alice.tags)
    cloud.set_ssh(ground.group_id, ["203.0.113.0/24", "198.51.100.7/32"])
    cloud.create_key(alice.resource, alice.tags)
    assert cloud.group(alice.resource) == ground.group_id
    cloud.import_key(f"{alice.resource}-own", HER_KEY, alice.tags)
    cloud.delete_key(f"{alice.resource}-own")
    assert cloud.keys(alice.row) == [alice.resource]


def _run(ground, alice):
    order = spec(alice, ground.cloud.newest_image(), ground.group_id, alice.resource)
    ground.instance_id = ground.cloud.launch(order, token(alice)).instance_id
    ground.settle(alice.row)
    ground.cloud.arm(alice.resource, ground.instance_id, IdleRule(30, 5.0), 40, alice.tags)
    assert len(ground.cloud.alarms()) == len(ground.cloud.alarms([alice.resource])) == 1
    ground.cloud.checks_passed([ground.instance_id])
    ground.cloud.send_ssh_public_key(ground.instance_id, "ubuntu", HER_KEY)
    ground.cloud.readings([ground.instance_id], ground.now() - timedelta(hours=1), ground.now(), [ground.instance_id])


def _rest_and_start(ground, alice):
    ground.cloud.stop(ground.instance_id)
    ground.settle(alice.row)
    ground.cloud.stopped_by_alarm(alice.resource, ground.now() - timedelta(hours=1))
    ground.cloud.resize(ground.instance_id, "t3.small")
    disk = ground.cloud.known([ground.instance_id])[0].volume_id
    ground.cloud.grow(disk, 40)
    ground.cloud.grow(disk, 40)
    assert ground.cloud.sizes([disk]) == {disk: 40}
    ground.cloud.start(ground.instance_id)
    ground.settle(alice.row)
    ground.cloud.set_ssh(ground.group_id, ["203.0.113.0/24"])


def _price(ground, alice):
    prices = {price.what: price.usd for price in ground.price_list.prices({"t3.small"})}
    assert {"t3.small", "public-ipv4", "gp3", "alarm"} == set(prices)
    assert all(prices.values())


def _count(ground, alice):
    assert {found.kind for found in ground.cloud.inventory()} == set(Kind)
    assert ground.cloud.known([ground.instance_id])
    ground.cloud.delete_volume(ground.left_over(alice))


def _end(ground, alice):
    cloud = ground.cloud
    cloud.terminate(ground.instance_id)
    ground.settle(alice.row)
    cloud.delete_alarm(alice.resource)
    cloud.delete_key(alice.resource)
    cloud.delete_group(ground.group_id)
