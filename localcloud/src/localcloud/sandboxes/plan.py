"""What the supervisor must know to put a process into a sandbox. It is plain data, sent to it as JSON."""

from dataclasses import dataclass, field
from pathlib import Path

USER = "ubuntu"
INSIDE_HOME = f"/home/{USER}"

#: in the environment of every process of a sandbox; survives double forks, tmux and editors' servers. Not to be
#: renamed: an upgrade has to find the processes of the previous version
MARKER = "LOCALCLOUD_BOX"

#: programs of ours, in front of the host's
INSIDE_TOOLS = "/home/.machine"

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/games"


@dataclass(frozen=True)
class Plan:
    """The plan of one sandbox.

    `folder` holds home/, tmp/, etc/, tools/; `uid` is None if we may not change the user.
    """

    sandbox: str
    folder: str
    hostname: str
    uid: int | None
    namespaces: bool
    network: bool = False
    """Whether it has a network of its own."""

    @property
    def home(self) -> Path:
        return Path(self.folder) / "home"

    @property
    def tmp(self) -> Path:
        return Path(self.folder) / "tmp"

    @property
    def etc(self) -> Path:
        return Path(self.folder) / "etc"

    @property
    def tools(self) -> Path:
        return Path(self.folder) / "tools"

    @property
    def tools_as_seen_inside(self) -> str:
        return INSIDE_TOOLS if self.namespaces else str(self.tools)

    @property
    def home_as_seen_inside(self) -> str:
        return INSIDE_HOME if self.namespaces else str(self.home)


@dataclass(frozen=True)
class Command:
    """A command to run: a login shell, a command line for it, or the SFTP server."""

    plan: Plan
    line: str | None = None
    sftp: bool = False
    pty: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    def full_environment(self, marker: str) -> dict[str, str]:
        """Return a short environment: nothing is inherited, in particular no credentials."""
        return {
            "USER": USER,
            "LOGNAME": USER,
            "HOME": self.plan.home_as_seen_inside,
            "SHELL": shell(),
            "PATH": f"{self.plan.tools_as_seen_inside}:{PATH}",
            "LANG": "C.UTF-8",
            **self.environment,
            MARKER: f"{marker}:{self.plan.sandbox}",
        }

    def argv(self) -> list[str]:
        name = Path(shell()).name
        return [f"-{name}"] if self.line is None else [name, "-c", self.line]


def shell() -> str:
    return "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"
