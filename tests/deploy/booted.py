"""A host in namespaces, with systemd as its first process: what it runs is what a server would run."""

import os
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ondol.host.process import die_with_parent

ROOT = Path(__file__).parents[2]
ONDOL_ENV = {
    "AWS_REGION": "ap-northeast-2",
    "AWS_VPC_ID": "vpc-0123456789abcdef0",
    "AWS_SUBNET_ID": "subnet-0123456789abcdef0",
    "ONDOL_SSH_CIDRS": "203.0.113.0/24",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "ONDOL_SECRET_KEY": "only-for-checks-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ONDOL_VAULT_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}
DATABASE = """
import signal
from pathlib import Path
from ondol.host.postgres import EmbeddedPostgres
# Roles come in without their passwords, since the settings name one of their own.
trusting = {"listen_addresses": "127.0.0.1", "hba_file": "/proc/self/cwd/pg_hba.conf"}
server = EmbeddedPostgres(Path("/srv/database"), print, settings=trusting)
server.start()
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
server.stop()
"""


class Booted:
    """A host; it is there between `with` and its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pid = 0
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def missing() -> str:
        """Return why there can be none here; empty if there can."""
        if os.geteuid() != 0:
            return "only root may boot a host in namespaces"
        if not Path("/lib/systemd/systemd").exists() or not all(
            map(shutil.which, ("unshare", "nsenter", "ip", "curl"))
        ):
            return "systemd, util-linux, iproute2 or curl is not installed"
        words = ["unshare", "--pid", "--mount", "--net", "--cgroup", "--fork", "--kill-child", "sh", "-c"]
        tried = "mount -t tmpfs x /mnt && mkdir /mnt/c && mount -t cgroup2 c /mnt/c && mkdir /mnt/c/x && rmdir /mnt/c/x"
        done = subprocess.run([*words, tried], capture_output=True, text=True)
        return f"this kernel or container permits none: {done.stderr.strip()}" if done.returncode else ""

    def __enter__(self) -> "Booted":
        words = ["unshare", "--pid", "--mount", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
        words += [str(Path(__file__).with_name("boot.sh")), str(self.folder), sysconfig.get_path("purelib"), str(ROOT)]
        bound = partial(die_with_parent, signal.SIGKILL, os.getpid())  # and with it, by --kill-child, the whole host
        with (self.folder.with_suffix(".log")).open("wb") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, preexec_fn=bound)
        self.until(self._is_up, "systemd has started")
        (self.root / "opt/ondol/database.py").write_text(DATABASE)
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()

    def _is_up(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.folder.with_suffix(".log").read_text()
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self._pid = int(children[0]) if children else 0
        return bool(self._pid) and self._run("systemctl", "is-active", "--quiet", "try.target").returncode == 0

    @property
    def root(self) -> Path:
        return Path(f"/proc/{self._pid}/root")

    def _run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        entry = ["nsenter", "-t", str(self._pid), "-m", "-p", "-n", "-u", "-i", "-C", "env", "-i", "LANG=C.UTF-8"]
        entry += ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        return subprocess.run([*entry, *words], text=True, capture_output=True, timeout=300, check=False)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command there, as root."""
        done = self._run(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 240) -> None:
        """Wait for something that is bound to happen."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (
                f"not within {seconds} s: {what}\n{self.journal()[-6000:] if self._pid else ''}"
            )
            time.sleep(0.5)

    def start_beside(self, name: str, *words: str) -> None:
        """Start a program of Python that is no part of Ondol."""
        self._run("systemctl", "reset-failed", name)
        self.run(
            "systemd-run", "-q", "-E", "PYTHONUNBUFFERED=1", f"--unit={name}", "/opt/ondol/.venv/bin/python", *words
        )

    def settings(self, **more: str) -> None:
        """Write what an administrator would write into the file that `ondol install` has made."""
        with (self.root / "etc/ondol.env").open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in (ONDOL_ENV | more).items())

    def journal(self, unit: str = "") -> str:
        """Return the log, of one unit or of all."""
        return self._run("journalctl", "--no-pager", "-o", "cat", *(["-u", unit] if unit else [])).stdout

    def shows(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", unit, "--value", "-p", name).stdout.strip()

    def restarts(self, unit: str) -> int:
        """Return how often systemd has started it again."""
        return int(self.shows(unit, "NRestarts"))

    def asks(self, url: str) -> int:
        """Return curl's code: 0 if a page answers, 22 if it says no."""
        return self._run("curl", "-sfm", "5", "-o", "/dev/null", url).returncode

    def unit_runs(self, unit: str, *words: str) -> bool:
        """Return whether another program succeeds under exactly the settings of this unit."""
        folder = self.root / f"etc/systemd/system/{unit}.d"
        folder.mkdir()
        lines = ["[Service]", "Type=oneshot", "Restart=no", "ExecStart=", f"ExecStart={' '.join(words)}"]
        (folder / "try.conf").write_text("\n".join(lines))
        self.run("systemctl", "daemon-reload")
        return self._run("systemctl", "start", unit).returncode == 0
