"""Facts about an EC2 instance type: its size, its architecture, its CPU credits, and the quota it counts against."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ondol.ec2_types.credits import baseline_percent, is_burstable
from ondol.ec2_types.hypervisors import is_nitro
from ondol.ec2_types.quotas import Quota, quota_of

_MIB_PER_GIB = 1024


@dataclass(frozen=True, slots=True)
class InstanceType:
    """An instance type. A fact is None where Ondol does not know it: AWS has newer types than `types.json`."""

    name: str
    family: str
    """The part before the dot, such as `t3` of `t3.large`."""
    size: str
    """The part after the dot, such as `large` of `t3.large`."""
    vcpus: int | None
    memory_gib: float | None
    architecture: str | None
    """The architecture as EC2 shows it for an image: `x86_64` or `arm64`."""
    gpus: int | None
    """The number of GPUs. A part of a GPU counts as one, as for the software that runs there."""
    is_burstable: bool
    """True if its processor uses CPU credits. An unknown family is assumed to use none."""
    baseline_percent: float | None
    """The CPU per vCPU that a burstable type can keep up without credits; None: not burstable, or not known."""
    is_nitro: bool
    """True if CloudWatch shows what its disks do. An unknown family is assumed to be on Nitro."""
    quota: Quota | None
    """The quota on running On-Demand instances; None: not known, or one for hosts rather than for vCPUs."""

    @property
    def image_architecture(self) -> str:
        """Return the architecture of the image to make it from; of an unknown type, the usual one."""
        return self.architecture or "x86_64"

    def may_become(self, other: "InstanceType") -> bool:
        """Return whether what is on its disk runs on the other type, too; of an unknown type, AWS decides."""
        return self.architecture == other.architecture or None in {self.architecture, other.architecture}

    def does_for(self, other: "InstanceType") -> bool:
        """Return whether it can replace the other type: at least as big, and of the same architecture."""
        if self.vcpus is None or other.vcpus is None or not self.may_become(other):
            return False
        memory = (self.memory_gib or 0) >= (other.memory_gib or 0)
        return (
            self.name != other.name and self.vcpus >= other.vcpus and memory and (self.gpus or 0) >= (other.gpus or 0)
        )

    @property
    def is_known(self) -> bool:
        """Return whether its size is known."""
        return self.vcpus is not None


@cache
def facts_of(name: str) -> InstanceType:
    """Return the facts about a type; an unknown one has only those which follow from its name."""
    family, _dot, size = name.partition(".")
    shown = _families().get(family, {})
    vcpus, memory_mib, *gpus = shown.get("sizes", {}).get(size) or (None, None, None)
    return InstanceType(
        name=name,
        family=family,
        size=size,
        vcpus=vcpus,
        memory_gib=None if memory_mib is None else memory_mib / _MIB_PER_GIB,
        architecture=shown.get("architecture"),
        gpus=gpus[0] if gpus else 0,
        is_burstable=is_burstable(family),
        baseline_percent=baseline_percent(family, size),
        is_nitro=is_nitro(family, size),
        quota=quota_of(family),
    )


@cache
def vcpus_at_most(name: str) -> int:
    """Return the vCPUs of a type; of an unknown one, the most that any known type of its size has.

    A size that is new as well counts as the largest of all.
    """
    facts = facts_of(name)
    if facts.vcpus is not None:
        return facts.vcpus
    by_size: dict[str, int] = {}
    for known in map(facts_of, known_types()):
        by_size[known.size] = max(by_size.get(known.size, 0), known.vcpus or 0)
    return by_size.get(facts.size) or max(by_size.values())


def smallest_first(names: Iterable[str]) -> list[str]:
    """Return types by vCPUs, then by memory. Of equals the usually cheaper come first; unknown ones come last."""
    return sorted(names, key=_by_size)


def known_types() -> list[str]:
    """Return the names of all types whose size is known."""
    return [f"{family}.{size}" for family, shown in _families().items() for size in shown["sizes"]]


def _by_size(name: str) -> tuple[Any, ...]:
    facts = facts_of(name)
    vcpus, memory = facts.vcpus or math.inf, facts.memory_gib or math.inf
    return vcpus, memory, facts.gpus or 0, not facts.is_burstable, facts.architecture != "arm64", name


@cache
def _families() -> Mapping[str, Any]:
    """Return what `scripts/ec2-types` has written: by family, the architecture, and vCPUs, MiB and GPUs by size."""
    text = (files("ondol.ec2_types") / "types.json").read_text("utf-8")
    families: dict[str, Any] = json.loads(text)["families"]
    return families
