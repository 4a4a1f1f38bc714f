"""The OpenSSH command for a machine: the name of the key file, and options that override people's own settings."""

import re

from ondol.accounts.models import User
from ondol.config import config
from ondol.instances.models import Instance, KeyOrigin, SshKey
from ondol.instances.names import ascii_name

SSH_USER = "ubuntu"
_STEM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_INSTANCE_ID = re.compile(r"[A-Za-z0-9-]{1,32}")


def key_of(instance: Instance) -> SshKey | None:
    """Return the key of a machine; queried once for each object of a row."""
    return getattr(instance, "ssh_key", None)


def key_stem(instance: Instance) -> str:
    """Return the name of its key file without extension: the one under which the key was first given out.

    People paste it into a shell, so only a safe name is taken from the row: else whoever can write rows runs code
    there.
    """
    key = key_of(instance)
    return key.file_stem if key and _STEM.fullmatch(key.file_stem) else new_stem(instance)


def id_in_alias(instance: Instance) -> str:
    """Return the id under which OpenSSH stores its host key; it is pasted into a shell, too."""
    known = instance.instance_id or ""
    return known if _INSTANCE_ID.fullmatch(known) else str(instance.pk)


def key_file(instance: Instance) -> str:
    """Return the name of its key file; if only its owner knows the file, OpenSSH's default name."""
    key = key_of(instance)
    if key is None or key.origin != KeyOrigin.OWN:
        return f"{key_stem(instance)}.pem"
    return "id_ed25519" if key.public_key.startswith("ssh-ed25519 ") else "id_rsa"


def new_stem(instance: Instance) -> str:
    """Return a name that says whose and which machine's key it is: files of two machines never meet in one folder."""
    return f"ondol-{ascii_name(instance.owner)}-{str(instance.pk)[:8]}"


def example_stem(user: User) -> str:
    """Return the same with a placeholder for the machine."""
    return f"ondol-{ascii_name(user)}-MACHINE"


def options(key: str, port: int, port_flag: str = "-p") -> str:
    """Return the options that every command needs; `key` as a shell reads it.

    Without IdentitiesOnly an agent offers its keys first, and a server hangs up after six. The port is named even if it
    is 22, since one in somebody's `Host *` would apply otherwise. scp's option for the port has a capital letter.
    """
    return f"-i {key} -o IdentitiesOnly=yes {port_flag} {port}"


def command(instance: Instance) -> str | None:
    """Return the command that connects; None while it has no address."""
    if not instance.public_ip:
        return None
    key = f"~/.ssh/{key_file(instance)}"
    return f"ssh {options(key, config().ssh_port)} {SSH_USER}@{instance.public_ip}"
