"""Cloud Custodian (`c7n`), in an environment of its own: what lists machines by a policy where there is no Ondol."""

import os
import re
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bench.amazon import REGION, Amazon

LOCK = Path(__file__).with_name("custodian.lock")
FOLDER = Path(sys.prefix) / "bench" / "custodian"
_CUSTODIAN = str(FOLDER / "bin" / "custodian")
_POLICY = """
policies:
  - name: running
    resource: aws.ec2
    filters:
      - "State.Name": running
      - "tag:ManagedBy": ondol
"""


@dataclass(frozen=True)
class Listing:
    """What one run of the policy took."""

    found: int
    seconds: float
    """All of it, from its start to its end."""
    processor: float
    policy: float
    """The seconds that it reports for the policy, without its own start."""


def install() -> None:
    """Install what the lock names, if that is not done."""
    wanted = sha256(LOCK.read_bytes()).hexdigest()
    done = FOLDER / ".set-up"
    if done.exists() and done.read_text() == wanted:
        return
    print(f"Installing what {LOCK.name} names into {FOLDER}", flush=True)
    venv.create(FOLDER, with_pip=True, clear=True)
    subprocess.run([FOLDER / "bin" / "pip", "install", "--quiet", "--require-hashes", "-r", LOCK], check=True)
    done.write_text(wanted)


def listing(amazon: Amazon, folder: Path) -> Listing:
    """Run the policy once; its cache is off, so that it asks."""
    folder.mkdir(exist_ok=True)
    (folder / "policy.yml").write_text(_POLICY)
    words = [_CUSTODIAN, "run", "--cache-period", "0", "-r", REGION, "-s", str(folder / "out")]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    began = time.perf_counter()
    process = subprocess.Popen(
        [*words, str(folder / "policy.yml")], env=kept | amazon.environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    line = re.search(r"count:(\d+) time:([\d.]+)", told)
    assert line, told
    return Listing(int(line[1]), seconds, usage.ru_utime + usage.ru_stime, float(line[2]))


def start(folder: Path) -> Listing:
    """Return what its start alone takes: it checks the policy, and calls nothing."""
    (folder / "policy.yml").write_text(_POLICY)
    words = [_CUSTODIAN, "validate", str(folder / "policy.yml")]
    began = time.perf_counter()
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Listing(0, time.perf_counter() - began, usage.ru_utime + usage.ru_stime, 0.0)
