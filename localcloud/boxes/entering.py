"""How a process becomes one of a box: its own view of /home, /tmp and the user list, then a user without privileges.

Runs in a freshly forked child, before exec. As root the mounts come first: the folder may lie below a directory that
the box's user may not enter. Nothing on the host changes, since the mounts live in a namespace of this process.
"""

import os
import resource
import tempfile
from pathlib import Path

from localcloud.boxes import linux
from localcloud.boxes.plan import INSIDE_HOME, Plan


def enter(plan: Plan) -> None:
    home = os.open(plan.home, os.O_PATH | os.O_DIRECTORY)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if plan.namespaces:
        _own_view(plan)
    else:
        os.fchdir(home)
    os.close(home)
    if plan.uid is not None:
        os.setgroups([])
        os.setgid(plan.uid)
        os.setuid(plan.uid)
        if os.geteuid() == 0 or os.getegid() == 0:
            raise PermissionError("still root after leaving root")  # never a root shell
    if plan.namespaces:
        os.chdir(INSIDE_HOME)
    linux.no_new_privileges()
    os.umask(0o022)


def _own_view(plan: Plan) -> None:
    linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.set_hostname(plan.hostname)
    # Opened in the new namespace, then named by number: /home and /tmp are about to be covered, with us below perhaps.
    sources = {
        name: os.open(Path(plan.folder) / name, os.O_PATH) for name in ("home", "tmp", "etc/passwd", "etc/group")
    }
    linux.mount("tmpfs", "/home", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=64k")
    Path(INSIDE_HOME).mkdir()
    targets = {"home": INSIDE_HOME, "tmp": "/tmp", "etc/passwd": "/etc/passwd", "etc/group": "/etc/group"}  # noqa: S108
    for name, source in sources.items():
        linux.mount(f"/proc/self/fd/{source}", targets[name], flags=linux.MS_BIND)
        os.close(source)


def namespaces_work() -> bool:
    """Tried for real, in a child: containers forbid it in more ways than can be read anywhere."""
    if os.geteuid() != 0 or not Path("/home").is_dir():
        return False
    with tempfile.TemporaryDirectory() as folder:
        for name in ("home", "tmp", "etc"):
            (Path(folder) / name).mkdir()
        for name in ("passwd", "group"):
            (Path(folder) / "etc" / name).touch()
        child = os.fork()
        if child == 0:
            try:
                _own_view(Plan("trial", folder, "trial", None, True))
                os._exit(0)
            except BaseException:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        return status == 0


def first_uid() -> int:
    """Where the uids of boxes begin: far above people's, or, in a container that maps only 65,536, in the range
    that systemd reserves for users who exist while a service runs."""
    try:
        rows = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    except OSError:
        return 200_000
    wide = any(int(start) <= 200_000 and int(start) + int(count) > 300_000 for start, _, count in rows)
    return 200_000 if wide else 61_184
