"""The exact commands with which each tool reaches a machine."""

from dataclasses import dataclass

from django.http import HttpRequest

from ondol.accounts.models import User
from ondol.config import config
from ondol.instances.models import Instance, KeyOrigin
from ondol.instances.own_keys import KeyFacts, facts_of
from ondol.instances.ssh import SSH_USER, example_stem, key_file, key_of, options

ALIAS = "ondol"
_DOWNLOADS = r"HKCU:\Software\Microsoft\Windows\CurrentVersion\Explorer\User Shell Folders"


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
        """Return the commands for PowerShell, which does not expand %USERPROFILE% or %USERNAME%, hence $env: and
        whoami.

        Institutes put Downloads on another disk; its place is in the registry, which may be read where COM may not.
        """
        if not self.is_moved:
            key = f'"$env:USERPROFILE\\.ssh\\{self.key_file}"'
            return f"ssh {options(key, self.port)} {self.target}"
        return "\n".join(
            [
                f'$f="{self.key_file}" ; $k="$env:USERPROFILE\\.ssh\\$f"',
                f"$r=Get-ItemProperty '{_DOWNLOADS}'",
                'mkdir -Force "$env:USERPROFILE\\.ssh" | Out-Null',
                "foreach ($d in \"$env:USERPROFILE\\Downloads\",$r.'{374DE290-123F-4565-9164-39C4925E467B}') {",
                '  if (Test-Path "$d\\$f") { Move-Item -Force "$d\\$f" $k } }',
                'icacls $k /inheritance:r ; icacls $k /grant:r "$(whoami):R"',
                f"ssh {options('$k', self.port)} {self.target}",
            ]
        )

    @property
    def unix(self) -> str:
        """Return the commands for a shell.

        Linux desktops name the folder of downloads by language; macOS always the same. `-f`: where `mv` is `mv -i`, its
        question would take the next line for an answer. If the key is elsewhere, chmod says which file is missing.
        """
        if not self.is_moved:
            return f"ssh {self._options()} {self.target}"
        return "\n".join(
            [
                "mkdir -p ~/.ssh && chmod 700 ~/.ssh",
                'for d in ~/Downloads "$(xdg-user-dir DOWNLOAD 2>/dev/null)"; do',
                f'  [ -f "$d/{self.key_file}" ] && mv -f "$d/{self.key_file}" ~/.ssh/; done',
                f"chmod 600 ~/.ssh/{self.key_file} &&",
                f"ssh {self._options()} {self.target}",
            ]
        )

    @property
    def config_entry(self) -> str:
        """Return an entry for the beginning of the SSH configuration, where the first value of a setting wins.

        What followed was for all hosts, perhaps without saying so: `Host *` keeps it so. The empty line before is for
        who pastes it below a last line that does not end. The host-key alias is the instance: a new address causes no
        question, a new machine is noticed.
        """
        return "\n".join(
            [
                "",
                f"Host {ALIAS}",
                f"  HostName {self.address}",
                f"  Port {self.port}",
                f"  User {SSH_USER}",
                f"  IdentityFile ~/.ssh/{self.key_file}",
                "  IdentitiesOnly yes",
                f"  HostKeyAlias ondol-{self.instance_id}",
                "  CheckHostIP no",
                "  StrictHostKeyChecking accept-new",
                "  ServerAliveInterval 60",
                "Host *",
                "",
            ]
        )

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


def connect_to(instance: Instance) -> Connect | None:
    """Return how to reach this machine; None while it has no address."""
    if not (instance.public_ip and instance.instance_id):
        return None
    key = key_of(instance)
    own = facts_of(key) if key and key.origin != KeyOrigin.AWS else None
    return Connect(key_file(instance), instance.public_ip, instance.instance_id, config().ssh_port, own)


def example_for(user: User) -> Connect:
    """Return the commands with placeholders for what only a running machine has."""
    return Connect(f"{example_stem(user)}.pem", "ADDRESS", "INSTANCE_ID", config().ssh_port)


def way_for(request: HttpRequest) -> str:
    """Return `windows` or `unix`, by the browser's user agent; most people here use Windows."""
    hint = request.headers.get("Sec-CH-UA-Platform", "") or request.headers.get("User-Agent", "")
    return "unix" if any(word in hint.lower() for word in ("mac", "linux", "x11", "chrome os")) else "windows"
