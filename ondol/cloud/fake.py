"""A cloud in memory that keeps the port's contract, for tests of what is built on it. Safe for threads."""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ondol.cloud.errors import AlreadyThere, Gone, NotYet, Refused, Spent
from ondol.cloud.fake_world import BY_USER, Group, Thing, World
from ondol.cloud.port import (
    MANAGED_BY,
    Alarm,
    AlarmStop,
    Found,
    IdleRule,
    Image,
    KeyPair,
    Kind,
    LaunchSpec,
    Place,
    Reading,
    Server,
    ServerState,
    Tag,
)

P = ParamSpec("P")
T = TypeVar("T")

_RESTING = {ServerState.STOPPING, ServerState.STOPPED}
_AWAKE = {ServerState.PENDING, ServerState.RUNNING}
_ENDED = {ServerState.SHUTTING_DOWN, ServerState.TERMINATED}


@dataclass(frozen=True, slots=True)
class Lost:
    """The call takes effect, its answer does not arrive."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the ledger."""

    operation: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def _operation(
    method: Callable[Concatenate["FakeCloud", P], T],
) -> Callable[Concatenate["FakeCloud", P], T]:
    name = method.__name__

    @wraps(method)
    def called(self: "FakeCloud", /, *args: P.args, **kwargs: P.kwargs) -> T:
        if meanwhile := self.meanwhile.pop(name, None):
            meanwhile()
        with self.world.lock:
            self.calls.append(Call(name, args, kwargs))
            trouble = self.next_error[name].pop(0) if self.next_error[name] else None
            if isinstance(trouble, BaseException):
                raise trouble
            answer = method(self, *args, **kwargs)
            if isinstance(trouble, Lost):
                raise trouble.error
            return answer

    return called


def _row(thing: Thing[Any]) -> str:
    return thing.tags.get(Tag.ROW, "")


class FakeCloud:
    """`ondol.cloud.port.Cloud` in memory.

    `next_error["launch"] = [NoCapacity("…"), Lost(Unreachable("…")), None]`: the first launch fails, the second takes
    effect without an answer, the third goes well. `meanwhile["launch"]` runs once, just before the next launch and
    without the lock. `lag`: how many looks do not show yet what is made from now on. `calls`: what was asked.
    """

    def __init__(self, world: World | None = None, deployment: str = "here") -> None:
        self.world = world or World()
        self.deployment = deployment
        self.calls: list[Call] = []
        self.next_error: defaultdict[str, list[BaseException | Lost | None]] = defaultdict(list)
        self.meanwhile: dict[str, Callable[[], None]] = {}
        self.lag = 0
        self.image = Image("ami-00000000000000001", "/dev/sda1")

    def asked(self, operation: str) -> int:
        """How often."""
        return sum(call.operation == operation for call in self.calls)

    # --- looking -----------------------------------------------------------------------------------------------
    @_operation
    def servers(self, rows: Collection[str] | None = None) -> list[Server]:
        shown = [thing.value for thing in self.world.servers.values() if self._is_ours(thing) and thing.is_shown()]
        return [server for server in shown if rows is None or server.row in rows]

    @_operation
    def alive_of(self, user_id: str) -> list[Server]:
        live = {id: thing for id, thing in self.world.servers.items() if thing.value.state.is_live}
        return [thing.value for _, thing in self._shown(live) if thing.tags.get(Tag.USER_ID) == user_id]

    @_operation
    def known(self, instance_ids: Collection[str]) -> list[Server]:
        return [thing.value for id, thing in self.world.servers.items() if id in instance_ids and thing.is_shown()]

    @_operation
    def inventory(self) -> list[Found]:
        world = self.world
        live = {id: thing for id, thing in world.servers.items() if thing.value.state.is_live}
        return [
            *(Found(Kind.INSTANCE, id, thing.value.row, thing.value.client_token) for id, thing in self._shown(live)),
            *(Found(Kind.VOLUME, id, _row(t), in_use=t.value in live) for id, t in self._shown(world.volumes)),
            *(Found(Kind.GROUP, id, _row(t), cidrs=frozenset(t.value.cidrs)) for id, t in self._shown(world.groups)),
            *(Found(Kind.KEY, name, _row(thing)) for name, thing in self._shown(world.keys)),
            *(Found(Kind.ALARM, name) for name, _ in self._shown(world.alarms)),
        ]

    @_operation
    def place(self) -> Place:
        return self.world.place

    @_operation
    def checks_passed(self, instance_ids: Collection[str]) -> set[str]:
        running = {id for id, thing in self.world.servers.items() if thing.value.state is ServerState.RUNNING}
        return running & set(instance_ids) - self.world.failing

    # --- network -----------------------------------------------------------------------------------------------
    @_operation
    def create_group(self, name: str, tags: Mapping[str, str]) -> str:
        if any(thing.value.name.lower() == name.lower() for thing in self.world.groups.values()):
            raise AlreadyThere("InvalidGroup.Duplicate")
        group_id = self.world.new_id("sg")
        self.world.groups[group_id] = self._made(Group(name), tags)
        return group_id

    @_operation
    def group(self, name: str) -> str | None:
        return next((id for id, thing in self._shown(self.world.groups) if thing.value.name == name), None)

    @_operation
    def open_ssh(self, group_id: str, cidrs: Collection[str]) -> None:
        if group_id not in self.world.groups:
            raise Gone("InvalidGroup.NotFound")
        self.world.groups[group_id].value.cidrs.update(cidrs)

    @_operation
    def delete_group(self, group_id: str) -> None:
        for instance_id, spec in self.world.specs.items():
            server = self.world.servers.get(instance_id)
            if spec.group_id == group_id and server and server.value.state is not ServerState.TERMINATED:
                raise NotYet("DependencyViolation")
        self.world.groups.pop(group_id, None)

    # --- key ---------------------------------------------------------------------------------------------------
    @_operation
    def create_key(self, name: str, tags: Mapping[str, str]) -> KeyPair:
        if name in self.world.keys:
            raise AlreadyThere("InvalidKeyPair.Duplicate")
        self.world.keys[name] = self._made(name, tags)
        key = generate_private_key(65537, 1024)  # noqa: S505  it opens nothing, and 2048 bits take ten times as long
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return KeyPair(name, hashlib.sha1(der, usedforsecurity=False).digest().hex(":"), pem)

    @_operation
    def keys(self, row: str) -> list[str]:
        return [name for name, thing in self._shown(self.world.keys) if _row(thing) == row]

    @_operation
    def delete_key(self, name: str) -> None:
        self.world.keys.pop(name, None)

    # --- server ------------------------------------------------------------------------------------------------
    @_operation
    def newest_image(self) -> Image:
        return self.image

    @_operation
    def launch(self, spec: LaunchSpec, client_token: str) -> Server:
        for instance_id, thing in self.world.servers.items():
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

    def _launch(self, spec: LaunchSpec, client_token: str) -> Server:
        server = Server(
            instance_id=self.world.new_id("i"),
            state=ServerState.PENDING,
            row=spec.tags.get(Tag.ROW, ""),
            client_token=client_token,
            instance_type=spec.instance_type,
            image_id=spec.image.image_id,
            key_name=spec.key_name,
            private_ip=f"10.20.{secrets.randbelow(16)}.{secrets.randbelow(250) + 4}",
            launched_at=self.world.now(),
        )
        self.world.servers[server.instance_id] = self._made(server, spec.tags)
        self.world.specs[server.instance_id] = spec
        self.world.volumes[self.world.new_id("vol")] = self._made(server.instance_id, spec.tags)
        return server

    @_operation
    def start(self, instance_id: str) -> ServerState:
        return self._change(instance_id, ServerState.STOPPED, ServerState.PENDING, "", _AWAKE)

    @_operation
    def stop(self, instance_id: str) -> ServerState:
        return self._change(instance_id, ServerState.RUNNING, ServerState.STOPPING, BY_USER, _RESTING)

    @_operation
    def terminate(self, instance_id: str) -> ServerState:
        server = self._server(instance_id)
        if server.state not in _ENDED:
            self.world.change(instance_id, ServerState.SHUTTING_DOWN, BY_USER)
        return self._server(instance_id).state

    @_operation
    def delete_volume(self, volume_id: str) -> None:
        thing = self.world.volumes.get(volume_id)
        if thing and thing.value in self.world.servers and self._server(thing.value).state not in _ENDED:
            raise NotYet("VolumeInUse")
        self.world.volumes.pop(volume_id, None)

    # --- auto-stop ---------------------------------------------------------------------------------------------
    @_operation
    def arm(self, name: str, instance_id: str, rule: IdleRule, warm_up_minutes: int, tags: Mapping[str, str]) -> None:
        if not 1 <= warm_up_minutes <= 2880 or rule.minutes % 5:
            raise Refused("InvalidParameterValue")
        alarm = Alarm(name, instance_id, "INSUFFICIENT_DATA", rule, warm_up_minutes, True, self.world.now())
        self.world.alarms[name] = self._made(alarm, tags)

    @_operation
    def alarms(self, names: Collection[str] | None = None) -> list[Alarm]:
        ours = [thing.value for thing in self.world.alarms.values() if self._is_ours(thing)]
        return [alarm for alarm in ours if names is None or alarm.name in names]

    @_operation
    def delete_alarm(self, name: str) -> None:
        self.world.alarms.pop(name, None)

    @_operation
    def stopped_by_alarm(self, name: str, since: datetime) -> AlarmStop | None:
        stops = [stop for stop in self.world.stops.get(name, []) if stop.at > since]
        return max(stops, default=None, key=lambda stop: stop.at)

    @_operation
    def readings(self, instance_ids: Collection[str], since: datetime, until: datetime) -> dict[str, list[Reading]]:
        return {
            instance_id: shown
            for instance_id in instance_ids
            if (shown := [r for r in self.world.cpu.get(instance_id, []) if since <= r.at < until])
        }

    # --- parts -------------------------------------------------------------------------------------------------
    def _made(self, value: T, tags: Mapping[str, str]) -> Thing[T]:
        ours: dict[str, str] = {Tag.MANAGED_BY: MANAGED_BY, Tag.PROJECT: "ondol", Tag.DEPLOYMENT: self.deployment}
        return Thing(value, {**tags, **ours}, self.lag)

    def _is_ours(self, thing: Thing[Any]) -> bool:
        return thing.tags.get(Tag.DEPLOYMENT) == self.deployment

    def _shown(self, things: Mapping[str, Thing[T]]) -> list[tuple[str, Thing[T]]]:
        return [(id, thing) for id, thing in things.items() if self._is_ours(thing) and thing.is_shown()]

    def _server(self, instance_id: str) -> Server:
        if instance_id not in self.world.servers:
            raise Gone("InvalidInstanceID.NotFound")
        return self.world.servers[instance_id].value

    def _change(
        self, instance_id: str, only: ServerState, to: ServerState, reason: str, fine: Collection[ServerState]
    ) -> ServerState:
        """From `only` to `to`; nothing to do in one of `fine`."""
        state = self._server(instance_id).state
        if state in fine:
            return state
        if state is not only:
            raise NotYet("IncorrectInstanceState")
        self.world.change(instance_id, to, reason)
        return to
