"""Every setting, read from the environment (or a `.env` file) and checked at start.

A wrong value ends the process with a sentence that names the variable; nothing is guessed. `docs/settings.md` lists
them all, and a test compares the two.
"""

import base64
import ipaddress
import math
import re
from dataclasses import asdict
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AliasChoices, BeforeValidator, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from ondol import page_address, written_settings
from ondol.aws_tags import read_tags
from ondol.contact import read_contact
from ondol.database import url as database_url
from ondol.env_file import EnvFile
from ondol.mail_server import MailServer, mail_server, refuse_unused
from ondol.regions import partition
from ondol.sign_in_settings import SignInSettings
from ondol.written_settings import ConfigError as ConfigError
from ondol.written_settings import Names, Url, split
from ondol.written_settings import env as _env

EVERYBODY, LOOPBACK = "0.0.0.0/0", "127.0.0.0/8"


class Config(SignInSettings):
    """Settings of all parts. Secrets have no default: `ondol up` makes and keeps them under `ONDOL_HOME`."""

    model_config = SettingsConfigDict(extra="ignore", case_sensitive=True, env_ignore_empty=True)

    home: Path = _env("ONDOL_HOME", Path("~/.ondol"), description="Folder for everything Ondol keeps on this host.")
    cloud: Literal["local", "aws"] | None = _env(
        "ONDOL_CLOUD", None, description="`local`: the trial cloud; `aws`: Amazon. Unset: `aws` once AWS_VPC_ID is set."
    )
    database_url: str = _env(
        "DATABASE_URL",
        "",
        description="postgresql://USER:PASSWORD@HOST:PORT/NAME, or several HOST:PORT, comma-separated. "
        "Unset: `ondol up` runs its own.",
    )
    database_owner_url: str = _env(
        "ONDOL_DATABASE_OWNER_URL",
        "",
        description="The same database as the owner of its tables, for `ondol migrate`, `restore` and `up` alone: web "
        "and worker use DATABASE_URL. Unset: one role does both.",
    )
    secret_key: str = _env("ONDOL_SECRET_KEY", "", description="Signs sessions and links; at least 32 characters.")
    vault_keys: Names = _env(
        "ONDOL_VAULT_KEYS",
        (),
        description="Keys that seal private SSH keys, each 32 bytes in base64url, comma-separated. "
        "The first seals; all of them open.",
    )

    host: str = _env("ONDOL_HOST", "127.0.0.1", description="Address the web part listens on.")
    port: int = _env("ONDOL_PORT", 8000, ge=1, le=65535, description="Port the web part listens on.")
    url: Url = _env(
        "ONDOL_URL",
        "",
        description="Address people type, such as https://ondol.example.org: scheme, host and port, nothing else. "
        "Default http://HOST:PORT; needed where ONDOL_HOST is 0.0.0.0 or ::.",
    )
    behind_proxy: bool = _env(
        "ONDOL_BEHIND_PROXY",
        False,
        description="`true` behind a proxy that sets X-Forwarded-For and -Proto itself; needed for https.",
    )
    web_processes: int | None = _env(
        "ONDOL_WEB_PROCESSES",
        None,
        ge=1,
        le=32,
        description="Processes of one `ondol web`. Each takes 150 MB, and has threads and connections of its own. "
        "Unset: one for each processor, at most 4; one in `ondol up`, in a trial, and where it serves metrics, which "
        "several cannot.",
    )
    web_threads: int | None = _env(
        "ONDOL_WEB_THREADS",
        None,
        ge=1,
        le=64,
        description="Requests that one process of `ondol web` works on at once, each with its own connection to "
        "PostgreSQL. Unset: two for each processor and one more, at most 8; 3 where there are several processes.",
    )
    hsts_seconds: int = _env(
        "ONDOL_HSTS_SECONDS",
        31_536_000,
        ge=0,
        le=63_072_000,
        description="How long browsers that came by https refuse http afterwards (HSTS); 0: not at all.",
    )
    metrics_host: str = _env("ONDOL_METRICS_HOST", "127.0.0.1", description="Address that metrics are served on.")
    web_metrics_port: int = _env(
        "ONDOL_WEB_METRICS_PORT", 0, ge=0, le=65535, description="Port of the web part's metrics; 0: none."
    )
    worker_metrics_port: int = _env(
        "ONDOL_WORKER_METRICS_PORT",
        0,
        ge=0,
        le=65535,
        description="Port of the worker's metrics, with its /healthz and /livez; 0: none.",
    )
    language: Literal["auto", "ko", "en"] = _env(
        "ONDOL_LANGUAGE",
        "auto",
        description="Language before a person has chosen one. `auto`: the one that the browser asks for, of Korean and "
        "English; Korean where it asks for neither. `ko` or `en`: this one, whatever the browser asks for.",
    )
    time_zone: str = _env(
        "ONDOL_TIME_ZONE", "Asia/Seoul", description="Zone in which times are shown, months begin and budgets count."
    )
    log_format: Literal["text", "json"] = _env("ONDOL_LOG_FORMAT", "text", description="Form of log lines.")
    audit_days: int = _env(
        "ONDOL_AUDIT_DAYS",
        400,
        ge=0,
        le=36_500,
        description="How many days of the record `ondol audit prune` leaves; 0: all.",
    )

    email_url: Url = _env(
        "ONDOL_EMAIL_URL",
        "",
        description="smtp://USER:PASSWORD@HOST:587 (STARTTLS), smtp://HOST:25 (no sign-in), smtps://…:465, "
        "or file:///FOLDER. Default: files under ONDOL_HOME/mail.",
    )
    email_starttls: bool = _env(
        "ONDOL_EMAIL_STARTTLS",
        False,
        description="`true`: STARTTLS with smtp:// also without a user; with one it is always used.",
    )
    email_ca_file: str = _env(
        "ONDOL_EMAIL_CA_FILE",
        "",
        description="Certificates (PEM) of your own authority, trusted for the mail server besides this host's.",
    )
    email_from: str = _env("ONDOL_EMAIL_FROM", "Ondol <ondol@localhost>", description="Sender of e-mails.")

    contact: str = _env(
        "ONDOL_CONTACT",
        "",
        description="Whom people turn to, in the footer, on error pages, in e-mails and wherever a text says to ask an "
        "administrator: an e-mail address or an https:// address, perhaps with a name: NAME <ADDRESS>. Unset: none is "
        "shown, and with Amazon `ondol doctor` warns.",
    )

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
    clock: str = _env("ONDOL_CLOCK", "", description="REAL,VIRTUAL,SPEED: the trial's clock. Never set it for Amazon.")

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

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        if value not in zones():
            raise ValueError("use a name of the IANA time zones, such as Asia/Seoul")
        return value

    @field_validator("email_from")
    @classmethod
    def _is_sender(cls, value: str) -> str:
        if "@" not in parseaddr(value)[1] or not value.isprintable():
            raise ValueError("use NAME <ADDRESS> or an address, on one line")
        return value

    @field_validator("contact")
    @classmethod
    def _is_contact(cls, value: str) -> str:
        if value:
            read_contact(value)
        return value

    @property
    def mail_server(self) -> MailServer:
        """Return where e-mails go."""
        return mail_server(self.email_url, self.home, starttls=self.email_starttls)

    @property
    def wants_proof(self) -> bool:
        """Return whether nobody is approved, unasked, for an unproven address: everywhere but in the trial."""
        return self.cloud == "aws" or self.email_verification == "mandatory"

    @property
    def permitted_types(self) -> tuple[str, ...]:
        """Return all types that machines may ever have; the type of a new machine is among them."""
        return tuple(dict.fromkeys((self.instance_type, *self.instance_types)))

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and len(value) < 32:
            raise ValueError("use at least 32 random characters")
        return value

    @field_validator("vault_keys")
    @classmethod
    def _are_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for key in value:
            try:
                raw = base64.urlsafe_b64decode(key)
            except ValueError:
                raw = b""
            if len(raw) != 32:
                raise ValueError("each key is 32 random bytes in base64url (44 characters)")
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
        """Return the range; empty: none is wished; None: nobody has said."""
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

    @field_validator("database_url", "database_owner_url")
    @classmethod
    def _is_postgresql(cls, value: str) -> str:
        if value:
            database_url.read(value)
        return value

    @field_validator("host", "metrics_host")
    @classmethod
    def _is_host(cls, value: str, info: ValidationInfo) -> str:
        if re.search(r"[/\[\]\s]", value) or value.count(":") == 1:
            metrics = "ONDOL_WEB_METRICS_PORT and ONDOL_WORKER_METRICS_PORT are its ports"
            port = metrics if info.field_name == "metrics_host" else "the port is ONDOL_PORT"
            raise ValueError(f"write an address or a host name alone, such as 127.0.0.1; {port}")
        return value

    @field_validator("url")
    @classmethod
    def _is_page_address(cls, value: str) -> str:
        return page_address.normalized(value) if value else value

    @field_validator("endpoint_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("write it whole, such as https://ondol.example.org")
        return value.rstrip("/")

    @field_validator("email_url")
    @classmethod
    def _is_email_url(cls, value: str) -> str:
        mail_server(value, Path())
        return value

    @field_validator("clock")
    @classmethod
    def _is_clock(cls, value: str) -> str:
        if value:
            try:
                real, virtual, speed = (float(part) for part in value.split(","))
            except ValueError:
                raise ValueError("use three numbers: REAL,VIRTUAL,SPEED") from None
            if not (math.isfinite(real) and math.isfinite(virtual) and 0 < speed < math.inf):
                raise ValueError("use three finite numbers; the speed is above 0")
        return value

    @model_validator(mode="after")
    def _together(self) -> "Config":
        if self.cloud is None:
            self.cloud = "aws" if self.vpc_id else "local"
        if self.email_verification is None:
            has_letters = self.cloud == "aws" and self.mail_server.folder is None
            self.email_verification = "mandatory" if has_letters else "none"
        self._require_proof_for_approved_domains()
        if self.cloud == "local" and self.ssh_cidrs is None:
            self.ssh_cidrs = (EVERYBODY,)
        if self.cloud == "local" and self.worker_ssh_cidr is None:
            self.worker_ssh_cidr = LOOPBACK
        if self.cloud == "aws" and "region" not in self.model_fields_set and self.default_region:
            self.region = self.default_region
        if self.database_owner_url and not self.database_url:
            raise ValueError(
                "ONDOL_DATABASE_OWNER_URL is set and DATABASE_URL is not: set both, or neither to have `ondol up` run "
                "its own PostgreSQL"
            )
        if self.idle_cpu_percent is not None and self.idle_core_percent is not None:
            raise ValueError(
                "ONDOL_IDLE_CPU_PERCENT is set beside ONDOL_IDLE_CORE_PERCENT, which has taken its place: take it out"
            )
        ports = {"ONDOL_WEB_METRICS_PORT": self.web_metrics_port, "ONDOL_WORKER_METRICS_PORT": self.worker_metrics_port}
        ports |= {"ONDOL_PORT": self.port}
        for name, port in ports.items():
            if same := [other for other, at in ports.items() if other != name and at == port != 0]:
                raise ValueError(f"{name} and {same[0]} are both {port}: each needs a port of its own")
        self.url = self.url or self._own_address()
        refuse_unused(self.mail_server, starttls=self.email_starttls, ca_file=self.email_ca_file)
        return self

    def _own_address(self) -> str:
        """Return the address of the pages where none is set: that on which they are served. Raises ValueError."""
        needed = f"ONDOL_URL: needed with ONDOL_HOST={self.host}"
        if page_address.is_wildcard(self.host):
            example = f"http://192.0.2.7:{self.port}"
            raise ValueError(f"{needed}; set it to the address by which people reach this host, such as {example}")
        host = f"[{self.host}]" if ":" in self.host else self.host
        try:
            return page_address.normalized(f"http://{host}:{self.port}")
        except ValueError as error:
            raise ValueError(f"{needed}, which is no address for browsers: {error}") from None

    def require(self, *names: str) -> None:
        """Raise ConfigError if a setting is missing that this part cannot do without."""
        for name in names:
            if not getattr(self, name):
                raise ConfigError(f"{variable(name)} is not set: {type(self).model_fields[name].description}")

    def require_cloud(self) -> None:
        """Raise ConfigError if a setting is missing without which nothing is done in AWS."""
        self.require("vpc_id", "subnet_id")
        self.require_ssh_ranges()

    def require_ssh_ranges(self) -> None:
        """Raise ConfigError unless somebody has said who may reach machines at Amazon: they are on the internet."""
        if self.cloud == "aws" and self.ssh_cidrs is None:
            raise ConfigError(
                "ONDOL_SSH_CIDRS is not set: say from where machines may be reached by SSH. Write your institute's "
                "range, such as 203.0.113.0/24; none, if people are to name their own addresses; or 0.0.0.0/0 for "
                "everybody, which was the default before."
            )

    def require_real_time(self) -> None:
        """Raise ConfigError if the clock of a trial would be taken for that of Amazon's machines."""
        if self.clock and self.cloud == "aws" and not self.endpoint_url:
            raise ConfigError("ONDOL_CLOCK is a trial's, and machines at Amazon live on real time. Take it out.")

    def require_one_process_for_metrics(self) -> None:
        """Raise ConfigError if several processes would count apart, and only one of them could be asked."""
        if (self.web_processes or 1) > 1 and self.web_metrics_port:
            raise ConfigError(
                f"ONDOL_WEB_PROCESSES={self.web_processes}: each process counts for itself, and one alone could serve "
                "ONDOL_WEB_METRICS_PORT. Run several `ondol web`, each with its own port, or leave one of the two out."
            )

    def require_reachable_pages(self) -> None:
        """Raise ConfigError if no browser could ever open the pages that this process is about to serve."""
        if self.url.startswith("https:") and not self.behind_proxy:
            raise ConfigError(
                f"ONDOL_URL={self.url}: Ondol itself serves HTTP, so each page would redirect to itself. Let a reverse "
                "proxy add TLS and set X-Forwarded-For and X-Forwarded-Proto (docs/operations.md), and set "
                "ONDOL_BEHIND_PROXY=true; or write http://."
            )


@cache
def zones() -> frozenset[str]:
    """Return the IANA time zones. tzdata also has two files that are none; `localtime` differs on each host.

    To list them, hundreds of files are opened; forms and rules ask at each request.
    """
    return frozenset(available_timezones() - {"localtime", "Factory"})


def limits(field: str) -> dict[str, Any]:
    """Return the limits of a number, by pydantic's names: `ge`, `le`, `multiple_of` and so on."""
    return {name: value for limit in Config.model_fields[field].metadata for name, value in asdict(limit).items()}


def variable(field: str) -> str:
    """Return the environment variable of a field."""
    return str(cast(AliasChoices, Config.model_fields[field].validation_alias).choices[0])


@cache
def config() -> Config:
    """Return the settings of this process. Raises ConfigError with one sentence per mistake."""
    found, wrong = judged(settings_file())
    if wrong or found is None:
        raise ConfigError("\n".join(wrong))
    return found


def judged(file: EnvFile) -> tuple[Config | None, list[str]]:
    """Return the settings, where there are any, and a sentence for each that cannot be what is meant."""
    defaults = {variable(name): field.default for name, field in Config.model_fields.items()}
    wrong = written_settings.not_meant(file, defaults)
    try:
        return Config(**written_settings.from_file(file, _names())), list(wrong.values())
    except ValidationError as error:
        others = (dict(mistake) for mistake in error.errors() if not wrong.keys() & set(mistake["loc"]))
        return None, [*wrong.values(), *(written_settings.sentence(mistake, file) for mistake in others)]


def unjudged_file() -> EnvFile:
    """Return what the file says, with the lines that cannot be read. Raises ConfigError if it is not there."""
    return written_settings.read_file(_names())


def settings_file() -> EnvFile:
    """Return what the file says that is read beside the environment, which wins. Raises ConfigError."""
    return written_settings.settings_file(_names())


def unknown_in_environment() -> dict[str, str]:
    """Return what is wrong with names in the environment that look like settings and are none."""
    return written_settings.unknown_in_environment(_names())


def _names() -> frozenset[str]:
    return frozenset(map(variable, Config.model_fields))
