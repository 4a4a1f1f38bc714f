"""A worker's cloud that shows what the database has: nothing is found changed, and machines are measured as usual.

Loaded by a worker alone (`bench.idle_settings`). It takes the place of AWS, and of the time and memory of its clients.
"""

import random
from collections.abc import Collection
from datetime import datetime
from functools import cache

from ondol.autostop.forecast import PERIOD, floor
from ondol.autostop.readings import SHOWN_AFTER
from ondol.cloud.port import Alarm, Cloud, Ec2Instance, IdleRule, InstanceState, Reading, Tag
from ondol.deployment import connection
from ondol.deployment.models import deployment_id
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.testing.fake import FakeCloud
from ondol.testing.fake_world import Group, World

WORKS = 6.0
"""Per cent of all vCPUs, which is above the rule's: nobody's machine is about to stop."""


class StandIn(FakeCloud):
    """A cloud whose machines do something in every five minutes."""

    def readings(
        self, instance_ids: Collection[str], since: datetime, until: datetime, burstable: Collection[str] = ()
    ) -> dict[str, list[Reading]]:
        """Return what CloudWatch would: a datapoint for each period that is over."""
        self.calls.clear()  # of an hour, they would be a leak
        times, at = [], floor(since)
        while at + PERIOD + SHOWN_AFTER <= until:
            times.append(at)
            at += PERIOD
        return {one: [_reading(at, credits=one in burstable) for at in times] for one in instance_ids}


def _reading(at: datetime, *, credits: bool) -> Reading:
    return Reading(at, random.uniform(WORKS, 20), 900_000, 90_000, 0, 900_000, 100.0 if credits else None)


@cache
def stand_in() -> Cloud:
    """Return the cloud as the rows say that it is, made once."""
    world, deployment = World(), deployment_id()
    cloud = StandIn(world, deployment)
    for row in Instance.objects.exclude(status=Status.TERMINATED).select_related("run"):
        _make(row, world, cloud)
    return cloud


def _make(row: Instance, world: World, cloud: StandIn) -> None:
    tags: dict[str, str] = {Tag.ROW: str(row.pk), Tag.USER_ID: str(row.owner_id)}
    assert row.instance_id
    assert row.run.armed_at
    server = Ec2Instance(
        row.instance_id,
        InstanceState.RUNNING if row.status == Status.RUNNING else InstanceState.STOPPED,
        str(row.pk),
        str(row.client_token),
        row.instance_type,
        public_ip=row.public_ip,
        private_ip="10.20.0.4",
        launched_at=row.run.launched_at,
        volume_id=row.volume_id,
        groups=frozenset({row.security_group_id}),
    )
    run = row.run
    rule = IdleRule(run.armed_idle_minutes or 30, run.armed_cpu_percent or 5.0)
    alarm = Alarm(row.alarm_name, row.instance_id, "OK", rule, run.warm_up_minutes, True, run.armed_at)
    world.ec2_instances[row.instance_id] = cloud._made(server, tags)
    world.groups[row.security_group_id] = cloud._made(Group(row.key_pair_name, set(row.ssh_ranges)), tags)
    world.keys[row.key_pair_name] = cloud._made(row.key_pair_name, tags)
    world.volumes[row.volume_id] = cloud._made(row.instance_id, tags)
    world.sizes[row.volume_id] = row.volume_gib
    world.alarms[row.alarm_name] = cloud._made(alarm, tags)


connection.cloud = stand_in  # before the tasks are loaded, which take it from there
