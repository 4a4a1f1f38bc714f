"""Hosts with networks of their own, on a bridge that can be cut; all of it in namespaces that end with their process.

Nothing of it is seen outside. The kernel removes namespaces with the last process in them, also after a kill: there is
nothing to clean up but an empty control group, which the next run takes over.
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from bench.place import FOLDER, NotHere
from ondol.host.process import die_with_parent

DATABASE, CLOUD = "10.99.0.1", "10.99.0.2"
"""The addresses of PostgreSQL, and of the way to the cloud."""
_APART = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
_LOCAL = "net.ipv4.conf.all.route_localnet=1"
"""The trial cloud and its machines have addresses in 127.0.0.0/8, and other hosts may ask there."""
_ROOTS = {Path("/sys/fs/cgroup/cpu"): "cpu.cfs_quota_us", Path("/sys/fs/cgroup"): "cpu.max"}
"""Where control groups are in either version, and the file that limits the processor time in each period."""
_PERIOD = 100_000
"""The period in microseconds, which is the kernel's own choice."""


def apart(words: Sequence[str], run: str) -> None:
    """Run a program in namespaces of its own, which end with this process; `run` is the name of the folder of all."""
    if os.geteuid() != 0:
        raise NotHere("many hosts need networks of their own, which only root may make: sudo make bench ARGS=hosts")
    if subprocess.run([*_APART, "true"], check=False, capture_output=True).returncode:
        raise NotHere("many hosts need networks of their own, and the kernel refuses them to this root: a container?")
    ended = partial(die_with_parent, signal.SIGKILL, os.getpid())
    _remove_groups(run)
    try:
        subprocess.run([*_APART, *words], check=True, preexec_fn=ended)
    finally:
        _remove_groups(run)


def lay_out() -> None:
    """Make the bridge, in the namespace of this process."""
    _do("mount -t tmpfs none /run")
    Path("/run/netns").mkdir()
    _do("ip link set lo up")
    _do("ip link add bridge type bridge")
    for address in (DATABASE, CLOUD):
        _do(f"ip address add {address}/24 dev bridge")
    _do("ip link set bridge up")
    _do(f"sysctl -qw {_LOCAL}")


class Host:
    """A network of its own, and a share of the processors."""

    def __init__(self, number: int, name: str, folder: Path) -> None:
        """Make it; the number is the last one of its address."""
        self.name, self.address, self.folder = name, f"10.99.0.{number}", folder / name
        self.folder.mkdir()
        _do(f"ip netns add {name}")
        _do(f"ip link add {name} type veth peer name eth0 netns {name}")
        _do(f"ip link set {name} master bridge up")
        self._inside(f"ip address add {self.address}/24 dev eth0", "ip link set eth0 up", f"sysctl -qw {_LOCAL}")
        self._inside(f"ip route add 127.0.0.0/8 via {CLOUD} dev eth0 src {self.address}")  # its own loopback is down
        self._share = _Share(f"{folder.parent.name}-{name}")
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self, words: Sequence[str], env: dict[str, str]) -> "subprocess.Popen[bytes]":
        """Start a program there."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.name}", "--", *words], env=env, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def limit(self, cores: float | None) -> bool:
        """Let what runs there have so much of a core; return whether that can be said here."""
        return self._share.put(cores, [one.pid for one in self.processes if one.poll() is None])

    def cut(self) -> None:
        """Pull the plug: packets vanish, and nobody is told."""
        _do(f"ip link set {self.name} down")

    def lose_database(self) -> None:
        """Let packets to PostgreSQL vanish, while the cloud can be reached."""
        self._inside(f"ip route add blackhole {DATABASE}/32")

    def join(self) -> None:
        """Undo both."""
        _do(f"ip link set {self.name} up")
        with suppress(subprocess.CalledProcessError):
            self._inside(f"ip route del blackhole {DATABASE}/32")

    def kill(self) -> None:
        """Kill all that runs there."""
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End all that runs there."""
        for process in self.processes:
            process.send_signal(how)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def _inside(self, *commands: str) -> None:
        for command in commands:
            _do(f"ip netns exec {self.name} {command}")


class _Share:
    """A control group of the processors, of either version; where there is none to write to, nothing is limited."""

    def __init__(self, name: str) -> None:
        self._file: Path | None = None
        for root, file in _ROOTS.items():
            with suppress(OSError):
                if (root / "cgroup.subtree_control").exists():
                    (root / "cgroup.subtree_control").write_text("+cpu")
                (root / name).mkdir(exist_ok=True)
                if (root / name / file).exists():
                    self._file = root / name / file
                    return

    def put(self, cores: float | None, pids: Sequence[int]) -> bool:
        if self._file is None:
            return False
        quota = str(round(cores * _PERIOD)) if cores else None
        self._file.write_text(f"{quota or 'max'} {_PERIOD}" if self._file.name == "cpu.max" else quota or "-1")
        for pid in (one for parent in pids for one in _tree(parent)):
            with suppress(ProcessLookupError):
                (self._file.parent / "cgroup.procs").write_text(str(pid))
        return True


def _remove_groups(own: str) -> None:
    """Remove the groups of this run, and those of runs that were killed, whose folder has gone."""
    for group in (one for root in _ROOTS for one in root.glob(f"{FOLDER}*")):
        run = group.name.rpartition("-")[0]
        with suppress(OSError):
            if run == own or not Path(tempfile.gettempdir(), run).exists():
                group.rmdir()


def _tree(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(FileNotFoundError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return [pid, *(one for child in children for one in _tree(child))]


def _do(command: str) -> None:
    done = subprocess.run(command.split(), check=False, capture_output=True, text=True)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
