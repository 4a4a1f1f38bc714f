"""The home folder of this cloud: one process at a time, its identity, and what clients need to reach it.

identity.json     account, keys, ports: made once, kept
environment.json  what clients of this cloud need; written when it is ready
state.db          everything else that must survive
policy.json       what the keys may do; absent: everything. Written by whoever tests a policy
needed.jsonl      the permissions that requests needed under it, if somebody has made this file
boxes/i-…/           one folder for each machine
"""

import fcntl
import json
import logging
import os
import secrets
import string
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

LEAVES_WITHIN = 10.0
"""The seconds that an earlier cloud, whose parent was killed, has to save its state and end."""


class HomeInUse(Exception):
    """A home whose lock another process holds: two clouds on one state would overwrite each other."""


@dataclass(frozen=True)
class Identity:
    """What is made at the first start.

    Clients may keep these in their own settings, so they never change by themselves.
    """

    account_id: str
    access_key_id: str
    secret_access_key: str
    marker: str  # tells this home's processes from those of another cloud on the same computer
    port: int = 0
    ssh_port: int = 0
    region: str = ""
    vpc_id: str = ""
    subnet_id: str = ""

    @classmethod
    def new(cls) -> "Identity":
        capitals = string.ascii_uppercase + "234567"
        return cls(
            account_id="".join(secrets.choice(string.digits[1:]) for _ in range(12)),
            access_key_id="AKIA" + "".join(secrets.choice(capitals) for _ in range(16)),
            secret_access_key=secrets.token_urlsafe(30),
            marker=secrets.token_hex(8),
        )


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    @property
    def sandboxes(self) -> Path:
        return self.path / "boxes"  # not to be renamed, since homes of earlier versions have it

    @property
    def database(self) -> Path:
        return self.path / "state.db"

    @property
    def policy(self) -> Path:
        return self.path / "policy.json"

    def open(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        # The folder holds private host keys and people's files; on a shared computer nobody else looks in.
        self.path.chmod(0o700)
        handle = (self.path / "lock").open("w")
        if not _taken(handle):
            log.info("waiting for another localcloud to leave %s", self.path)
            self._wait(handle)
        self._lock = handle

    def _wait(self, handle: IO[str]) -> None:
        end = time.monotonic() + LEAVES_WITHIN
        while not _taken(handle):
            if time.monotonic() > end:
                handle.close()
                raise HomeInUse(f"another localcloud is using {self.path}; stop it first, or give --home another")
            time.sleep(0.05)  # noqa: TID251 - another process at the edge

    def identity(self) -> Identity:
        file = self.path / "identity.json"
        if file.exists():
            return Identity(**json.loads(file.read_text()))
        return self.keep(Identity.new())

    def keep(self, identity: Identity, **changes: object) -> Identity:
        identity = replace(identity, **changes)  # type: ignore[arg-type]
        write_privately(self.path / "identity.json", json.dumps(asdict(identity), indent=2) + "\n")
        return identity

    def announce(self, identity: Identity) -> None:
        """Write our address for the process that started us; last of all, so that the file means: ready."""
        variables = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{identity.port}",
            "AWS_REGION": identity.region,
            "AWS_DEFAULT_REGION": identity.region,  # as boto3 and the AWS CLI call it
            "AWS_ACCESS_KEY_ID": identity.access_key_id,
            "AWS_SECRET_ACCESS_KEY": identity.secret_access_key,
            "AWS_VPC_ID": identity.vpc_id,
            "AWS_SUBNET_ID": identity.subnet_id,
            "ONDOL_SSH_PORT": str(identity.ssh_port),
        }
        write_privately(self.environment_file, json.dumps(variables, indent=2) + "\n")

    def withdraw(self) -> None:
        """Remove the file, as we are not ready: an old one would send clients to a closed port."""
        self.environment_file.unlink(missing_ok=True)

    @property
    def environment_file(self) -> Path:
        return self.path / "environment.json"


def _taken(handle: IO[str]) -> bool:
    """Return whether it is locked.

    Every process of the cloud closes the file at its end; those of the sandboxes never have it open.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_privately(file: Path, text: str) -> None:
    """Write a file whole or not at all, readable by the owner only from the first byte."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(file)
