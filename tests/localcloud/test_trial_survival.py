"""State outlives the process, however it ends."""

import os
import shutil
import signal
import stat
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from trial import Machine, Trial, until

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
    done = subprocess.run(own.command(), capture_output=True, text=True, timeout=20, cwd=Path(__file__).parents[2])
    assert done.returncode == 1
    assert "another localcloud is using" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_killed_cloud_comes_back_as_it_was(own: Trial, eunji: Machine) -> None:
    eunji.says("echo kept > kept; nohup sleep 5001 >/dev/null 2>&1 & echo $! > pid")
    pid = eunji.says("cat pid")
    before, known = eunji.describe(), dict(own.environment)
    pending = own.ec2.run_instances(**own.order("eunji", eunji.group_id, ClientToken="t"))["Instances"][0]["InstanceId"]
    alarm = {"AlarmName": "a", "Namespace": "n", "MetricName": "m", "Period": 60, "EvaluationPeriods": 1}
    alarm |= {"Threshold": 1, "ComparisonOperator": "LessThanThreshold", "Statistic": "Average"}
    own.cloudwatch.put_metric_alarm(**alarm)
    own.end(signal.SIGKILL)
    until(lambda: not Path(f"/proc/{pid}").exists())  # the keeper has seen it

    own.start()
    assert own.environment == known
    assert eunji.describe() == before
    assert eunji.says("cat kept") == "kept"
    again = own.ec2.run_instances(**own.order("eunji", eunji.group_id, ClientToken="t"))["Instances"][0]["InstanceId"]
    assert again == pending
    until(lambda: Machine(own, "eunji", pending, eunji.key, eunji.group_id).state == "running")
    assert own.cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmName"] == "a"


def test_processes_that_outlived_cloud_and_keeper_are_found_and_ended(own: Trial, eunji: Machine) -> None:
    eunji.says("setsid nohup sleep 5002 >/dev/null 2>&1 & echo $! > pid")
    pid = int(eunji.says("cat pid"))
    keeper = int(Path(f"/proc/{own.process.pid}/task/{own.process.pid}/children").read_text().split()[0])  # type: ignore[union-attr]
    os.kill(keeper, signal.SIGSTOP)
    own.end(signal.SIGKILL)
    os.kill(keeper, signal.SIGKILL)
    time.sleep(0.3)
    assert Path(f"/proc/{pid}").exists()
    own.start()
    until(lambda: not Path(f"/proc/{pid}").exists())


def test_it_ends_within_two_seconds_with_everything_in_its_boxes(own: Trial, eunji: Machine) -> None:
    eunji.says("setsid nohup sleep 5003 >/dev/null 2>&1 & echo $! > pid")
    pid = int(eunji.says("cat pid"))
    began = time.monotonic()
    own.end(signal.SIGTERM)
    assert time.monotonic() - began < 2
    until(lambda: not Path(f"/proc/{pid}").exists(), 2)
    assert not (own.home / "environment.json").exists()


def test_state_of_another_version_is_set_aside_and_not_lost(own: Trial, eunji: Machine) -> None:
    import sqlite3

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
    done = subprocess.run(
        trial.command(), capture_output=True, text=True, timeout=20, env=variables, cwd=Path(__file__).parents[2]
    )
    assert (done.returncode, "ONDOL_CLOCK=soon" in done.stderr) == (1, True)


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    trial = Trial(tmp_path / "home")
    script = f"exec 3>&1; ({' '.join(map(_quoted, trial.command()))} >&3 & echo $! >&3; read line) 2>/dev/null"
    parent = subprocess.Popen(
        ["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert "ready" in parent.stdout.readline()
    parent.kill()
    parent.communicate()
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="drops one of root's privileges")
def test_where_namespaces_are_forbidden_a_box_is_still_nobody(tmp_path: Path) -> None:
    without_mounts = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    trial = Trial(tmp_path / "home", prefix=without_mounts).start()
    try:
        box = trial.machine("nari")
        home = Path(box.says("pwd"))
        assert box.says("id -u") != "0"
        assert (box.says("echo $USER"), box.says("echo ~")) == ("ubuntu", str(home))
        assert "no namespaces here" in trial.log()
        box.terminate()
        until(lambda: not home.exists())
    finally:
        trial.end()
    shutil.rmtree(home.parent.parent)


def _quoted(word: str) -> str:
    return f"'{word}'"
