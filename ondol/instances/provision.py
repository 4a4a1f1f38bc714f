"""What is made in AWS for one machine, and how it is removed again. Each step may run twice."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ondol import clock
from ondol.cloud.errors import AlreadyThere, CloudError, NotYet
from ondol.cloud.port import Cloud, IdleRule, Image, KeyPair, LaunchSpec, Server, Tag
from ondol.config import config
from ondol.instances.actions import ascii_name
from ondol.instances.models import Instance, SshKey

METRIC_DELAY_MINUTES = 10
"""Warm-up beyond the idle window. The first judgement is then on datapoints of this run only: 6 to 10 are right for a
30-minute rule by simulation over 4,320 cases (`docs/decisions/`)."""


@dataclass(slots=True)
class Prepared:
    """What is there before a launch. What succeeded is kept even where `error` says that something else did not."""

    group_id: str = ""
    key: KeyPair | None = None
    image: Image | None = None
    error: CloudError | None = None


def new_client_token() -> str:
    """Of one launch attempt; stored before the call. At most 64 ASCII characters."""
    return f"ondol-{secrets.token_hex(16)}"


def tags(instance: Instance) -> dict[str, str]:
    """On the machine and on everything that belongs to it."""
    return {
        Tag.NAME: f"ondol-{ascii_name(instance.owner)}",
        Tag.USER_ID: str(instance.owner_id),
        Tag.ROW: str(instance.pk),
    }


def idle_rule() -> IdleRule:
    """When a machine counts as idle."""
    return IdleRule(config().idle_minutes, config().idle_cpu_percent)


def is_prepared(instance: Instance) -> bool:
    """Group, sealed key and image are recorded."""
    return bool(instance.security_group_id and instance.ami_id) and SshKey.objects.filter(instance=instance).exists()


def prepare(instance: Instance, cloud: Cloud, *, again: bool) -> Prepared:
    """Group, key pair and image, in parallel. `again`: it was tried before, so what is recorded is looked up too."""
    has_key = SshKey.objects.filter(instance=instance).exists()
    result = Prepared()
    wanted: list[tuple[str, Callable[[], Any]]] = []
    if again or not instance.security_group_id:
        wanted.append(("group_id", lambda: _ensure_group(instance, cloud)))
    if again or not has_key:
        wanted.append(("key", lambda: _ensure_key(instance, cloud, instance.key_pair_name if has_key else "", again)))
    if not instance.ami_id:
        wanted.append(("image", cloud.newest_image))
    with ThreadPoolExecutor(max_workers=3) as pool:
        futures = [(name, pool.submit(make)) for name, make in wanted]
    for name, future in futures:
        try:
            setattr(result, name, future.result())
        except CloudError as error:
            result.error = error
    return result


def launch(instance: Instance, cloud: Cloud) -> Server:
    """Ask for the server under the stored token; asked again, the same server comes back."""
    spec = LaunchSpec(
        name=f"ondol-{ascii_name(instance.owner)}",
        image=Image(instance.ami_id, instance.root_device),
        instance_type=instance.instance_type,
        volume_gb=instance.volume_gb,
        group_id=instance.security_group_id,
        key_name=instance.key_pair_name,
        tags=tags(instance),
    )
    return cloud.launch(spec, str(instance.client_token))


def arm(instance: Instance, cloud: Cloud) -> dict[str, Any]:
    """Put the idle alarm anew for this run; returns what to record."""
    rule = idle_rule()
    warm_up = rule.minutes + METRIC_DELAY_MINUTES
    # Taken before the call: the warm-up then ends no earlier than we say.
    armed_at = clock.now()
    cloud.arm(instance.resource_name, str(instance.instance_id), rule, warm_up, tags(instance))
    return {"alarm_name": instance.resource_name, "armed_at": armed_at, "warm_up_minutes": warm_up}


def remove(instance: Instance, cloud: Cloud) -> None:
    """Alarm, key pair and group, also those whose creation's answer was lost: found by name or tag.

    Raises NotYet while the group is still in use.
    """
    row = str(instance.pk)
    with ThreadPoolExecutor(max_workers=3) as pool:
        futures = [
            pool.submit(cloud.delete_alarm, instance.resource_name),
            pool.submit(_remove_keys, row, instance.key_pair_name, cloud),
            pool.submit(_remove_groups, row, instance.security_group_id, cloud),
        ]
    for future in futures:
        future.result()


def _ensure_group(instance: Instance, cloud: Cloud) -> str:
    row = str(instance.pk)
    try:
        group_id = cloud.create_group(instance.resource_name, tags(instance))
    except AlreadyThere as error:
        found = cloud.groups(row)
        if not found:  # made a moment ago, and not visible yet
            raise NotYet(error.code, "the group is there, but not shown yet") from error
        group_id = found[0]
    cloud.open_ssh(group_id, config().ssh_cidrs)
    return group_id


def _ensure_key(instance: Instance, cloud: Cloud, sealed: str, again: bool) -> KeyPair | None:
    """None if the key pair whose private key is sealed is there; else a new one.

    Each has a name of its own: had a worker that was frozen in here made "the" key pair anew, the machine would be
    launched with one key and its owner be given another. What earlier tries left is removed.
    """
    if again:
        there = cloud.keys(str(instance.pk))
        for name in there:
            if name != sealed:
                cloud.delete_key(name)
        if sealed in there:
            return None
    return cloud.create_key(f"{instance.resource_name}-{secrets.token_hex(3)}", tags(instance))


def _remove_keys(row: str, known: str, cloud: Cloud) -> None:
    for name in {*cloud.keys(row), *([known] if known else [])}:
        cloud.delete_key(name)


def _remove_groups(row: str, known: str, cloud: Cloud) -> None:
    for group_id in {*cloud.groups(row), *([known] if known else [])}:
        cloud.delete_group(group_id)
