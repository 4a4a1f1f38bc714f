"""What Ondol needs from a cloud. The docstrings are the contract; `tests/cloud` checks every implementation against
them.

Every method blocks and may raise any `ondol.cloud.errors.CloudError`; `Throttled` and `Unreachable` everywhere, also
after the call has taken effect. Everything created carries the caller's tags, and those of `mark`, which never change;
listings return nothing without this deployment's tag. Calls by id do not check that it is ours: the caller knows.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


def always() -> None:
    """Do nothing: the default for calls whose job nobody can have taken over."""


class InstanceState(StrEnum):
    """EC2's instance states, in EC2's words."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"

    @property
    def is_live(self) -> bool:
        """Return whether it exists and may cost money."""
        return self not in {InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED}


MOVING = (InstanceState.PENDING, InstanceState.STOPPING, InstanceState.SHUTTING_DOWN)
"""The transitional states."""


class Tag(StrEnum):
    """Tag keys on everything we make."""

    NAME = "Name"
    PROJECT = "Project"
    USER_ID = "UserId"
    MANAGED_BY = "ManagedBy"
    DEPLOYMENT = "OndolDeployment"
    ROW = "OndolId"


MANAGED_BY = "ondol"
NAME_PREFIX = "ondol-"
"""How the names of our groups, keys and alarms begin."""


def mark(deployment: str) -> dict[str, str]:
    """Return the tags by which a deployment knows its own resources. All other tags come from the caller."""
    return {Tag.MANAGED_BY: MANAGED_BY, Tag.DEPLOYMENT: deployment}


@dataclass(frozen=True, slots=True)
class Ec2Instance:
    """An EC2 instance as DescribeInstances shows it."""

    instance_id: str
    state: InstanceState
    row: str
    """Our row's id, from the tag `OndolId`."""
    client_token: str
    instance_type: str = ""
    image_id: str = ""
    key_name: str = ""
    public_ip: str | None = None
    private_ip: str | None = None
    ipv6_address: str | None = None
    """Its first IPv6 address, if its subnet assigns any. Unlike the public IPv4 address, it survives stops."""
    launched_at: datetime | None = None
    """EC2's LaunchTime: the *last* start, not the creation."""
    volume_id: str = ""
    """The id of its root disk, once that is attached."""
    reason_code: str = ""
    """The StateReason.Code, such as `Client.UserInitiatedShutdown` or `Server.InsufficientInstanceCapacity`."""
    groups: frozenset[str] = frozenset()
    """The ids of its security groups."""
    interfaces: tuple[str, ...] = field(default=(), compare=False)
    """The ids of its network interfaces."""
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)

    def as_found(self) -> "Found":
        """Return it as `inventory` shows it."""
        ids = (self.instance_id, *self.interfaces)
        return Found(
            Kind.INSTANCE, self.instance_id, self.row, self.client_token, self.groups, tags=self.tags, tag_ids=ids
        )


@dataclass(frozen=True, slots=True)
class Image:
    """A machine image and the name of its root device: another name would add a second disk."""

    image_id: str
    root_device: str


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair just made or imported. AWS shows the private key only once, in PEM (PKCS#1)."""

    name: str
    fingerprint: str
    """What EC2 shows: of RSA keys of its own making, SHA-1 of the private key in DER; of imported ones, MD5 of the
    public key in DER, or SHA-256 in base64 of an ed25519 key."""
    private_key: str = field(default="", repr=False)
    """Empty if it was imported: then EC2 has never had it."""


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """All parameters of RunInstances. Equal specs under one token give one instance.

    So the spec is stored with the token, as JSON, and a repeated launch uses what was stored.
    """

    image: Image
    instance_type: str
    volume_gib: int
    group_id: str
    key_name: str
    tags: Mapping[str, str]
    subnet_id: str = ""
    """Empty if it is the subnet of the settings."""
    unlimited: bool = False
    """True if a burstable type may spend credits that it has not earned, which AWS charges for."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON for the database."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "LaunchSpec":
        """Return the spec from JSON that this version or any earlier one has stored."""
        return cls(**{**data, "image": Image(**data["image"])})


@dataclass(frozen=True, slots=True)
class IdleRule:
    """Idle: average CPU below `cpu_percent` in every 5-minute period of `minutes` (a multiple of 5).

    It is per cent of all vCPUs, as CPUUtilization is.
    """

    minutes: int
    cpu_percent: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """An idle alarm as DescribeAlarms shows it."""

    name: str
    instance_id: str
    state: str
    """One of OK, ALARM and INSUFFICIENT_DATA."""
    rule: IdleRule
    warm_up_minutes: int
    is_sound: bool
    """True if it watches CPUUtilization of that instance, and its only action is to stop it."""
    configured_at: datetime | None = None
    is_muted: bool = False
    """True if its actions are disabled: it judges, and does nothing."""
    state_since: datetime | None = None
    """When it changed to that state, by AWS's clock; PutMetricAlarm does not change it. None: not shown."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a machine did in 5 minutes."""

    at: datetime
    """The start of its 5 minutes."""
    percent: float
    """The average of CPUUtilization."""
    network_in: int | None = None
    """Bytes in these 5 minutes, as the three below; None where CloudWatch shows none, or none yet."""
    network_out: int | None = None
    disk_read: int | None = None
    """Only Nitro types (`ec2_types`) have the two disk metrics, for all their EBS volumes."""
    disk_written: int | None = None
    credits: float | None = None
    """CPUCreditBalance of a burstable type in the same 5 minutes; None where it was not asked for, or is not shown."""


@dataclass(frozen=True, slots=True)
class AlarmStop:
    """A stop of a machine by its idle alarm, and the values that the alarm judged."""

    at: datetime
    cpu: tuple[float, ...] = ()
    """Averages of the 5-minute periods, oldest first; empty where AWS does not show them."""
    cpu_percent: float | None = None
    """The threshold at that time."""


class Kind(StrEnum):
    """The kinds of resources we create, in EC2's and CloudWatch's words."""

    INSTANCE = "instance"
    VOLUME = "volume"
    GROUP = "security-group"
    KEY = "key-pair"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Found:
    """A resource with this deployment's tag, as a listing shows it."""

    kind: Kind
    id: str
    """The id of an instance, volume or group; the name of a key pair or an alarm."""
    row: str = ""
    """The value of the tag `OndolId`. Listings show no tags of alarms."""
    client_token: str = ""
    """The token of an instance's launch."""
    groups: frozenset[str] = frozenset()
    """The ids of an instance's security groups."""
    in_use: bool = False
    """True if a volume is attached."""
    gib: int = 0
    """The size of a volume in GiB."""
    cidrs: frozenset[str] = frozenset()
    """The ranges that may reach port 22 of a group; anything else that it lets in has the form `tcp/8080 0.0.0.0/0`."""
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)
    """All its tags; empty for an alarm."""
    tag_ids: tuple[str, ...] = field(default=(), compare=False)
    """The ids that its tags are set by: of a key pair its id, of an instance also those of its interfaces."""


@dataclass(frozen=True, slots=True)
class Ingress:
    """What had to be changed in a group, in the form of `Found.cidrs`."""

    opened: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AwsAccount:
    """The account and region that these credentials lead to."""

    account_id: str
    region: str


class Cloud(Protocol):
    """One region of one account, one VPC, one subnet, one deployment of Ondol."""

    # --- reading -----------------------------------------------------------------------------------------------
    def ec2_instances(self, rows: Collection[str] | None = None) -> list[Ec2Instance]:
        """Return all our instances, or those of `rows`, in as few paginated calls as the API allows.

        Terminated ones stay visible for about an hour. One just launched may be missing for some seconds.
        """

    def moving(self) -> list[Ec2Instance]:
        """Return our instances that are starting, stopping or terminating, whoever has asked for it."""

    def alive_of(self, user_id: str) -> list[Ec2Instance]:
        """Return our instances with this tag `UserId`, whatever their row; none that is terminated or terminating."""

    def known(self, instance_ids: Collection[str]) -> list[Ec2Instance]:
        """Return those of `instance_ids` that exist, whatever their tags are: somebody may have removed them."""

    def inventory(self) -> list[Found]:
        """Return every resource of this deployment, but no instance that is terminated or terminating.

        It takes a handful of calls.
        """

    def shown(self, kind: Kind, ids: Collection[str]) -> list[Found]:
        """Return the instances, volumes, groups or key pairs of `ids`, whatever their tags; none being terminated."""

    def tag(self, things: Collection[Found], tags: Mapping[str, str]) -> None:
        """Set these tags on resources of an `inventory`, and on the interfaces of instances; all other tags stay.

        Tagging twice is fine. Gone: one of them does not exist any more.
        """

    def account(self) -> AwsAccount:
        """Return the account and region of these credentials; needs no permission."""

    def checks_passed(self, instance_ids: Collection[str]) -> set[str]:
        """Return those of `instance_ids` whose system and instance status checks are both `ok`.

        Unknown ids are left out.
        """

    # --- network -----------------------------------------------------------------------------------------------
    def create_group(self, name: str, tags: Mapping[str, str]) -> str:
        """Create a security group of that name in the VPC, without rules; return its id.

        AlreadyThere: the name is taken.
        """

    def group(self, name: str) -> str | None:
        """Return the id of our security group of that name in the VPC.

        One just made may be missing for some seconds.
        """

    def set_ssh(self, group_id: str, cidrs: Collection[str], still_ours: Callable[[], None] = always) -> Ingress:
        """Let these IPv4 and IPv6 ranges reach port 22, and let nothing else in; return what had to be changed.

        Every other inbound rule is revoked, whoever made it. Two changing calls at most, and none if the group is right
        already. Asking twice is fine. `still_ours` is called before each of them, and what it raises is passed on. Gone
        or NotYet: the group is not (yet) there.
        """

    def delete_group(self, group_id: str) -> None:
        """Delete it; an absent one is fine. NotYet while an interface uses it, until its instance is terminated."""

    # --- key ---------------------------------------------------------------------------------------------------
    def create_key(self, name: str, tags: Mapping[str, str]) -> KeyPair:
        """Create an RSA key pair. AlreadyThere: the name is taken; its private key cannot be read again."""

    def import_key(self, name: str, openssh: str, tags: Mapping[str, str]) -> KeyPair:
        """Give EC2 a public key, in OpenSSH's form. The same key again under the same name is fine.

        AlreadyThere: the name is taken by another key. Refused: EC2 does not accept this key.
        """

    def keys(self, row: str) -> list[str]:
        """Return the names of our key pairs that carry this row's tag."""

    def delete_key(self, name: str) -> None:
        """Delete it; an absent one is fine. Instances launched with the key still accept it."""

    def send_ssh_public_key(self, instance_id: str, user: str, public_key: str) -> None:
        """Let this OpenSSH public key in as `user` for a minute, by EC2 Instance Connect, where the instance has it.

        Asking twice is fine. NotYet unless it runs.
        """

    # --- instance ----------------------------------------------------------------------------------------------
    def newest_image(self, architecture: str = "x86_64") -> Image:
        """Return the fixed image of the settings, else Canonical's newest Ubuntu 24.04 LTS for this architecture, by
        EC2's word for it: `x86_64` or `arm64`. Refused: the fixed image is for another."""

    def launch(self, spec: LaunchSpec, client_token: str) -> Ec2Instance:
        """Launch one instance, or return the one that this token has launched.

        Spent: the token's instance was terminated, or launched with other parameters. Its public address is not known
        yet. NotYet: a group or key just made is not visible yet.
        """

    def start(self, instance_id: str) -> InstanceState:
        """Ask for a start; return the state after asking.

        One that already runs is fine. NotYet while it is stopping.
        """

    def stop(self, instance_id: str, *, force: bool = False) -> InstanceState:
        """Ask for a stop; return the state after asking. `force` skips the shutdown of the operating system, for an
        instance that hangs while stopping.

        One that is already stopped is fine. NotYet while it is pending.
        """

    def terminate(self, instance_id: str) -> InstanceState:
        """Ask for termination, with volume and interface; a terminated one is fine. Gone: EC2 does not show it."""

    def resize(self, instance_id: str, instance_type: str, *, unlimited: bool = False) -> None:
        """Give a stopped instance another type, with this credit mode if it is burstable; its present type is fine.
        NotYet unless it is stopped.

        Two calls at EC2: if only the first was made, a burstable type may spend without limit. So ask again before a
        start.

        Only the next start shows whether there is capacity for that type, and whether it runs the image.
        """

    def set_credits(self, instance_id: str, *, unlimited: bool) -> None:
        """Set the credit mode of a burstable instance: `unlimited`, for which AWS may charge, or `standard`."""

    def sizes(self, volume_ids: Collection[str]) -> Mapping[str, int]:
        """Return the GiB of those volumes that exist. One that is growing may still show its old size."""

    def grow(self, volume_id: str, gib: int) -> None:
        """Ask for a disk of `gib` GiB, also while its instance runs; one that has this size, or is growing to it, is
        fine.

        Refused: it would shrink; it has been changed four times within 24 hours (`VolumeModificationRateExceeded`); or
        the last change is not complete (`IncorrectModificationState`). It is paid for from now on. The file system
        grows at the next start.
        """

    def delete_volume(self, volume_id: str) -> None:
        """Delete it with its data; an absent one is fine. NotYet while it is attached."""

    # --- auto-stop ---------------------------------------------------------------------------------------------
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
        """Put the idle alarm with a warm-up (1 to 2,880 minutes; 0: without one), and with its actions disabled if it
        `is_muted`.

        Invalid: a parameter is not accepted, perhaps the warm-up. A service that does not know warm-ups may also drop
        it without a word: then `alarms` shows 0 minutes.

        An alarm of that name is changed, and keeps its state and what is left of its warm-up. CloudWatch acts only on a
        transition and judges old datapoints too: so a new run needs an alarm of another name, or of a name whose alarm
        was deleted. Otherwise a fresh machine is stopped at once, or never again.
        """

    def alarms(self, names: Collection[str] | None = None) -> list[Alarm]:
        """Return those of these alarms that exist; for None, all of this deployment that begin with NAME_PREFIX."""

    def delete_alarm(self, *names: str) -> None:
        """Delete these (at most 100) in one call; absent ones are fine."""

    def stopped_by_alarm(self, name: str, since: datetime) -> AlarmStop | None:
        """Return how this alarm last carried out its stop action, if that was after `since`; from
        DescribeAlarmHistory."""

    def readings(
        self, instance_ids: Collection[str], since: datetime, until: datetime, burstable: Collection[str] = ()
    ) -> Mapping[str, Sequence[Reading]]:
        """Return what these machines did in that time, oldest first, and the credits of those that are `burstable`;
        those without any CPU are left out.

        One call for 83 machines, of 5 or 6 metrics each. A datapoint is shown some minutes after its period is over,
        those of one period not all at once. Each metric costs 0.00001 US dollars a call (GetMetricData has no free
        tier), whatever the length of the time.
        """
