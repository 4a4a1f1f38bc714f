"""What there is in the fake cloud, and what happens in it without Ondol."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock
from typing import Generic, Literal, TypeVar

from ondol import clock
from ondol.cloud.port import Alarm, AlarmStop, AwsAccount, Ec2Instance, InstanceState, LaunchSpec, Reading

T = TypeVar("T")

_SETTLED = {
    InstanceState.PENDING: InstanceState.RUNNING,
    InstanceState.STOPPING: InstanceState.STOPPED,
    InstanceState.SHUTTING_DOWN: InstanceState.TERMINATED,
}
BY_USER = "Client.UserInitiatedShutdown"
FROM_INSIDE = "Client.InstanceInitiatedShutdown"


@dataclass
class Thing(Generic[T]):
    """A resource: its tags, and how many more reads will not show it."""

    value: T
    tags: Mapping[str, str]
    unseen: int = 0

    def is_shown(self) -> bool:
        """Return whether it is shown: AWS may show a resource some time after its creation. Each call counts."""
        self.unseen -= 1
        return self.unseen < 0


@dataclass
class Group:
    """A security group and the ranges that may reach port 22."""

    name: str
    cidrs: set[str] = field(default_factory=set)


def acts_on(alarm: Alarm, instance_id: str) -> bool:
    """Return whether this alarm will stop that machine: one in ALARM has tried, and does not act again."""
    is_of_it = alarm.instance_id == instance_id and alarm.is_sound
    return is_of_it and not alarm.is_muted and alarm.state != "ALARM"


@dataclass
class World:
    """One account, for any number of `FakeCloud`s of different deployments."""

    ahead: timedelta = timedelta()
    """The time by which the clock of LaunchTime and of the alarms' history is ahead of the machines' clock."""
    lock: RLock = field(default_factory=RLock)
    ec2_instances: dict[str, Thing[Ec2Instance]] = field(default_factory=dict)
    specs: dict[str, LaunchSpec] = field(default_factory=dict)
    volumes: dict[str, Thing[str]] = field(default_factory=dict)
    """The instance that each volume is attached to; the volume is deleted with it."""
    sizes: dict[str, int] = field(default_factory=dict)
    """The size of each volume, in GiB."""
    grown: dict[str, list[datetime]] = field(default_factory=dict)
    """When each volume was changed."""
    groups: dict[str, Thing[Group]] = field(default_factory=dict)
    keys: dict[str, Thing[str]] = field(default_factory=dict)
    """The public key that was imported under each name; the name itself of one that AWS has made."""
    alarms: dict[str, Thing[Alarm]] = field(default_factory=dict)
    stops: dict[str, list[AlarmStop]] = field(default_factory=dict)
    """The stops of each alarm. They survive the alarm, as in DescribeAlarmHistory."""
    cpu: dict[str, list[Reading]] = field(default_factory=dict)
    """The readings of each instance, oldest first: tests put here what it did."""
    account: AwsAccount = field(default_factory=lambda: AwsAccount("123456789012", "ap-northeast-2"))
    warm_ups: Literal["kept", "ignored", "refused"] = "kept"
    """What the service does with a warm-up: `ignored` accepts it, and shows none."""
    failing: set[str] = field(default_factory=set)
    """Instances whose status checks do not pass."""
    protected: set[str] = field(default_factory=set)
    """Instances with termination protection, set in the console."""
    stop_protected: set[str] = field(default_factory=set)
    """Instances with stop protection: it blocks termination, too."""
    hanging: set[str] = field(default_factory=set)
    """Instances that do not shut down by themselves."""
    undone: dict[str, str] = field(default_factory=dict)
    """Instances whose starts are accepted and undone, with the StateReason.Code that says why."""
    let_in: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """The users and public keys that EC2 Instance Connect was sent for each instance."""
    unlimited: set[str] = field(default_factory=set)
    """Burstable instances that may spend credits that they have not earned."""
    alarm_quota: int = 5000
    """The number of alarms that the account may have."""
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def now(self) -> datetime:
        """Return the time by AWS's clock."""
        return clock.now() + self.ahead

    def set_credits(self, instance_id: str, *, unlimited: bool) -> None:
        """Set the credit mode of an instance."""
        (self.unlimited.add if unlimited else self.unlimited.discard)(instance_id)

    def new_id(self, prefix: str) -> str:
        """Return an id as AWS makes them."""
        return f"{prefix}-{next(self._numbers):017x}"

    # --- what AWS, its console, the alarm and the machine itself do ------------------------------------------------
    def settle(self) -> None:
        """Complete all transitions: pending → running, stopping → stopped, shutting-down → terminated."""
        with self.lock:
            for instance_id, thing in self.ec2_instances.items():
                hangs = thing.value.state is InstanceState.STOPPING and instance_id in self.hanging
                if (to := _SETTLED.get(thing.value.state)) and not hangs:
                    self._arrive(instance_id, to)

    def stop_by_alarm(self, instance_id: str) -> None:
        """Let its idle alarm fire."""
        with self.lock:
            name = next(alarm.value.name for alarm in self.alarms.values() if acts_on(alarm.value, instance_id))
            self.alarms[name].value = replace(self.alarms[name].value, state="ALARM")
            rule = self.alarms[name].value.rule
            idle = AlarmStop(self.now(), (0.5,) * (rule.minutes // 5), rule.cpu_percent)
            self.stops.setdefault(name, []).append(idle)
            self.change(instance_id, InstanceState.STOPPING, BY_USER)

    def stop_outside(self, instance_id: str) -> None:
        """Stop it, as somebody in the console."""
        self.change(instance_id, InstanceState.STOPPING, BY_USER)

    def power_off(self, instance_id: str) -> None:
        """Power it off, as its owner by `sudo poweroff`."""
        self.change(instance_id, InstanceState.STOPPING, FROM_INSIDE)

    def start_outside(self, instance_id: str) -> None:
        """Start it, as somebody in the console."""
        self.change(instance_id, InstanceState.PENDING)

    def terminate_outside(self, instance_id: str) -> None:
        """Terminate it, as somebody in the console."""
        self.change(instance_id, InstanceState.SHUTTING_DOWN, BY_USER)

    def fail_launch(self, instance_id: str, reason: str = "Server.InternalError") -> None:
        """Accept the launch, then terminate it, as AWS does: pending → terminated with a StateReason."""
        self.change(instance_id, InstanceState.TERMINATED, reason)

    def forget(self, instance_id: str) -> None:
        """Remove it: an hour after its end a terminated machine is not shown any more."""
        with self.lock:
            del self.ec2_instances[instance_id]

    def change(self, instance_id: str, state: InstanceState, reason: str = "") -> None:
        """Put it into another state, with all that follows from it."""
        with self.lock:
            thing = self.ec2_instances[instance_id]
            thing.value = replace(thing.value, state=state, reason_code=reason)
            if state is InstanceState.PENDING:
                thing.value = replace(thing.value, launched_at=self.now())
            if state in {InstanceState.STOPPED, InstanceState.TERMINATED}:
                thing.value = replace(thing.value, public_ip=None)
            if state is InstanceState.TERMINATED:
                for volume in [id for id, volume in self.volumes.items() if volume.value == instance_id]:
                    del self.volumes[volume]

    def _arrive(self, instance_id: str, state: InstanceState) -> None:
        thing = self.ec2_instances[instance_id]
        if state is InstanceState.RUNNING and instance_id in self.undone:
            self.change(instance_id, InstanceState.STOPPED, self.undone[instance_id])
            return
        self.change(instance_id, state, thing.value.reason_code)
        if state is InstanceState.RUNNING:
            number = next(self._numbers)
            thing.value = replace(thing.value, public_ip=f"198.18.{number >> 8 & 255}.{number & 255}")
