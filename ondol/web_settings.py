"""Settings of the pages and of metrics: where they are served, by how many processes, in which language and zone."""

import re
from functools import cache
from typing import Literal
from zoneinfo import available_timezones

from pydantic import ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings

from ondol import page_address
from ondol.written_settings import ConfigError, Url
from ondol.written_settings import env as _env


class WebSettings(BaseSettings):
    """The part of the settings that says how the pages are reached."""

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

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        if value not in zones():
            raise ValueError("use a name of the IANA time zones, such as Asia/Seoul")
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

    def _own_address(self) -> str:
        """Return the default address of the pages: that on which they are served. Raises ValueError."""
        needed = f"ONDOL_URL: needed with ONDOL_HOST={self.host}"
        if page_address.is_wildcard(self.host):
            example = f"http://192.0.2.7:{self.port}"
            raise ValueError(f"{needed}; set it to the address by which people reach this host, such as {example}")
        host = f"[{self.host}]" if ":" in self.host else self.host
        try:
            return page_address.normalized(f"http://{host}:{self.port}")
        except ValueError as error:
            raise ValueError(f"{needed}, which is no address for browsers: {error}") from None

    def require_one_process_for_metrics(self) -> None:
        """Raise ConfigError if several processes would count metrics separately, and only one could serve them."""
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

    @model_validator(mode="after")
    def _has_ports_and_an_address(self) -> "WebSettings":
        ports = {"ONDOL_WEB_METRICS_PORT": self.web_metrics_port, "ONDOL_WORKER_METRICS_PORT": self.worker_metrics_port}
        ports |= {"ONDOL_PORT": self.port}
        for name, port in ports.items():
            if same := [other for other, at in ports.items() if other != name and at == port != 0]:
                raise ValueError(f"{name} and {same[0]} are both {port}: each needs a port of its own")
        self.url = self.url or self._own_address()
        return self


@cache
def zones() -> frozenset[str]:
    """Return the IANA time zones. Two files of tzdata are no zones; `localtime` differs on each host.

    Cached, since listing zones opens hundreds of files, and forms and rules need them at each request.
    """
    return frozenset(available_timezones() - {"localtime", "Factory"})
