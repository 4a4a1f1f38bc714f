"""The exact commands with which each tool reaches a machine."""

from dataclasses import dataclass

from django.http import HttpRequest

from ondol.accounts.models import User
from ondol.config import config
from ondol.instances.actions import ascii_name
from ondol.instances.models import Instance

ALIAS = "ondol"
SSH_USER = "ubuntu"


@dataclass(frozen=True, slots=True)
class Connect:
    """One machine at one address. Without a machine: the same commands with placeholders, for the help page."""

    name: str
    address: str
    instance_id: str
    port: int = 22

    @property
    def key_file(self) -> str:
        return f"ondol-{self.name}.pem"

    @property
    def ppk_file(self) -> str:
        return f"ondol-{self.name}.ppk"

    @property
    def target(self) -> str:
        return f"{SSH_USER}@{self.address}"

    @property
    def ssh_port_option(self) -> str:
        return "" if self.port == 22 else f"-p {self.port} "

    @property
    def windows(self) -> str:
        """Return the commands for PowerShell, which does not expand %USERPROFILE% or %USERNAME%, hence $env: and
        whoami."""
        return "\n".join(
            [
                f'$k="$env:USERPROFILE\\.ssh\\{self.key_file}"',
                'mkdir -Force "$env:USERPROFILE\\.ssh" | Out-Null',
                f'Move-Item -Force "$env:USERPROFILE\\Downloads\\{self.key_file}" $k',
                'icacls $k /inheritance:r ; icacls $k /grant:r "$(whoami):R"',
                f"ssh {self.ssh_port_option}-i $k {self.target}",
            ]
        )

    @property
    def unix(self) -> str:
        """Return the commands for a shell.

        Linux desktops name the folder of downloads by language; macOS always the same.
        """
        return "\n".join(
            [
                "mkdir -p ~/.ssh && chmod 700 ~/.ssh",
                'for d in ~/Downloads "$(xdg-user-dir DOWNLOAD 2>/dev/null)"; do',
                f'  [ -f "$d/{self.key_file}" ] && mv "$d/{self.key_file}" ~/.ssh/; done',
                f"chmod 600 ~/.ssh/{self.key_file}",
                f"ssh {self.ssh_port_option}-i ~/.ssh/{self.key_file} {self.target}",
            ]
        )

    @property
    def config_entry(self) -> str:
        """Return an entry for the SSH configuration.

        Its host-key alias is the instance: a new address causes no question, a new machine is noticed.
        """
        port = [] if self.port == 22 else [f"  Port {self.port}"]
        return "\n".join(
            [
                f"Host {ALIAS}",
                f"  HostName {self.address}",
                *port,
                f"  User {SSH_USER}",
                f"  IdentityFile ~/.ssh/{self.key_file}",
                "  IdentitiesOnly yes",
                f"  HostKeyAlias ondol-{self.instance_id}",
                "  CheckHostIP no",
                "  StrictHostKeyChecking accept-new",
                "  ServerAliveInterval 60",
            ]
        )

    @property
    def scp_by_alias(self) -> str:
        return f"scp scene.zip {ALIAS}:\nscp {ALIAS}:result.tif ."

    @property
    def scp(self) -> str:
        """Return the copy command without a configuration entry; scp's port option has a capital letter."""
        port = "" if self.port == 22 else f"-P {self.port} "
        return f"scp {port}-i ~/.ssh/{self.key_file} scene.zip {self.target}:"

    @property
    def vscode_link(self) -> str:
        return f"vscode://vscode-remote/ssh-remote+{ALIAS}/home/{SSH_USER}"


def connect_to(instance: Instance) -> Connect | None:
    """Return how to reach this machine; None while it has no address."""
    if not (instance.public_ip and instance.instance_id):
        return None
    return Connect(ascii_name(instance.owner), instance.public_ip, instance.instance_id, config().ssh_port)


def example_for(user: User) -> Connect:
    """Return the commands with placeholders for what only a running machine has."""
    return Connect(ascii_name(user), "ADDRESS", "INSTANCE_ID", config().ssh_port)


def way_for(request: HttpRequest) -> str:
    """Return `windows` or `unix`, by the browser's user agent; most people here use Windows."""
    hint = request.headers.get("Sec-CH-UA-Platform", "") or request.headers.get("User-Agent", "")
    return "unix" if any(word in hint.lower() for word in ("mac", "linux", "x11", "chrome os")) else "windows"
