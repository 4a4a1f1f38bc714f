"""Which fields of a machine's row belong together, with their initial values: a group is replaced as a whole.

Every field of `Instance` is in exactly one group, or named in `KEPT`; a test holds it.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from ondol.instances.observation import View


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt to create a machine has set; a new attempt resets it."""

    client_token: str | None = None
    instance_id: str | None = None
    ami_id: str = ""
    root_device: str = ""
    security_group_id: str = ""
    group_unsure_at: datetime | None = None
    ssh_ranges: list[str] = field(default_factory=list)
    ssh_ranges_at: datetime | None = None
    group_doubted_at: datetime | None = None
    key_pair_name: str = ""
    is_key_due: bool = False
    alarm_name: str = ""
    has_other_alarm: bool = False
    is_unlimited: bool | None = False
    is_type_unsure: bool = False
    made_at: datetime | None = None
    last_public_ip: str | None = None
    address_changed: bool = False
    stopped_at: datetime | None = None
    superseded_instance_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Observed:
    """What AWS last showed of the machine."""

    seen_view: str = View.UNSEEN
    seen_since: datetime | None = None
    seen_at: datetime | None = None
    seen_launched_at: datetime | None = None
    seen_reason: str = ""
    seen_type: str = ""
    seen_volume_gib: int | None = None
    volume_id: str = ""
    public_ip: str | None = None
    private_ip: str | None = None
    ipv6_address: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """The last trouble with AWS, and the back-off after it."""

    tries: int = 0
    next_at: datetime | None = None
    error_code: str = ""
    error_ref: str = ""
    refused_step: str = ""
    refused_code: str = ""


KEPT = frozenset({
    "id", "owner", "status", "status_reason", "status_since", "run", "instance_type", "volume_gib", "created_at",
    "updated_at", "is_clean", "unrecognized_instance_ids",
})  # fmt: skip
"""What outlives an attempt: the owner, the status, what is asked for, and what is left in AWS."""


NOT_REFUSED: dict[str, Any] = {"refused_step": "", "refused_code": ""}
"""AWS refuses nothing, or what it has refused was about the status before."""
NO_WAIT: dict[str, Any] = {"tries": 0, "next_at": None, **NOT_REFUSED}
"""Nothing is put off."""


def fresh(group: type[Attempt] | type[Observed] | type[Trouble]) -> dict[str, Any]:
    """Return the initial values of a group's fields."""
    return asdict(group())
