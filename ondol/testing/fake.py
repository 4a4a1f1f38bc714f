"""A cloud in memory that fulfils the port's contract, for tests of code that uses the port. Thread-safe."""

import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ondol.cloud.errors import AlreadyThere, Gone, Invalid, NotYet, Quota, Refused, Spent
from ondol.cloud.port import (
    MOVING,
    Alarm,
    AlarmStop,
    AwsAccount,
    Ec2Instance,
    Found,
    IdleRule,
    Image,
    Ingress,
    InstanceState,
    KeyPair,
    Kind,
    LaunchSpec,
    Reading,
    Tag,
    always,
    mark,
)
from ondol.keys import fingerprint
from ondol.testing.fake_calls import Ledger, operation
from ondol.testing.fake_calls import Lost as Lost
from ondol.testing.fake_world import BY_USER, Group, Thing, World

T = TypeVar("T")

_RESTING = {InstanceState.STOPPING, InstanceState.STOPPED}
_AWAKE = {InstanceState.PENDING, InstanceState.RUNNING}
_CHANGE_TAKES, _CHANGES_IN_A_DAY = timedelta(minutes=5), 4
_ENDED = {InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED}


def _row(thing: Thing[Any]) -> str:
    return thing.tags.get(Tag.ROW, "")


class FakeCloud(Ledger):
    """Implements `ondol.cloud.port.Cloud` in memory.

    `lag`: how many reads do not yet show what is made from now on.
    """

    def __init__(self, world: World | None = None, deployment: str = "here") -> None:
        super().__init__()
        self.world = world or World()
        self.deployment = deployment
        self.lag = 0
        self.images = {
            "x86_64": Image("ami-00000000000000001", "/dev/sda1"),
            "arm64": Image("ami-0000000000000000a", "/dev/sda1"),
        }

    # --- reading -----------------------------------------------------------------------------------------------
    @operation
    def ec2_instances(self, rows: Collection[str] | None = None) -> list[Ec2Instance]:
        shown = [
            thing.value for thing in self.world.ec2_instances.values() if self._is_ours(thing) and thing.is_shown()
        ]
        return [ec2_instance for ec2_instance in shown if rows is None or ec2_instance.row in rows]

    @operation
    def moving(self) -> list[Ec2Instance]:
        shown = [thing.value for _, thing in self._shown(self.world.ec2_instances)]
        return [ec2_instance for ec2_instance in shown if ec2_instance.state in MOVING]

    @operation
    def alive_of(self, user_id: str) -> list[Ec2Instance]:
        live = {id: thing for id, thing in self.world.ec2_instances.items() if thing.value.state.is_live}
        return [thing.value for _, thing in self._shown(live) if thing.tags.get(Tag.USER_ID) == user_id]

    @operation
    def known(self, instance_ids: Collection[str]) -> list[Ec2Instance]:
        return [
            thing.value for id, thing in self.world.ec2_instances.items() if id in instance_ids and thing.is_shown()
        ]

    @operation
    def inventory(self) -> list[Found]:
        found = [thing for kind in self._kinds() for thing in self._found(kind, self._shown(self._kinds()[kind]))]
        return [*found, *(Found(Kind.ALARM, name) for name, _ in self._shown(self.world.alarms))]

    @operation
    def shown(self, kind: Kind, ids: Collection[str]) -> list[Found]:
        there = self._kinds()[kind].items()
        return self._found(kind, [(id, thing) for id, thing in there if id in ids and thing.is_shown()])

    def _kinds(self) -> dict[Kind, dict[str, Thing[Any]]]:
        world = self.world
        live: dict[str, Thing[Any]] = {id: t for id, t in world.ec2_instances.items() if t.value.state.is_live}
        return {Kind.INSTANCE: live, Kind.VOLUME: world.volumes, Kind.GROUP: world.groups, Kind.KEY: world.keys}

    def _found(self, kind: Kind, things: list[tuple[str, Thing[Any]]]) -> list[Found]:
        live = self._kinds()[Kind.INSTANCE]
        match kind:
            case Kind.INSTANCE:
                return [replace(thing.value, tags=thing.tags).as_found() for _, thing in things]
            case Kind.VOLUME:
                return [
                    Found(kind, id, _row(thing), in_use=thing.value in live, gib=self.world.sizes[id], tags=thing.tags)
                    for id, thing in things
                ]
            case Kind.GROUP:
                return [
                    Found(kind, id, _row(thing), cidrs=frozenset(thing.value.cidrs), tags=thing.tags)
                    for id, thing in things
                ]
        return [Found(kind, name, _row(thing), tags=thing.tags) for name, thing in things]

    @operation
    def tag(self, things: Collection[Found], tags: Mapping[str, str]) -> None:
        kinds = {**self._kinds(), Kind.ALARM: self.world.alarms}
        for thing in things:
            if thing.id not in kinds[thing.kind]:
                raise Gone("InvalidID")
            there = kinds[thing.kind][thing.id]
            there.tags = {**there.tags, **tags}

    @operation
    def account(self) -> AwsAccount:
        return self.world.account

    @operation
    def checks_passed(self, instance_ids: Collection[str]) -> set[str]:
        running = {id for id, thing in self.world.ec2_instances.items() if thing.value.state is InstanceState.RUNNING}
        return running & set(instance_ids) - self.world.failing

    # --- network -----------------------------------------------------------------------------------------------
    @operation
    def create_group(self, name: str, tags: Mapping[str, str]) -> str:
        if any(thing.value.name.lower() == name.lower() for thing in self.world.groups.values()):
            raise AlreadyThere("InvalidGroup.Duplicate")
        group_id = self.world.new_id("sg")
        self.world.groups[group_id] = self._made(Group(name), tags)
        return group_id

    @operation
    def group(self, name: str) -> str | None:
        return next((id for id, thing in self._shown(self.world.groups) if thing.value.name == name), None)

    @operation
    def set_ssh(self, group_id: str, cidrs: Collection[str], still_ours: Callable[[], None] = always) -> Ingress:
        if group_id not in self.world.groups:
            raise Gone("InvalidGroup.NotFound")
        there, wanted = self.world.groups[group_id].value.cidrs, set(cidrs)
        change = Ingress(tuple(sorted(wanted - there)), tuple(sorted(there - wanted)))
        if change.opened or change.closed:
            still_ours()
            if meanwhile := self.meanwhile.pop("set_ssh, asked for", None):
                meanwhile()
        there.difference_update(change.closed)
        there.update(change.opened)
        return change

    @operation
    def delete_group(self, group_id: str) -> None:
        for instance_id, spec in self.world.specs.items():
            ec2_instance = self.world.ec2_instances.get(instance_id)
            if spec.group_id == group_id and ec2_instance and ec2_instance.value.state is not InstanceState.TERMINATED:
                raise NotYet("DependencyViolation")
        self.world.groups.pop(group_id, None)

    # --- key ---------------------------------------------------------------------------------------------------
    @operation
    def create_key(self, name: str, tags: Mapping[str, str]) -> KeyPair:
        if name in self.world.keys:
            raise AlreadyThere("InvalidKeyPair.Duplicate")
        self.world.keys[name] = self._made(name, tags)
        key = generate_private_key(65537, 1024)  # noqa: S505  it opens nothing, and 2048 bits take ten times as long
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return KeyPair(name, hashlib.sha1(der, usedforsecurity=False).digest().hex(":"), pem)

    @operation
    def import_key(self, name: str, openssh: str, tags: Mapping[str, str]) -> KeyPair:
        if name in self.world.keys and self.world.keys[name].value != openssh:
            raise AlreadyThere("InvalidKeyPair.Duplicate")
        self.world.keys[name] = self.world.keys.get(name) or self._made(openssh, tags)
        return KeyPair(name, fingerprint.of_imported(openssh))

    @operation
    def keys(self, row: str) -> list[str]:
        return [name for name, thing in self._shown(self.world.keys) if _row(thing) == row]

    @operation
    def delete_key(self, name: str) -> None:
        self.world.keys.pop(name, None)

    @operation
    def send_ssh_public_key(self, instance_id: str, user: str, public_key: str) -> None:
        if self._ec2_instance(instance_id).state is not InstanceState.RUNNING:
            raise NotYet("EC2InstanceStateInvalidException")
        self.world.let_in.setdefault(instance_id, []).append((user, public_key))

    # --- instance ----------------------------------------------------------------------------------------------
    @operation
    def newest_image(self, architecture: str = "x86_64") -> Image:
        return self.images[architecture]

    @operation
    def launch(self, spec: LaunchSpec, client_token: str) -> Ec2Instance:
        for instance_id, thing in self.world.ec2_instances.items():
            if thing.value.client_token == client_token:
                if thing.value.state in _ENDED:
                    raise Spent("IdempotentInstanceTerminated")
                if self.world.specs[instance_id] != spec:
                    raise Spent("IdempotentParameterMismatch")
                return thing.value
        if spec.group_id not in self.world.groups:
            raise NotYet("InvalidGroup.NotFound")
        if spec.key_name not in self.world.keys:
            raise NotYet("InvalidKeyPair.NotFound")
        return self._launch(spec, client_token)

    def _launch(self, spec: LaunchSpec, client_token: str) -> Ec2Instance:
        ec2_instance = Ec2Instance(
            instance_id=self.world.new_id("i"),
            state=InstanceState.PENDING,
            row=spec.tags.get(Tag.ROW, ""),
            client_token=client_token,
            instance_type=spec.instance_type,
            image_id=spec.image.image_id,
            key_name=spec.key_name,
            private_ip=f"10.20.{secrets.randbelow(16)}.{secrets.randbelow(250) + 4}",
            launched_at=self.world.now(),
            volume_id=self.world.new_id("vol"),
            groups=frozenset({spec.group_id}),
        )
        self.world.ec2_instances[ec2_instance.instance_id] = self._made(ec2_instance, spec.tags)
        self.world.specs[ec2_instance.instance_id] = spec
        self.world.set_credits(ec2_instance.instance_id, unlimited=spec.unlimited)
        self.world.volumes[ec2_instance.volume_id] = self._made(ec2_instance.instance_id, spec.tags)
        self.world.sizes[ec2_instance.volume_id] = spec.volume_gib
        return ec2_instance

    @operation
    def start(self, instance_id: str) -> InstanceState:
        return self._change(instance_id, InstanceState.STOPPED, InstanceState.PENDING, "", _AWAKE)

    @operation
    def stop(self, instance_id: str, *, force: bool = False) -> InstanceState:
        if instance_id in self.world.stop_protected and self._ec2_instance(instance_id).state not in _RESTING:
            raise Refused("OperationNotPermitted")
        if force:
            self.world.hanging.discard(instance_id)
        return self._change(instance_id, InstanceState.RUNNING, InstanceState.STOPPING, BY_USER, _RESTING)

    @operation
    def terminate(self, instance_id: str) -> InstanceState:
        ec2_instance = self._ec2_instance(instance_id)
        if instance_id in self.world.protected | self.world.stop_protected and ec2_instance.state not in _ENDED:
            raise Refused("OperationNotPermitted")
        if ec2_instance.state not in _ENDED:
            self.world.change(instance_id, InstanceState.SHUTTING_DOWN, BY_USER)
        return self._ec2_instance(instance_id).state

    @operation
    def resize(self, instance_id: str, instance_type: str, *, unlimited: bool = False) -> None:
        if self._ec2_instance(instance_id).state is not InstanceState.STOPPED:
            raise NotYet("IncorrectInstanceState")
        thing = self.world.ec2_instances[instance_id]
        thing.value = replace(thing.value, instance_type=instance_type)
        self.world.set_credits(instance_id, unlimited=unlimited)

    @operation
    def set_credits(self, instance_id: str, *, unlimited: bool) -> None:
        self._ec2_instance(instance_id)
        self.world.set_credits(instance_id, unlimited=unlimited)

    @operation
    def sizes(self, volume_ids: Collection[str]) -> dict[str, int]:
        return {id: self.world.sizes[id] for id in volume_ids if id in self.world.volumes}

    @operation
    def grow(self, volume_id: str, gib: int) -> None:
        if volume_id not in self.world.volumes:
            raise Gone("InvalidVolume.NotFound")
        size, now = self.world.sizes[volume_id], self.world.now()
        grown = [at for at in self.world.grown.get(volume_id, []) if now - at < timedelta(days=1)]
        if gib == size:
            return
        if gib < size:
            raise Refused("InvalidParameterValue")
        if len(grown) >= _CHANGES_IN_A_DAY:
            raise Refused("VolumeModificationRateExceeded")
        if grown and now - grown[-1] < _CHANGE_TAKES:
            raise Refused("IncorrectModificationState")
        self.world.sizes[volume_id], self.world.grown[volume_id] = gib, [*grown, now]

    @operation
    def delete_volume(self, volume_id: str) -> None:
        thing = self.world.volumes.get(volume_id)
        if thing and thing.value in self.world.ec2_instances and self._ec2_instance(thing.value).state not in _ENDED:
            raise NotYet("VolumeInUse")
        self.world.volumes.pop(volume_id, None)

    # --- auto-stop ---------------------------------------------------------------------------------------------
    @operation
    def arm(
        self,
        name: str,
        instance_id: str,
        rule: IdleRule,
        warm_up_minutes: int,
        tags: Mapping[str, str],
        *,
        is_muted: bool = False,
    ) -> None:
        if not 0 <= warm_up_minutes <= 2880 or rule.minutes % 5:
            raise Invalid("ValidationError")
        if warm_up_minutes and self.world.warm_ups == "refused":
            raise Invalid("ValidationError", "Unknown parameter: WarmUpConfiguration")
        if self.world.warm_ups == "ignored":
            warm_up_minutes = 0
        before = self.world.alarms.get(name)
        if before is None and len(self.world.alarms) >= self.world.alarm_quota:
            raise Quota("LimitExceeded")
        state = before.value.state if before else "INSUFFICIENT_DATA"
        alarm = Alarm(name, instance_id, state, rule, warm_up_minutes, True, self.world.now(), is_muted)
        self.world.alarms[name] = self._made(alarm, before.tags if before else tags)

    @operation
    def alarms(self, names: Collection[str] | None = None) -> list[Alarm]:
        return [thing.value for name, thing in self._shown(self.world.alarms) if names is None or name in names]

    @operation
    def delete_alarm(self, *names: str) -> None:
        for name in names:
            self.world.alarms.pop(name, None)

    @operation
    def stopped_by_alarm(self, name: str, since: datetime) -> AlarmStop | None:
        stops = [stop for stop in self.world.stops.get(name, []) if stop.at > since]
        return max(stops, default=None, key=lambda stop: stop.at)

    @operation
    def readings(
        self, instance_ids: Collection[str], since: datetime, until: datetime, burstable: Collection[str] = ()
    ) -> dict[str, list[Reading]]:
        return {
            instance_id: shown if instance_id in burstable else [replace(reading, credits=None) for reading in shown]
            for instance_id in instance_ids
            if (shown := [r for r in self.world.cpu.get(instance_id, []) if since <= r.at < until])
        }

    # --- parts -------------------------------------------------------------------------------------------------
    def _made(self, value: T, tags: Mapping[str, str]) -> Thing[T]:
        return Thing(value, {**tags, **mark(self.deployment)}, self.lag)

    def _is_ours(self, thing: Thing[Any]) -> bool:
        return thing.tags.get(Tag.DEPLOYMENT) == self.deployment

    def _shown(self, things: Mapping[str, Thing[T]]) -> list[tuple[str, Thing[T]]]:
        return [(id, thing) for id, thing in things.items() if self._is_ours(thing) and thing.is_shown()]

    def _ec2_instance(self, instance_id: str) -> Ec2Instance:
        if instance_id not in self.world.ec2_instances:
            raise Gone("InvalidInstanceID.NotFound")
        return self.world.ec2_instances[instance_id].value

    def _change(
        self, instance_id: str, only: InstanceState, to: InstanceState, reason: str, fine: Collection[InstanceState]
    ) -> InstanceState:
        """Change the state from `only` to `to`; do nothing in one of `fine`."""
        state = self._ec2_instance(instance_id).state
        if state in fine:
            return state
        if state is not only:
            raise NotYet("IncorrectInstanceState")
        self.world.change(instance_id, to, reason)
        return to
