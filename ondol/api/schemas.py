"""What the API reads and writes, with examples; `/api/openapi.json` is made from this."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import BeforeValidator, ConfigDict, ValidationInfo, computed_field, field_validator, model_validator

from ondol.accounts.models import Approval, Role
from ondol.api.deprecated import DEPRECATED, OLD_MEMORY, OLD_VOLUME, OLD_VOLUME_MAX, OLD_VOLUME_MIN, require_same
from ondol.instances.models import KeyOrigin
from ondol.instances.record import Signal
from ondol.instances.replacements import ReplacementState
from ondol.instances.states import Reason, Status
from ondol.keys.public_key import LONGEST


class Problem(Schema):
    """Why a request was refused, and what to do."""

    code: str = Field(description="For programs; does not change.", examples=["no_machine"])
    message: str = Field(description="For people, in their language.", examples=["There is no machine."])
    hint: str = Field(description="What to do next; may be empty.", examples=[""])


class Refusal(Schema):
    """Every answer with a status of 400 and above."""

    error: Problem


def refusals(*statuses: int) -> dict[Any, Any]:
    """Return the documented refusals of an operation."""
    return dict.fromkeys((401, 403, 429, 503, *statuses), Refusal)


class StopForecast(Schema):
    """When a machine that idles from now on is stopped."""

    earliest_at: datetime
    latest_at: datetime
    is_active: bool = Field(description="By the last reading it is not idle now.")
    signal: Signal | None = Field(
        description="What shows that it is not idle: its CPU, its network or its disk.", examples=["download"]
    )
    rate: float | None = Field(
        description="How much: bytes in a second on average; of the CPU, per cent.", examples=[2100000.0]
    )


class MachineKey(Schema):
    """The key that opens a machine."""

    origin: KeyOrigin = Field(description="`aws`: its private half is kept here; else its owner has it, alone.")
    fingerprint: str = Field(
        description="As `ssh-keygen -l` prints it; of a key that AWS has made, as EC2 shows it.",
        examples=["SHA256:Ao8pmmlSHbnIPXVKcIOYzDQ0LmA8Wyr6nFZ0c5dmkbU"],
    )
    comment: str = Field(examples=["alice@lab"])


class Replacement(Schema):
    """How far the last replacement of a machine's key is."""

    state: ReplacementState = Field(
        description="Until `SWITCHED` the old key opens the machine, from then on the new one; once `DONE`, only that."
    )
    origin: KeyOrigin
    asked_at: datetime
    ended_at: datetime | None
    why: str = Field(description="Why the last try did not work; empty if it did.", examples=[""])
    hint: str = Field(description="What to do about it; may be empty.", examples=[""])
    reference: str | None = Field(description="To tell an administrator.", examples=[None, "7KQ4MX2P"])


class AutoStop(Schema):
    """The idle alarm of this run. It acts even while Ondol is away."""

    armed: bool
    armed_at: datetime | None = Field(description="When it was put for this run.")
    idle_minutes: int = Field(description="It stops a machine that has been idle for so long.", examples=[30])
    core_percent: float = Field(description="Idle: average CPU below this per cent of one core.", examples=[10.0])
    cpu_percent: float = Field(description="The same in per cent of all vCPUs, as CloudWatch shows it.", examples=[5.0])
    earliest_at: datetime | None = Field(description="Its warm-up ends; it does not judge before this moment.")
    lease_until: datetime | None = Field(
        description="Its network or disk works, so it is not stopped before then; null: no lease."
    )
    checked_at: datetime | None = Field(description="When AWS last showed it as it should be.")
    forecast: StopForecast | None = Field(description="Null unless it runs and is armed.")


class MachineSummary(Schema):
    """A machine as an administrator sees it in the list of people."""

    id: UUID
    instance_id: str | None = Field(description="EC2's id, once there is one.", examples=["i-0123456789abcdef0"])
    status: Status
    status_reason: Reason = Field(description="Why this status was entered.")
    status_since: datetime = Field(description="When Ondol noted it.")
    instance_type: str = Field(examples=["t3.small"])
    public_ip: str | None = Field(description="Another one after each start.", examples=["203.0.113.17"])
    launched_at: datetime | None = Field(description="The last start.")
    stopped_at: datetime | None = Field(description="The last stop.")
    created_at: datetime


class Machine(MachineSummary):
    """One's own machine. Times are on the machines' clock, which in a trial may run faster."""

    private_ip: str | None = Field(examples=["10.20.0.4"])
    ipv6_address: str | None = Field(
        description="If its subnet assigns IPv6 addresses; it stays the same.", examples=["2001:db8:0:14::4"]
    )
    volume_gib: int = Field(description="The size of its disk.", examples=[30])
    ami_id: str | None = Field(description="The image it was made from.", examples=["ami-0a10c3b5f2d4e6002"])
    ssh_user: str = Field(examples=["ubuntu"])
    ssh_port: int = Field(examples=[22])
    ssh_command: str | None = Field(
        description="While it has an address.",
        examples=["ssh -i ~/.ssh/ondol-alice-5f0c9a52.pem -o IdentitiesOnly=yes -p 22 ubuntu@203.0.113.17"],
    )
    key_pair_name: str | None = Field(
        description="In EC2.", examples=["ondol-5f0c9a52-0000-4000-8000-000000000001-a1b2c3"]
    )
    key: MachineKey | None = Field(description="Null until it is made.")
    key_replacement: Replacement | None = Field(description="Null if its key was never replaced.")
    auto_stop: AutoStop
    awake_until: datetime | None = Field(description="It is not stopped for idling before then; null: no such wish.")
    closes_at: datetime | None = Field(
        description="The hours at which it may run end, and it is stopped; null: they do not, or not for this run."
    )
    unconfirmed_since: datetime | None = Field(
        description="AWS could not be asked since then, and all of this is from that time; null while all is well.",
        examples=[None],
    )
    throttled_to_percent: float | None = Field(
        description="Its CPU credits are used up, and AWS slows each vCPU down to this; null while it does not.",
        examples=[None, 20.0],
    )
    substitute_type: str | None = Field(
        description="AWS had none of its type; this one is permitted, and would do. Change the size, then start.",
        examples=[None, "t3.large"],
    )
    reference: str | None = Field(
        description="To tell an administrator when something went wrong.", examples=[None, "7KQ4MX2P"]
    )

    @computed_field(alias=OLD_VOLUME, description="The old name of `volume_gib`.", json_schema_extra=DEPRECATED)
    def old_volume(self) -> int:
        return self.volume_gib


class MachineAnswer(Schema):
    """Your machine, or none."""

    instance: Machine | None


class SizeWish(Schema):
    """Type and disk. What is left out keeps its value, or gets the default."""

    model_config = ConfigDict(extra="forbid")
    instance_type: str | None = Field(None, max_length=32, examples=["t3.medium"])
    volume_gib: int | None = Field(None, ge=1, le=16384, description="It can grow, but not shrink.", examples=[40])
    old_volume: int | None = Field(
        None,
        ge=1,
        le=16384,
        validation_alias=OLD_VOLUME,
        description="The old name of `volume_gib`.",
        json_schema_extra=DEPRECATED,
    )

    @field_validator("old_volume")
    @classmethod
    def _is_same(cls, old: int | None, info: ValidationInfo) -> int | None:
        return require_same("volume_gib", old, info)

    @property
    def size(self) -> tuple[str | None, int | None]:
        """Return type and GiB, by whichever name the disk was given."""
        return self.instance_type, self.old_volume if self.volume_gib is None else self.volume_gib


class MachineWish(SizeWish):
    """Type, disk and key of a new machine."""

    public_key: str | None = Field(
        None,
        max_length=LONGEST,
        pattern=r"^[^\x00]*$",
        description="One line of OpenSSH: ed25519, or RSA of 3072 or 4096 bits. It is the key of this machine and of "
        "later ones, and no private key is kept. Empty: AWS makes a key; left out: as last time.",
        examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea alice@lab"],
    )


class KeyWish(Schema):
    """The key that a machine is to have instead of its present one."""

    model_config = ConfigDict(extra="forbid")
    public_key: str = Field(
        "",
        max_length=LONGEST,
        pattern=r"^[^\x00]*$",
        description="One line of OpenSSH: ed25519, or RSA of 3072 or 4096 bits. Empty: AWS makes a key.",
        examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea alice@lab"],
    )


class TypePrice(Schema):
    """List prices in US dollars, before tax."""

    running_hour: Decimal = Field(description="With the public address.", examples=["0.057"])
    resting_month: Decimal = Field(description="Disk and alarm: always paid.", examples=["2.836"])
    typical_month: Decimal = Field(description="At 176 hours.", examples=["12.868"])


class TypeOffer(Schema):
    """An instance type that you may choose."""

    instance_type: str = Field(examples=["t3.medium"])
    vcpus: int | None = Field(description="Null: a type that is newer than this Ondol.", examples=[2])
    memory_gib: float | None = Field(description="GiB; null like `vcpus`.", examples=[4.0])
    price: TypePrice | None

    @computed_field(alias=OLD_MEMORY, description="The old name of `memory_gib`.", json_schema_extra=DEPRECATED)
    def old_memory(self) -> float | None:
        return self.memory_gib


class OffersAnswer(Schema):
    """What you may choose."""

    types: list[TypeOffer] = Field(description="Smallest first.")
    chosen: TypeOffer = Field(description="What there is; without a machine, what is made if nothing is said.")
    volume_gib: int = Field(examples=[30])
    volume_gib_min: int = Field(examples=[30])
    volume_gib_max: int = Field(examples=[100])

    @computed_field(alias=OLD_VOLUME, description="The old name of `volume_gib`.", json_schema_extra=DEPRECATED)
    def old_volume(self) -> int:
        return self.volume_gib

    @computed_field(alias=OLD_VOLUME_MIN, description="The old name of `volume_gib_min`.", json_schema_extra=DEPRECATED)
    def old_volume_min(self) -> int:
        return self.volume_gib_min

    @computed_field(alias=OLD_VOLUME_MAX, description="The old name of `volume_gib_max`.", json_schema_extra=DEPRECATED)
    def old_volume_max(self) -> int:
        return self.volume_gib_max


class SummaryAnswer(Schema):
    """Somebody's machine."""

    instance: MachineSummary


class Person(Schema):
    """A person, for administrators."""

    id: int = Field(examples=[7])
    email: str = Field(examples=["alice@example.org"])
    name: str = Field(examples=["Alice"])
    affiliation: str
    purpose: str
    approval: Approval
    role: Role
    decision_reason: str
    decided_at: datetime | None
    created_at: datetime


class PersonWithMachine(Person):
    """A person and their machine, if there is one."""

    instance: MachineSummary | None
    email_proven: bool = Field(description="By an e-mail, a provider, or an administrator who has vouched for it.")


class People(Schema):
    """Some of the people, oldest account first."""

    users: list[PersonWithMachine]
    total: int = Field(description="How many there are with these filters.", examples=[1])


Text = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]
"""PostgreSQL cannot store NUL."""


class WhichPeople(Schema):
    """Filters of the list of people."""

    approval: Approval | None = None
    search: Text = Field("", description="In name, e-mail address or affiliation.")
    limit: int = Field(200, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=1_000_000)


class WhichForm(Schema):
    """OpenSSH's form of a key, or PuTTY's."""

    format: Literal["pem", "ppk"] = "pem"


def _with_zone(value: object) -> datetime | None:
    """Parse ISO 8601 with a zone; pydantic alone would take numbers, too."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    if moment is None or moment.tzinfo is None:
        raise ValueError
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError from error


class Awake(Schema):
    """Until when a machine is kept awake."""

    model_config = ConfigDict(extra="forbid")
    until: Annotated[datetime | None, BeforeValidator(_with_zone)] = Field(
        description="ISO 8601 with a zone; null ends it.", examples=["2026-06-01T09:00:00+09:00"]
    )


class SshAddress(Schema):
    """A range of one's own from which one's machine is reached."""

    id: int
    range: str = Field(examples=["203.0.113.7/32"])
    label: str = Field(examples=["home"])
    until: datetime | None = Field(description="It counts no more from then on; null: until it is removed.")
    counts: bool = Field(description="False if it is over, or wider than is permitted by now.")


class SshAddressesAnswer(Schema):
    """The ranges from which one's machine is reached by SSH."""

    shared: list[str] = Field(
        description="The ranges from which every machine can be reached.", examples=[["203.0.113.0/24"]]
    )
    own: list[SshAddress]


class SshAddressWish(Schema):
    """One more range."""

    model_config = ConfigDict(extra="forbid")
    range: str | None = Field(
        None,
        max_length=100,
        description="An IPv4 or IPv6 address or range; left out: the address that the request comes from.",
        examples=["198.51.100.7"],
    )
    label: str = Field("", max_length=60, examples=["home"])
    until: Annotated[datetime | None, BeforeValidator(_with_zone)] = Field(
        None, description="ISO 8601 with a zone; null: no end.", examples=["2026-06-01T09:00:00+09:00"]
    )


class Why(Schema):
    """The reason, which the person will read."""

    model_config = ConfigDict(extra="forbid")
    reason: Text = Field(min_length=1, examples=["Please use your institute's address."])


def _require_object(given: Any) -> Any:
    """Return what was given, if it is an object of JSON. Raises ValueError.

    Ninja reads attributes of any value: a number or a text, without such attributes, would count as an empty body.
    """
    if not isinstance(getattr(given, "_obj", given), Mapping):
        raise ValueError("an object is expected")
    return given


class PerhapsVouched(Schema):
    """What is said with an approval; it may be left out, and other names are ignored, as bodies were before."""

    vouches: bool = Field(False, description="You have made sure that the address is theirs, if it is not proven.")

    _is_object = model_validator(mode="before")(_require_object)


class PerhapsWhy(Schema):
    """The same, where it may be left out."""

    model_config = ConfigDict(extra="forbid")
    reason: Text = Field("", examples=["On leave until spring."])

    _is_object = model_validator(mode="before")(_require_object)
