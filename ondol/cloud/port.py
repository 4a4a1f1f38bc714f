"""What Ondol asks of a cloud. The docstrings are the contract; `tests/cloud` holds every implementation to them.

All of it is blocking and may raise any `ondol.cloud.errors.CloudError`; `Throttled` and `Unreachable` everywhere, also
after the call has taken effect. Everything created carries the caller's tags, and `mark`, which never changes, besides;
listings return nothing without this deployment's tag. What is asked for by its id is the caller's to know.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


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
        """It exists and may cost money."""
        return self not in {InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED}


class Tag(StrEnum):
    """Tag keys on everything we make."""

    NAME = "Name"
    PROJECT = "Project"
    USER_ID = "UserId"
    MANAGED_BY = "ManagedBy"
    DEPLOYMENT = "OndolDeployment"
    ROW = "OndolId"


MANAGED_BY = "ondol"


def mark(deployment: str) -> dict[str, str]:
    """Return the tags by which a deployment knows its own things. All others come from the caller."""
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
    launched_at: datetime | None = None
    """EC2's LaunchTime: the *last* start, not the creation."""
    volume_id: str = ""
    """Of its root disk, once that is attached."""
    reason_code: str = ""
    """StateReason.Code, such as `Client.UserInitiatedShutdown` or `Ec2Instance.InsufficientInstanceCapacity`."""
    groups: frozenset[str] = frozenset()
    """Ids of its security groups."""

    def as_found(self) -> "Found":
        """In a listing of everything."""
        return Found(Kind.INSTANCE, self.instance_id, self.row, self.client_token, self.groups)


@dataclass(frozen=True, slots=True)
class Image:
    """A machine image and the name of its root device: another name would add a second disk."""

    image_id: str
    root_device: str


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair just made. The private key is told only once, in PEM (PKCS#1)."""

    name: str
    fingerprint: str
    """SHA-1 of the private key in DER, as EC2 shows it for RSA keys of its own making."""
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """All that RunInstances is told. Equal specs under one token give one instance.

    So it is kept with the token, as JSON, and a launch that is asked for again is asked for with what was kept.
    """

    image: Image
    instance_type: str
    volume_gib: int
    group_id: str
    key_name: str
    tags: Mapping[str, str]
    subnet_id: str = ""
    """Empty: the one of the settings."""

    def to_json(self) -> dict[str, Any]:
        """Return what the database keeps."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "LaunchSpec":
        """Read what this version or any earlier one has kept."""
        return cls(**{**data, "image": Image(**data["image"])})


@dataclass(frozen=True, slots=True)
class IdleRule:
    """Idle: average CPU below `cpu_percent` in every 5-minute period of `minutes` (a multiple of 5)."""

    minutes: int
    cpu_percent: float


@dataclass(frozen=True, slots=True)
class Alarm:
    """An idle alarm as DescribeAlarms shows it."""

    name: str
    instance_id: str
    state: str
    """OK, ALARM or INSUFFICIENT_DATA."""
    rule: IdleRule
    warm_up_minutes: int
    is_sound: bool
    """It watches CPUUtilization of that instance, its actions are on and stop it."""
    configured_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A datapoint of CPUUtilization."""

    at: datetime
    """When its 5 minutes begin."""
    percent: float
    """Their average."""


@dataclass(frozen=True, slots=True)
class AlarmStop:
    """That an idle alarm stopped its machine, and what it judged by."""

    at: datetime
    cpu: tuple[float, ...] = ()
    """Averages of the 5-minute periods, oldest first; empty where AWS does not tell."""
    cpu_percent: float | None = None
    """The threshold of then."""


class Kind(StrEnum):
    """What there can be of ours, in EC2's and CloudWatch's words."""

    INSTANCE = "instance"
    VOLUME = "volume"
    GROUP = "security-group"
    KEY = "key-pair"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Found:
    """A thing with this deployment's tag, as a listing shows it."""

    kind: Kind
    id: str
    """Instance, volume and group id; name of a key pair or an alarm."""
    row: str = ""
    """From the tag `OndolId`. Listings show no tags of alarms."""
    client_token: str = ""
    """Of an instance."""
    groups: frozenset[str] = frozenset()
    """An instance: ids of its security groups."""
    in_use: bool = False
    """A volume: it is attached."""
    gib: int = 0
    """Of a volume, in GiB."""
    cidrs: frozenset[str] = frozenset()
    """A group: who may reach port 22; anything else that it lets in, in the form `tcp/8080 0.0.0.0/0`."""


@dataclass(frozen=True, slots=True)
class AwsAccount:
    """Where these credentials lead."""

    account_id: str
    region: str


class Cloud(Protocol):
    """One region of one account, one VPC, one subnet, one deployment of Ondol."""

    # --- looking -----------------------------------------------------------------------------------------------
    def ec2_instances(self, rows: Collection[str] | None = None) -> list[Ec2Instance]:
        """All our servers, or those of `rows`, in as few paginated calls as the API allows.

        Terminated ones stay visible for about an hour. One just launched may be missing for some seconds.
        """

    def alive_of(self, user_id: str) -> list[Ec2Instance]:
        """Our servers with this tag `UserId` that exist, whatever their row is; none that has ended or is ending."""

    def known(self, instance_ids: Collection[str]) -> list[Ec2Instance]:
        """Those of `instance_ids` that exist, whatever their tags are: somebody may have taken them away."""

    def inventory(self) -> list[Found]:
        """Everything of this deployment that exists; no instance that has ended or is ending. A handful of calls."""

    def shown(self, kind: Kind, ids: Collection[str]) -> list[Found]:
        """Those of these instances, volumes, groups or key pairs that exist and do not end, whatever their tags."""

    def account(self) -> AwsAccount:
        """The account and region that all of this is about; needs no permission."""

    def checks_passed(self, instance_ids: Collection[str]) -> set[str]:
        """Those of `instance_ids` whose system and instance status checks are both `ok`. Unknown ids are left out."""

    # --- network -----------------------------------------------------------------------------------------------
    def create_group(self, name: str, tags: Mapping[str, str]) -> str:
        """A security group of that name in the VPC, without rules; returns its id. AlreadyThere: the name is taken."""

    def group(self, name: str) -> str | None:
        """The id of our security group of that name in the VPC. One just made may be missing for some seconds."""

    def open_ssh(self, group_id: str, cidrs: Collection[str]) -> None:
        """Let these IPv4 ranges reach port 22. Twice is once. Gone or NotYet: the group is not (yet) there."""

    def delete_group(self, group_id: str) -> None:
        """Remove it; absent is fine. NotYet while an interface still uses it, until its server is terminated."""

    # --- key ---------------------------------------------------------------------------------------------------
    def create_key(self, name: str, tags: Mapping[str, str]) -> KeyPair:
        """An RSA key pair. AlreadyThere: the name is taken; its private key cannot be had again."""

    def keys(self, row: str) -> list[str]:
        """Names of our key pairs that carry this row's tag."""

    def delete_key(self, name: str) -> None:
        """Remove it; absent is fine. What was launched with it still admits it."""

    # --- server ------------------------------------------------------------------------------------------------
    def newest_image(self) -> Image:
        """The fixed image of the settings, else Canonical's newest Ubuntu 24.04 LTS for x86-64."""

    def launch(self, spec: LaunchSpec, client_token: str) -> Ec2Instance:
        """Launch one server, or return the one that this token has launched.

        Spent: the token's server was terminated or launched otherwise. Its public address is not known yet.
        NotYet: a group or key just made is not visible yet.
        """

    def start(self, instance_id: str) -> InstanceState:
        """Ask for a start; returns the state after asking. Running already is fine. NotYet while it is stopping."""

    def stop(self, instance_id: str) -> InstanceState:
        """Ask for a stop; returns the state after asking. Stopped already is fine. NotYet while it is pending."""

    def terminate(self, instance_id: str) -> InstanceState:
        """Ask for its end, with volume and interface; terminated already is fine. Gone: nothing is left."""

    def resize(self, instance_id: str, instance_type: str) -> None:
        """Give a stopped server another type; its own is fine. NotYet unless it is stopped.

        Two calls at EC2: where only the first was made, a burstable type may spend without limit. So ask again before a
        start.

        Whether there is capacity for that type, and whether it runs the image, only the next start tells.
        """

    def sizes(self, volume_ids: Collection[str]) -> Mapping[str, int]:
        """GiB of those of these volumes that exist. One that is just growing may still show what it was."""

    def grow(self, volume_id: str, gib: int) -> None:
        """Ask for a disk of `gib` GiB, also while its server runs; that big, or on its way to it, is fine.

        Refused: it would shrink, or it has been changed within the last 6 hours (`VolumeModificationRateExceeded`).
        It is paid for from now on. The file system grows at the next start.
        """

    def delete_volume(self, volume_id: str) -> None:
        """Remove it with its data; absent is fine. NotYet while it is attached."""

    # --- auto-stop ---------------------------------------------------------------------------------------------
    def arm(self, name: str, instance_id: str, rule: IdleRule, warm_up_minutes: int, tags: Mapping[str, str]) -> None:
        """Put the idle alarm anew: delete, then create with a warm-up (1 to 2,880 minutes).

        Anew, because CloudWatch acts only on a transition and judges old datapoints too: an alarm left in place over a
        stop and start may stop a fresh machine at once, or never again.
        """

    def alarms(self, names: Collection[str] | None = None) -> list[Alarm]:
        """Those of these alarms that exist, or all of this deployment's."""

    def delete_alarm(self, name: str) -> None:
        """Remove it; absent is fine."""

    def stopped_by_alarm(self, name: str, since: datetime) -> AlarmStop | None:
        """How this alarm last carried out its stop action, if that was after `since`; from DescribeAlarmHistory."""

    def readings(
        self, instance_ids: Collection[str], since: datetime, until: datetime
    ) -> Mapping[str, Sequence[Reading]]:
        """The CPU of these machines in that time, oldest first; those without any are left out.

        One call for 500 machines. A datapoint is shown some minutes after its period is over. Each machine costs
        0.00001 US dollars a call (GetMetricData has no free tier).
        """
