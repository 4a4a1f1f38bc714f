"""Settings of AWS and of the machines there: region and network, types, who reaches them, and when they are idle."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from ondol.aws_tags import read_tags
from ondol.regions import partition
from ondol.written_settings import Names, Url, split
from ondol.written_settings import env as _env


class AwsSettings(BaseSettings):
    """The part of the settings that says where machines are, and what they are like."""

    region: str = _env("AWS_REGION", "ap-northeast-2", description="AWS Region.")
    default_region: str = _env(
        "AWS_DEFAULT_REGION", "", description="The region with Amazon where AWS_REGION is not set, as for the AWS CLI."
    )
    vpc_id: str = _env("AWS_VPC_ID", "", pattern=r"^(vpc-[0-9a-f]{8,17})?$", description="VPC of the machines.")
    subnet_id: str = _env(
        "AWS_SUBNET_ID", "", pattern=r"^(subnet-[0-9a-f]{8,17})?$", description="Public subnet of the machines."
    )
    endpoint_url: Url = _env("AWS_ENDPOINT_URL", "", description="Another endpoint than Amazon's, such as a trial.")
    instance_type: str = _env(
        "ONDOL_INSTANCE_TYPE", "t3.small", pattern=r"^[a-z0-9-]+\.[a-z0-9]+$", description="Type of a new machine."
    )
    instance_types: Names = _env(
        "ONDOL_INSTANCE_TYPES",
        ("t3.small", "t3.medium", "t3.large"),
        description="Types that policies may allow people, comma-separated; ONDOL_INSTANCE_TYPE is always among them.",
    )
    volume_gib: int = _env("ONDOL_VOLUME_GB", 30, ge=8, le=16384, description="Root volume of a new machine, GiB.")
    image_id: str = _env(
        "ONDOL_IMAGE_ID",
        "",
        pattern=r"^(ami-[0-9a-f]{8,17})?$",
        description="A fixed image instead of the newest Ubuntu 24.04.",
    )
    ssh_cidrs: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(split)] = _env(
        "ONDOL_SSH_CIDRS",
        None,
        description="Ranges that may reach port 22 of every machine, comma-separated, such as your institute's; "
        "`none`: only the addresses that people name for themselves. Needed with Amazon; in a trial, unset: everybody.",
    )
    worker_ssh_cidr: str | None = _env(
        "ONDOL_WORKER_SSH_CIDR",
        None,
        description="Range from which workers reach machines by SSH, such as 198.51.100.7/32, to replace a key; let in "
        "only meanwhile. A private range: at their private addresses. `none`: no key is replaced. Unset: neither, and "
        "`ondol doctor` warns; in a trial: loopback.",
    )
    ssh_port: int = _env("ONDOL_SSH_PORT", 22, ge=1, le=65535, description="Port shown to people and asked for SSH.")
    project: str = _env("ONDOL_PROJECT", "ondol", pattern=r"^[A-Za-z0-9_.-]{1,64}$", description="The tag `Project`.")
    tags: Annotated[tuple[tuple[str, str], ...], NoDecode] = _env(
        "ONDOL_TAGS", (), description="Tags on everything that is made, besides Ondol's own: KEY=VALUE,KEY=VALUE."
    )
    idle_minutes: int = _env(
        "ONDOL_IDLE_MINUTES", 30, ge=15, le=720, multiple_of=5, description="Auto-stop after this many idle minutes."
    )
    idle_core_percent: float | None = _env(
        "ONDOL_IDLE_CORE_PERCENT",
        None,
        gt=0,
        lt=100,
        description="CPU below this share of one core counts as idle, per cent. Unset: 10, or what is right for the "
        "smallest burstable type among those permitted.",
    )
    idle_cpu_percent: float | None = _env(
        "ONDOL_IDLE_CPU_PERCENT",
        None,
        gt=0,
        lt=100,
        description="Deprecated: per cent of two vCPUs, so half of ONDOL_IDLE_CORE_PERCENT; not beside it.",
    )

    @field_validator("tags", mode="before")
    @classmethod
    def _read_tags(cls, value: object) -> object:
        return read_tags(value) if isinstance(value, str) else value

    @field_validator("region", "default_region")
    @classmethod
    def _is_region(cls, value: str) -> str:
        if value:
            partition(value)
        return value

    @field_validator("ssh_cidrs")
    @classmethod
    def _are_ranges(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is None or value == ("none",):
            return value and ()
        if not value:
            raise ValueError("name at least one range, or write none")
        try:
            return tuple(dict.fromkeys(str(ipaddress.ip_network(part)) for part in value))
        except ValueError as error:
            raise ValueError(f"use ranges such as 203.0.113.0/24, or none ({error})") from None

    @field_validator("worker_ssh_cidr")
    @classmethod
    def _is_range(cls, value: str | None) -> str | None:
        """Return the range; empty for `none`; None if it is not set."""
        if not value:
            return None
        try:
            return "" if value == "none" else str(ipaddress.IPv4Network(value))
        except ValueError as error:
            raise ValueError(f"use one IPv4 range such as 198.51.100.7/32, or none ({error})") from None

    @field_validator("instance_types")
    @classmethod
    def _are_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not re.fullmatch(r"[a-z0-9-]+\.[a-z0-9]+", name):
                raise ValueError("use EC2's names such as t3.small,t3.large")
        return value

    @field_validator("endpoint_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("write it whole, such as https://ondol.example.org")
        return value.rstrip("/")

    @property
    def permitted_types(self) -> tuple[str, ...]:
        """Return all types that machines may ever have; the type of a new machine is among them."""
        return tuple(dict.fromkeys((self.instance_type, *self.instance_types)))

    @model_validator(mode="after")
    def _has_one_idle_rule(self) -> "AwsSettings":
        if self.idle_cpu_percent is not None and self.idle_core_percent is not None:
            raise ValueError(
                "ONDOL_IDLE_CPU_PERCENT is set beside ONDOL_IDLE_CORE_PERCENT, which has taken its place: take it out"
            )
        return self
