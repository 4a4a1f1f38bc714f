"""The exact commands with which each tool reaches a machine."""

from dataclasses import dataclass

from django.http import HttpRequest

from ondol.accounts.models import User
from ondol.config import config
from ondol.instances.models import Instance, KeyOrigin
from ondol.instances.own_keys import KeyFacts, facts_of
from ondol.instances.ssh import SSH_USER, example_stem, id_in_alias, key_file, key_of, options
from ondol.web.machine.kit import ALIAS, Kit, powershell, shell

WAYS = {"windows": "Windows PowerShell", "unix": "macOS · Linux", "vscode": "VS Code", "putty": "PuTTY"}
WAY_COOKIE = "ondol-way"
"""What `ondol.js` remembers of the chosen tab."""


@dataclass(frozen=True, slots=True)
class Connect:
    """One machine at one address. Without a machine: the same commands with placeholders, for the help page."""

    key_file: str
    address: str
    instance_id: str
    port: int = 22
    own_key: KeyFacts | None = None
    """The key that its owner has brought; None: one that is downloaded here."""

    @property
    def is_moved(self) -> bool:
        """Return whether the key comes from the folder of downloads; otherwise only its owner knows where it is."""
        return self.own_key is None or self.own_key.origin is KeyOrigin.BROWSER

    @property
    def ppk_file(self) -> str:
        return f"{self.key_file.removesuffix('.pem')}.ppk"

    @property
    def target(self) -> str:
        return f"{SSH_USER}@{self.address}"

    @property
    def windows(self) -> str:
        """Return the commands that connect from PowerShell."""
        return powershell(self.kit, f"ssh {ALIAS}")

    @property
    def unix(self) -> str:
        """Return the commands that connect from a shell."""
        return shell(self.kit, f"ssh {ALIAS}")

    @property
    def windows_setup(self) -> str:
        """Return the same without connecting, for programs that connect themselves."""
        return powershell(self.kit)

    @property
    def unix_setup(self) -> str:
        return shell(self.kit)

    @property
    def kit(self) -> Kit:
        return Kit(self.key_file, self.is_moved, self.entry)

    @property
    def host_name(self) -> str:
        """Return the only line that a new address changes."""
        return f"HostName {self.address}"

    @property
    def ssh(self) -> str:
        """Return the command that needs no entry."""
        return f"ssh {self._options()} {self.target}"

    @property
    def entry(self) -> tuple[str, ...]:
        """Return the entry that makes the machine known as `ondol`.

        The host-key alias is the instance: a new address causes no question, a new machine is noticed.
        """
        return (
            f"Host {ALIAS}",
            f"  {self.host_name}",
            f"  Port {self.port}",
            f"  User {SSH_USER}",
            f"  IdentityFile ~/.ssh/{self.key_file}",
            "  IdentitiesOnly yes",
            f"  HostKeyAlias ondol-{self.instance_id}",
            "  CheckHostIP no",
            "  StrictHostKeyChecking accept-new",
            "  ServerAliveInterval 60",
        )

    @property
    def config_entry(self) -> str:
        """Return the entry to paste at the beginning of an existing configuration, where the first value of a setting
        wins.

        `Host *` at its end lets what follows apply to all hosts, as before. The empty line at its beginning is for
        pasting it after a last line without line end.
        """
        return "\n".join(["", *self.entry, "Host *", ""])

    @property
    def scp_by_alias(self) -> str:
        return f"scp scene.zip {ALIAS}:\nscp {ALIAS}:result.tif ."

    @property
    def scp(self) -> str:
        """Return the copy command without a configuration entry."""
        return f"scp {self._options('-P')} scene.zip {self.target}:"

    @property
    def rsync(self) -> str:
        """Return the same for folders. ssh itself expands the ~, which no shell sees here."""
        return f'rsync -avP -e "ssh {self._options()}" folder/ {self.target}:folder/'

    def _options(self, port_flag: str = "-p") -> str:
        return options(f"~/.ssh/{self.key_file}", self.port, port_flag)

    @property
    def vscode_link(self) -> str:
        return f"vscode://vscode-remote/ssh-remote+{ALIAS}/home/{SSH_USER}"


ADDRESS = "ADDRESS"
"""What stands for an address in commands for a machine that has none."""


@dataclass(frozen=True, slots=True)
class Tab:
    """One way to connect."""

    way: str
    name: str
    is_chosen: bool


def connect_to(instance: Instance) -> Connect | None:
    """Return how to reach this machine; None while it has no address."""
    if not (instance.public_ip and instance.instance_id):
        return None
    key = key_of(instance)
    own = facts_of(key) if key and key.origin != KeyOrigin.AWS else None
    return Connect(key_file(instance), instance.public_ip, id_in_alias(instance), config().ssh_port, own)


def example_for(user: User, instance: Instance | None) -> Connect:
    """Return the commands with placeholders for what the machine does not have yet, or not now."""
    port = config().ssh_port
    if instance and instance.instance_id:
        return Connect(key_file(instance), ADDRESS, id_in_alias(instance), port)
    return Connect(f"{example_stem(user)}.pem", ADDRESS, "INSTANCE_ID", port)


def way_for(request: HttpRequest) -> str:
    """Return which of `WAYS` is shown first: the one that was asked for, else the last one, else the system's own."""
    asked = (request.GET.get("way"), request.COOKIES.get(WAY_COOKIE))
    return next((way for way in asked if way in WAYS), system_of(request))


def tabs_for(request: HttpRequest) -> tuple[Tab, ...]:
    """Return all ways to connect, and which one is shown."""
    chosen = way_for(request)
    return tuple(Tab(way, name, way == chosen) for way, name in WAYS.items())


def system_of(request: HttpRequest) -> str:
    """Return `windows` or `unix`, by the browser's user agent; most people here use Windows."""
    hint = request.headers.get("Sec-CH-UA-Platform", "") or request.headers.get("User-Agent", "")
    return "unix" if any(word in hint.lower() for word in ("mac", "linux", "x11", "chrome os")) else "windows"
