"""Every setting, read from the environment (or a `.env` file) and checked at start.

A wrong value ends the process with a sentence that names the variable; nothing is guessed. `docs/settings.md` lists
them all, and a test compares the two.
"""

import base64
import math
from dataclasses import asdict
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import AliasChoices, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from ondol import written_settings
from ondol.aws_settings import AwsSettings
from ondol.contact import read_contact
from ondol.database import url as database_url
from ondol.env_file import EnvFile
from ondol.mail_server import MailServer, mail_server, refuse_unused
from ondol.sign_in_settings import SignInSettings
from ondol.web_settings import WebSettings
from ondol.written_settings import ConfigError as ConfigError
from ondol.written_settings import Names, Url
from ondol.written_settings import env as _env

EVERYBODY, LOOPBACK = "0.0.0.0/0", "127.0.0.0/8"


class Config(AwsSettings, WebSettings, SignInSettings):
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

    clock: str = _env("ONDOL_CLOCK", "", description="REAL,VIRTUAL,SPEED: the trial's clock. Never set it for Amazon.")

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
        """Return whether automatic approval needs a proven address: everywhere but in the trial."""
        return self.cloud == "aws" or self.email_verification == "mandatory"

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

    @field_validator("database_url", "database_owner_url")
    @classmethod
    def _is_postgresql(cls, value: str) -> str:
        if value:
            database_url.read(value)
        return value

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
        refuse_unused(self.mail_server, starttls=self.email_starttls, ca_file=self.email_ca_file)
        return self

    def require(self, *names: str) -> None:
        """Raise ConfigError if a setting that this part needs is missing."""
        for name in names:
            if not getattr(self, name):
                raise ConfigError(f"{variable(name)} is not set: {type(self).model_fields[name].description}")

    def require_cloud(self) -> None:
        """Raise ConfigError if a setting that AWS needs is missing."""
        self.require("vpc_id", "subnet_id")
        self.require_ssh_ranges()

    def require_ssh_ranges(self) -> None:
        """Raise ConfigError unless it is set who may reach machines at Amazon: they are on the internet."""
        if self.cloud == "aws" and self.ssh_cidrs is None:
            raise ConfigError(
                "ONDOL_SSH_CIDRS is not set: say from where machines may be reached by SSH. Write your institute's "
                "range, such as 203.0.113.0/24; none, if people are to name their own addresses; or 0.0.0.0/0 for "
                "everybody, which was the default before."
            )

    def require_real_time(self) -> None:
        """Raise ConfigError if a trial's clock is set for machines at Amazon."""
        if self.clock and self.cloud == "aws" and not self.endpoint_url:
            raise ConfigError("ONDOL_CLOCK is a trial's, and machines at Amazon live on real time. Take it out.")


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
    """Return the settings, if they can be used, and a sentence for each that is wrong."""
    defaults = {variable(name): field.default for name, field in Config.model_fields.items()}
    wrong = written_settings.not_meant(file, defaults)
    try:
        return Config(**written_settings.from_file(file, _names())), list(wrong.values())
    except ValidationError as error:
        others = (dict(mistake) for mistake in error.errors() if not wrong.keys() & set(mistake["loc"]))
        return None, [*wrong.values(), *(written_settings.sentence(mistake, file) for mistake in others)]


def unjudged_file() -> EnvFile:
    """Return the content of the settings file, with the lines that cannot be read. Raises ConfigError if it is gone."""
    return written_settings.read_file(_names())


def settings_file() -> EnvFile:
    """Return the content of the settings file; the environment takes precedence over it. Raises ConfigError."""
    return written_settings.settings_file(_names())


def unknown_in_environment() -> dict[str, str]:
    """Return what is wrong with names in the environment that look like settings but are not."""
    return written_settings.unknown_in_environment(_names())


def _names() -> frozenset[str]:
    return frozenset(map(variable, Config.model_fields))
