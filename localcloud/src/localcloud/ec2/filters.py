"""Filters of DescribeInstances and DescribeInstanceStatus.

All filters must match, one value of each is enough, `*` and `?` are wildcards, letter case counts. moto ignores many or
fails on them; AWS refuses a name that it does not know, and so does this.
"""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from functools import lru_cache
from typing import Any

from localcloud.ec2.machine import Machine
from localcloud.errors import AwsError, unknown_filter

Values = Iterable[object]

_ONE: dict[str, Callable[[Machine], object]] = {
    "architecture": lambda m: m.architecture,
    "availability-zone": lambda m: m.availability_zone,
    "client-token": lambda m: m.asked_by_token,
    "hypervisor": lambda m: m.hypervisor,
    "image-id": lambda m: m.image_id,
    "instance-id": lambda m: m.id,
    "instance-state-code": lambda m: m.phase.code,
    "instance-state-name": lambda m: m.phase.label,
    "instance-type": lambda m: m.instance_type,
    "key-name": lambda m: m.key_name,
    "launch-time": lambda m: f"{m.launch_time:%Y-%m-%dT%H:%M:%S}.000Z",
    "monitoring-state": lambda m: m.monitoring_state,
    "owner-id": lambda m: m.owner_id,
    "reason": lambda m: m._reason,
    "reservation-id": lambda m: m.reservation_id,
    "root-device-name": lambda m: m.root_device_name,
    "root-device-type": lambda m: "ebs",
    "state-reason-code": lambda m: m.state_reason.code,
    "tenancy": lambda m: "default",
    "virtualization-type": lambda m: "hvm",
}

#: only while the machine has a network interface
_NETWORK: dict[str, Callable[[Machine], object]] = {
    "dns-name": lambda m: m.public_dns_name,
    "ip-address": lambda m: m.address,
    "network-interface.addresses.association.public-ip": lambda m: m.address,
    "network-interface.network-interface-id": lambda m: m.primary and m.primary.id,
    "network-interface.subnet-id": lambda m: m.primary and m.primary.subnet.id,
    "network-interface.vpc-id": lambda m: m.primary and m.primary.subnet.vpc_id,
    "private-dns-name": lambda m: m.private_dns_name,
    "private-ip-address": lambda m: m.primary and m.primary.private_ip_address,
    "subnet-id": lambda m: m.primary and m.primary.subnet.id,
    "vpc-id": lambda m: m.primary and m.primary.subnet.vpc_id,
}

_GROUP_IDS = {"instance.group-id", "network-interface.group-id", "group-id"}
_GROUP_NAMES = {"instance.group-name", "network-interface.group-name", "group-name"}

_LISTS = {"tag-key", "block-device-mapping.volume-id"}

#: DescribeInstanceStatus has its own list, and it is short
STATUS_FILTERS = {
    "availability-zone",
    "instance-state-code",
    "instance-state-name",
    "instance-status.status",
    "system-status.status",
}


def matching(machines: Iterable[Machine], filters: list[dict[str, Any]]) -> list[Machine]:
    wanted = [(str(f.get("Name")), _values(f)) for f in filters]
    for name, _ in wanted:
        _check(name)
    return [machine for machine in machines if all(_matches(machine, name, values) for name, values in wanted)]


def _values(one: dict[str, Any]) -> list[str]:
    if not one.get("Name"):
        raise AwsError("InvalidParameterValue", "The filter 'null' is invalid")
    return [str(value) for value in one.get("Values") or []]


def _check(name: str) -> None:
    known = name in _ONE or name in _NETWORK or name in _GROUP_IDS or name in _GROUP_NAMES or name in _LISTS
    if not known and not name.startswith("tag:"):
        raise unknown_filter(name)


def _matches(machine: Machine, name: str, wanted: list[str]) -> bool:
    found = [str(value) for value in _found(machine, name) if value is not None]
    return any(_pattern(value).match(text) for value in wanted for text in found)


def _found(machine: Machine, name: str) -> Values:
    tags = machine.ec2_backend.tags.get(machine.id, {})
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return [tags[key]] if key in tags else []
    if name == "tag-key":
        return list(tags)
    if name in _ONE:
        return [_ONE[name](machine)]
    if name == "block-device-mapping.volume-id":
        return [disk.volume_id for disk in machine.block_device_mapping.values()]
    if not machine.live or not machine.primary:
        return []
    if name in _GROUP_IDS:
        return [group.id for group in machine.groups]
    if name in _GROUP_NAMES:
        return [group.name for group in machine.groups]
    return [_NETWORK[name](machine)]


@lru_cache(maxsize=4096)
def _pattern(value: str) -> re.Pattern[str]:
    # fnmatch also knows [sets], which EC2 does not
    return re.compile(translate(value.replace("[", "[[]")), re.DOTALL)
