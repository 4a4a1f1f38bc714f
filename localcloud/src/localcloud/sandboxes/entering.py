"""How a process enters a sandbox: its own view of /home, /tmp and the user list, then a user without privileges.

Runs in a freshly forked child, before exec. As root the mounts come first: the folder may lie below a directory that
the sandbox's user may not enter. Nothing on the host changes, since the mounts live in a namespace of this process.
"""

import contextlib
import os
import tempfile
from pathlib import Path

from localcloud.sandboxes import linux, ubuntu
from localcloud.sandboxes.limits import Limits
from localcloud.sandboxes.network import Network
from localcloud.sandboxes.plan import INSIDE_HOME, INSIDE_TOOLS, Plan

#: within one home
UIDS = 1000

#: which part of the sandbox's folder is mounted over which path
_COVERED = {
    "home": INSIDE_HOME,
    "tools": INSIDE_TOOLS,
    "tmp": "/tmp",  # noqa: S108
    "etc/passwd": "/etc/passwd",
    "etc/group": "/etc/group",
    **{f"etc/{name}": f"/etc/{name}" for name in ubuntu.FILES if Path("/etc", name).exists()},
}


#: world-writable folders over which the sandbox's own /tmp is mounted as well, which is deleted with the sandbox
_ALSO_TMP = ("/var/tmp", "/dev/shm", "/run/lock")  # noqa: S108


def enter(plan: Plan, network: Network | None = None, limits: Limits | None = None, full: bool = False) -> None:
    """Turn this process into one of the sandbox; `full`: it may not write to its disk."""
    home = os.open(plan.home, os.O_PATH | os.O_DIRECTORY)
    if limits:
        own_user = network is not None and network.user is not None
        limits.apply(counted=plan.uid is not None or own_user, full=full)
    if network:
        network.enter()
    if plan.namespaces:
        _own_view(plan)
    else:
        os.fchdir(home)
    os.close(home)
    if plan.uid is not None:
        os.setgroups([])
        os.setgid(plan.uid)
        os.setuid(plan.uid)
    if os.geteuid() == 0:
        raise PermissionError("never a root shell")
    if plan.namespaces:
        os.chdir(INSIDE_HOME)
    linux.drop_capabilities()
    linux.no_new_privileges()
    os.umask(0o022)


def _own_view(plan: Plan) -> None:
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.set_hostname(plan.hostname)
    # Opened in the new namespace, then named by descriptor: /home and /tmp will be covered, and may contain these
    # folders.
    sources = {name: os.open(Path(plan.folder) / name, os.O_PATH) for name in _COVERED}
    linux.mount("tmpfs", "/home", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=64k")
    for inside in (INSIDE_HOME, INSIDE_TOOLS):
        Path(inside).mkdir()
    for inside in filter(os.path.isdir, _ALSO_TMP):
        linux.mount(f"/proc/self/fd/{sources['tmp']}", inside, flags=linux.MS_BIND)
    for name, source in sources.items():
        linux.mount(f"/proc/self/fd/{source}", _COVERED[name], flags=linux.MS_BIND)
        os.close(source)
    with contextlib.suppress(OSError):  # a container with a /proc of its own may not allow it
        flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
        linux.mount("proc", "/proc", "proc", flags, "hidepid=2")


def works(uid: int | None, namespaces: bool) -> bool:
    """Return whether entering works, by trying it in a child: containers forbid it in undocumented ways."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("home", "tmp", "etc", "tools"):
            (Path(folder) / name).mkdir()
        for name in ("passwd", "group", *ubuntu.FILES):
            (Path(folder) / "etc" / name).touch()
        child = os.fork()
        if child == 0:
            try:
                enter(Plan("trial", folder, "trial", uid, namespaces))
                os._exit(0)
            except BaseException:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        return status == 0


def first_uid(marker: str) -> int:
    """Return where the uids of this home's sandboxes begin. Two clouds on one computer hardly ever share a block.

    They are far above those of people; or, in a container that maps only 65,536 uids, in the range that systemd uses
    for dynamic users of services.
    """
    rows = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    wide = any(int(start) == 0 and int(count) > 100_300_000 for start, _, count in rows)
    block = int(marker, 16)
    return 200_000 + block % 100_000 * UIDS if wide else 61_184 + block % 4 * UIDS
