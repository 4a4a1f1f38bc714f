"""State outlives the process, however it ends."""

import contextlib
import gzip
import itertools
import os
import pickletools
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localcloud.home import LEAVES_WITHIN
from localcloud.sandboxes.processes import descendants
from trial import SOURCE, Machine, Trial, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    trial = Trial(tmp_path_factory.mktemp("own") / "home", speed=None).start()
    yield trial
    trial.end()


@pytest.fixture(scope="module")
def eunji(own: Trial) -> Machine:
    return own.machine("eunji")


def test_the_home_is_for_its_owner_only(own: Trial) -> None:
    assert stat.S_IMODE(own.home.stat().st_mode) == 0o700
    for name in ("environment.json", "identity.json", "state.db"):
        assert stat.S_IMODE((own.home / name).stat().st_mode) == 0o600, name


def test_without_the_option_there_are_no_faults(own: Trial) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(own.environment["AWS_ENDPOINT_URL"] + "/_localcloud/rules", timeout=5)
    assert caught.value.code == 404
    caught.value.close()


def test_a_second_process_on_the_same_home_says_so_and_goes(own: Trial) -> None:
    hasty = "import sys; from localcloud import __main__, home; home.LEAVES_WITHIN = 0.2; sys.exit(__main__.main())"
    words = [sys.executable, "-c", hasty, *own.command()[3:]]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, cwd=SOURCE)
    assert done.returncode == 1
    waits, gives_up = done.stderr.splitlines()
    assert "waiting for another localcloud to leave" in waits
    assert f"another localcloud is using {own.home}; stop it first" in gives_up


def test_a_second_process_waits_for_one_that_is_going_and_carries_on(own: Trial, eunji: Machine) -> None:
    """The situation is that of a kill: the parent of the first process is gone, and another has started a second."""
    said, second = own.log(), Trial(own.home, speed=None)

    def end_the_first() -> None:
        until(lambda: own.log() != said)
        own.end(signal.SIGTERM)

    with ThreadPoolExecutor() as aside:  # the second would die with the thread that starts it
        ended = aside.submit(end_the_first)
        second.start()
        ended.result()
    own.process = second.process
    assert own.environment == second.environment
    assert eunji.says("echo in") == "in"
    assert own.log().removeprefix(said).count("waiting for another localcloud") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("hangs", "ends_by"),
    [
        ("server.Server.shutdown = hang", -signal.SIGALRM),
        ("lifecycle.Lifecycle._look = hang", -signal.SIGALRM),
        ("folders.sweep = hang", 0),
    ],
)
def test_a_cloud_that_is_told_to_end_ends_whatever_hangs(tmp_path: Path, hangs: str, ends_by: int, number: int) -> None:
    """It ends before the next one has lost its patience; what holds the event loop waits for a lock, as there."""
    code = (
        "import sys, threading; from localcloud import __main__, lifecycle, server; from localcloud.sandboxes import "
    )
    code += "folders; taken = threading.Lock(); taken.acquire(); hang = lambda *_: taken.acquire(); "
    code += f"{hangs}; sys.exit(__main__.main())"
    words = [sys.executable, "-c", code, "--home", str(tmp_path / "home"), "--die-with-parent"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=SOURCE) as stuck:
        assert stuck.stdout is not None
        assert "is ready" in stuck.stdout.readline()
        time.sleep(1)  # the lifecycle has looked at its machines
        stuck.send_signal(number)
        assert stuck.wait(LEAVES_WITHIN) == ends_by


def test_no_process_of_a_sandbox_holds_the_lock(own: Trial, eunji: Machine) -> None:
    assert own.process is not None
    eunji.says("setsid nohup sleep 5000 >/dev/null 2>&1 & echo $! > pid")
    cloud, others = own.process.pid, descendants(own.process.pid)
    assert int(eunji.says("cat pid")) in others
    assert [pid for pid in (cloud, *others) if own.home / "lock" in open_files(pid)] == [cloud]


def open_files(pid: int) -> set[Path]:
    """Return the files that a process has open: none, if it has ended meanwhile."""
    found = set()
    with contextlib.suppress(FileNotFoundError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found.add(link.readlink())
    return found


def test_a_killed_cloud_comes_back_as_it_was(own: Trial, eunji: Machine) -> None:
    eunji.says("echo kept > kept; nohup sleep 5001 >/dev/null 2>&1 & echo $! > pid")
    pid = eunji.says("cat pid")
    before, known = eunji.describe(), dict(own.environment)
    pending = own.ec2.run_instances(**own.order("eunji", eunji.group_id, ClientToken="t"))["Instances"][0]["InstanceId"]
    alarm = {"AlarmName": "a", "Namespace": "n", "MetricName": "m", "Period": 60, "EvaluationPeriods": 1}
    alarm |= {"Threshold": 1, "ComparisonOperator": "LessThanThreshold", "Statistic": "Average"}
    own.cloudwatch.put_metric_alarm(**alarm)
    own.end(signal.SIGKILL)
    until(lambda: not Path(f"/proc/{pid}").exists())  # the supervisor has seen it

    own.start()
    assert own.environment == known
    assert eunji.describe() == before
    assert eunji.says("cat kept") == "kept"
    again = own.ec2.run_instances(**own.order("eunji", eunji.group_id, ClientToken="t"))["Instances"][0]["InstanceId"]
    assert again == pending
    until(lambda: Machine(own, "eunji", pending, eunji.key, eunji.group_id).state == "running")
    assert own.cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmName"] == "a"


def test_processes_that_outlived_cloud_and_supervisor_are_found_and_ended(own: Trial, eunji: Machine) -> None:
    eunji.says("setsid nohup sleep 5002 >/dev/null 2>&1 & echo $! > pid")
    pid = int(eunji.says("cat pid"))
    supervisor = int(Path(f"/proc/{own.process.pid}/task/{own.process.pid}/children").read_text().split()[0])  # type: ignore[union-attr]
    os.kill(supervisor, signal.SIGSTOP)
    own.end(signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    time.sleep(0.3)
    assert Path(f"/proc/{pid}").exists()
    own.start()
    until(lambda: not Path(f"/proc/{pid}").exists())


def test_it_ends_within_two_seconds_with_everything_in_its_sandboxes(own: Trial, eunji: Machine) -> None:
    """One of three tries must succeed: a real wait shows in each of them, a busy computer is slow now and then."""
    for _ in range(3):
        seconds = how_long_it_takes_to_end(own, eunji)
        if seconds < 2:
            break
        own.start()
    assert seconds < 2


def how_long_it_takes_to_end(cloud: Trial, machine: Machine) -> float:
    machine.says("setsid nohup sleep 5003 >/dev/null 2>&1 & echo $! > pid")
    pid = int(machine.says("cat pid"))
    began = time.monotonic()
    cloud.end(signal.SIGTERM)
    seconds = time.monotonic() - began
    until(lambda: not Path(f"/proc/{pid}").exists(), 5)
    assert not (cloud.home / "environment.json").exists()
    return seconds


NAMES_IN_HOMES = {
    ("localcloud.ec2.backend", "Region"),
    ("localcloud.ec2.images", "Ubuntu"),
    ("localcloud.ec2.machine", "Machine"),
    ("localcloud.ec2.states", "State"),
}
"""The names in homes: every existing home is a pickle with them, and `Database.load` must find them after any
renaming."""


def test_homes_of_this_version_hold_no_other_names_of_ours(own: Trial, eunji: Machine) -> None:
    with contextlib.closing(sqlite3.connect(own.home / "state.db")) as connection:
        [[body]] = connection.execute("SELECT body FROM snapshot WHERE name = 'ec2'").fetchall()
    words = [word for _, word, _ in pickletools.genops(gzip.decompress(body)) if isinstance(word, str)]
    ours = {(module, name) for module, name in itertools.pairwise(words) if module.startswith("localcloud.")}
    assert ours == NAMES_IN_HOMES


def test_state_of_another_version_is_set_aside_and_not_lost(own: Trial, eunji: Machine) -> None:
    own.end()  # where the test before this has not done so
    connection = sqlite3.connect(own.home / "state.db")
    with connection:
        connection.execute("UPDATE meta SET value = 'of the future'")
    connection.close()
    own.start()
    assert own.ec2.describe_instances()["Reservations"] == []
    assert list(own.home.glob("state.db.set-aside-*"))
    assert "set aside" in own.log()


def test_a_wrong_clock_is_refused_by_name(tmp_path: Path) -> None:
    trial = Trial(tmp_path / "home")
    variables = {**os.environ, "ONDOL_CLOCK": "soon"}
    done = subprocess.run(trial.command(), capture_output=True, text=True, timeout=20, env=variables, cwd=SOURCE)
    assert (done.returncode, "ONDOL_CLOCK=soon" in done.stderr) == (1, True)


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    trial = Trial(tmp_path / "home")
    script = f"exec 3>&1; ({' '.join(map(_quoted, trial.command()))} >&3 & echo $! >&3; read line) 2>/dev/null"
    parent = subprocess.Popen(
        ["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=SOURCE
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert "ready" in parent.stdout.readline()
    parent.kill()
    parent.communicate()
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="drops one of root's privileges")
def test_where_namespaces_are_forbidden_a_sandbox_is_still_nobody(tmp_path: Path) -> None:
    without_mounts = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    trial = Trial(tmp_path / "home", prefix=without_mounts).start()
    try:
        sandbox = trial.machine("nari")
        home = Path(sandbox.says("pwd"))
        assert sandbox.says("id -u") != "0"
        assert (sandbox.says("echo $USER"), sandbox.says("echo ~")) == ("ubuntu", str(home))
        assert "no namespaces here" in trial.log()
        assert "NO network of their own" in trial.log()
        sandbox.terminate()
        until(lambda: not home.exists())
    finally:
        trial.end()
    shutil.rmtree(home.parent.parent)


def _quoted(word: str) -> str:
    return f"'{word}'"
