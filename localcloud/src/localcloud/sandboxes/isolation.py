"""How far sandboxes can be kept apart on this computer. It is found out once, at start."""

import os
from dataclasses import dataclass
from pathlib import Path

from localcloud.sandboxes.entering import first_uid, works


@dataclass(frozen=True)
class Isolation:
    root: Path  # where the sandboxes' folders are
    first_uid: int | None  # None: every sandbox runs as the person who started the cloud
    namespaces: bool

    def describe(self) -> str:
        if self.namespaces:
            return "sandboxes have a user and a mount namespace each"
        if self.first_uid is not None:
            return (
                f"sandboxes have a user each, but no namespaces here: their homes are in {self.root}, not /home/ubuntu"
            )
        if os.geteuid() == 0:
            return (
                "this root cannot become another user, and there is never a root shell: sandboxes will refuse to log in"
            )
        return "sandboxes run as you: whoever has a machine's key can do what you can"


class UnsafeFolder(Exception):
    """A folder of the sandboxes that somebody else made."""


def find_isolation(sandboxes: Path, marker: str) -> Isolation:
    if os.geteuid() != 0:
        return Isolation(sandboxes, None, namespaces=False)
    uid = first_uid(marker)
    if Path("/home").is_dir() and works(uid, namespaces=True):
        return Isolation(sandboxes, uid, namespaces=True)
    if works(uid, namespaces=False):
        return Isolation(_elsewhere(marker), uid, namespaces=False)
    return Isolation(sandboxes, None, namespaces=False)


def _elsewhere(marker: str) -> Path:
    """Return another folder: a sandbox's user cannot pass through the cloud's own, and without namespaces nothing is
    mounted."""
    folder = Path("/var/tmp") / f"localcloud-{marker}"  # noqa: S108 - the name is random, and the owner is checked
    folder.mkdir(mode=0o711, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != 0 or not folder.is_dir() or folder.is_symlink():
        raise UnsafeFolder(f"{folder} belongs to somebody else")
    folder.chmod(0o711)
    return folder
