"""How far sandboxes can be isolated on this computer. It is found out once, at start."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from localcloud.sandboxes.entering import first_uid, works
from localcloud.sandboxes.listening import listen_inside
from localcloud.sandboxes.network import make_network
from localcloud.sandboxes.outside import INTERNET, SERVERS_PORT

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Isolation:
    root: Path  # where the sandboxes' folders are
    first_uid: int | None  # None: every sandbox runs as the person who started the cloud
    namespaces: bool
    network: bool = False

    def describe(self) -> str:
        """Return a sentence about how far they are isolated, and what is missing."""
        network = (
            "each has a network of its own: they reach the internet and one another's SSH, and nothing else of here"
            if self.network
            else "NO network of their own: they reach what this computer does, its own ports and the metadata "
            "service of a cloud that it is in included"
        )
        return f"{self._describe_users()}; {network}"

    def _describe_users(self) -> str:
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
    network = network_works()
    if os.geteuid() != 0:
        return Isolation(sandboxes, None, namespaces=False, network=network)
    uid = first_uid(marker)
    if Path("/home").is_dir() and works(uid, namespaces=True):
        return Isolation(sandboxes, uid, namespaces=True, network=network)
    if works(uid, namespaces=False):
        return Isolation(_elsewhere(marker), uid, namespaces=False, network=network)
    return Isolation(sandboxes, None, namespaces=False)


def network_works() -> bool:
    """Return whether a network can be made here, by making one with its listeners."""
    try:
        network = make_network(own_user=os.geteuid() != 0)
    except OSError as problem:
        log.info("no network for sandboxes: %s", problem)
        return False
    try:
        for one in network.sockets(lambda: listen_inside([*INTERNET, SERVERS_PORT])):
            one.close()
    except OSError as problem:
        log.info("no network for sandboxes: %s", problem)
        return False
    finally:
        network.close()
    return True


def _elsewhere(marker: str) -> Path:
    """Return another folder: a sandbox's user cannot enter the cloud's own if nothing is mounted over it."""
    folder = Path("/var/tmp") / f"localcloud-{marker}"  # noqa: S108 - the name is random, and the owner is checked
    folder.mkdir(mode=0o711, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != 0 or not folder.is_dir() or folder.is_symlink():
        raise UnsafeFolder(f"{folder} belongs to somebody else")
    folder.chmod(0o711)
    return folder
