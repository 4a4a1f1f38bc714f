"""The user of the embedded PostgreSQL and of its initdb: ours, or, if that is root, one without privileges."""

import os
import pwd
from pathlib import Path

_UNPRIVILEGED = 60750
"""A fixed user id, so that a home can move between hosts. Neither Debian nor systemd uses it; the trial's machines have
numbers from 61184 on."""


def of(data: Path) -> tuple[int, int]:
    """Return user and group of the server.

    PostgreSQL insists on owning its data: as root, it runs as the folder's owner.
    """
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return owner.st_uid, owner.st_gid
    return _UNPRIVILEGED, _UNPRIVILEGED


def named_user() -> tuple[int, int]:
    """Return user and group of initdb, which needs a user that has a name."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def with_name() -> list[str]:
    """Return a command prefix for initdb if our user id has no name, as in some containers: a user namespace."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        nobody = pwd.getpwnam("nobody")
        return ["unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}", "--"]
    return []


def as_user(uid: int, gid: int, programs: Path) -> list[str]:
    """Return the command prefix to run as that user: util-linux's setpriv, if we are root.

    If the binaries are in a private folder (a checkout under /root), that user may read there too. Its programs find
    each other by access(2), which ignores capabilities unless this securebit is set.
    """
    if os.geteuid() != 0:
        return []
    words = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--pdeathsig=INT"]
    if not all(folder.stat().st_mode & 0o001 for folder in programs.resolve().parents):
        right = _right_to_read()
        words += [f"--inh-caps=+{right}", f"--ambient-caps=+{right}", "--securebits=+no_setuid_fixup"]
    return [*words, "--"]


def _right_to_read() -> str:
    """Return the capability to read; in many containers root has only the one that includes writing.
    capabilities(7)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    ours = int(next(line for line in lines if line.startswith("CapPrm:")).split()[1], 16)
    return "dac_read_search" if ours & 1 << 2 else "dac_override"
