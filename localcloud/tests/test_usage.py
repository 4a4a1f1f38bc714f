"""What a machine's own processes and its SSH connections use is what its metrics show."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from localcloud.cloudwatch.using import Span, Using
from localcloud.downloads import Downloads
from localcloud.sandboxes.usage import Usage
from trial import Machine, Trial, until

pytestmark = pytest.mark.slow

SPEED = 300
PERIOD = 300


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """Run a cloud in which five minutes pass in a second."""
    trial = Trial(tmp_path_factory.mktemp("usage") / "home", speed=SPEED).start()
    yield trial
    trial.end()


@pytest.fixture(scope="module")
def yuna(hasty: Trial) -> Machine:
    return hasty.machine("yuna")


def points(machine: Machine, metric: str, statistic: str = "Sum") -> list[float]:
    """Return the datapoints of five minutes, oldest first."""
    wanted = {"Namespace": "AWS/EC2", "MetricName": metric, "Dimensions": [{"Name": "InstanceId", "Value": machine.id}]}
    query = {"Id": "one", "MetricStat": {"Metric": wanted, "Period": PERIOD, "Stat": statistic}}
    launch = machine.describe()["LaunchTime"]
    times = {"StartTime": launch - timedelta(hours=1), "EndTime": launch + timedelta(days=2)}
    answer = machine.trial.cloudwatch.get_metric_data(MetricDataQueries=[query], ScanBy="TimestampAscending", **times)
    return list(answer["MetricDataResults"][0]["Values"])


def further(machine: Machine, metric: str, number: int) -> list[float]:
    """Return the next points that come; the first of them may be of a period that has already begun."""
    before = len(points(machine, metric))
    until(lambda: len(points(machine, metric)) >= before + number, 20)
    return points(machine, metric)[before:]


@contextmanager
def running(machine: Machine, line: str) -> Iterator[None]:
    client = machine.background(line)
    try:
        yield
    finally:
        client.kill()
        client.communicate()


@pytest.mark.parametrize("rate", [200_000, 5_000_000])
def test_a_download_shows_at_its_rate_however_fast_the_clock_runs(yuna: Machine, rate: int) -> None:
    with Downloads() as downloads, running(yuna, downloads.command(rate)):
        seen = further(yuna, "NetworkIn", 8)[3:]
    assert sum(seen) / len(seen) / PERIOD == pytest.approx(rate, rel=0.1)
    of_minutes = points(yuna, "NetworkIn", "Average")
    assert of_minutes[-1] * 5 == pytest.approx(points(yuna, "NetworkIn")[len(of_minutes) - 1])


@pytest.mark.parametrize(("vcpus", "percent"), [(1, 100), (2, 50.2), (16, 6.3), (32, 3.1), (192, 0.5)])
def test_one_core_is_a_share_of_the_types_vcpus(vcpus: int, percent: float) -> None:
    using = Using(vcpus=vcpus)
    using.add(Span(300, 600, 5, Usage(cpu=5), running_for=4000), unlimited=False)
    [cpu] = [point for metric, point in using.finished(600) if metric == "CPUUtilization"]
    assert cpu.total / cpu.samples == pytest.approx(percent, abs=0.05)


def test_a_busy_loop_on_many_vcpus_reads_as_little_as_on_ec2(hasty: Trial) -> None:
    big = hasty.machine("big", InstanceType="m7i.8xlarge")
    with running(big, "while :; do :; done"):
        further(big, "CPUUtilization", 5)
    # 3.1 if it has a core for itself, and less where this computer has others to serve
    assert 0.1 < points(big, "CPUUtilization", "Average")[-2] < 3.2
    big.terminate()


def test_without_credits_a_machine_shows_its_baseline(hasty: Trial) -> None:
    frugal = hasty.machine("frugal", InstanceType="t3.nano", CreditSpecification={"CpuCredits": "standard"})
    with running(frugal, "while :; do :; done"):
        further(frugal, "CPUUtilization", 5)
        assert max(points(frugal, "CPUUtilization", "Average")) == pytest.approx(5, abs=0.5)
        assert min(points(frugal, "CPUCreditBalance", "Average")) == pytest.approx(0, abs=0.1)
        assert max(points(frugal, "CPUCreditUsage")) == pytest.approx(0.5, rel=0.1)  # 5 % of two vCPUs, five minutes
    further(frugal, "CPUUtilization", 3)
    assert points(frugal, "CPUCreditBalance", "Average")[-1] > 0.4
    frugal.terminate()


def test_a_short_download_is_counted_whole_and_what_stays_inside_is_not(hasty: Trial, yuna: Machine) -> None:
    further(yuna, "NetworkIn", 2)
    before = len(points(yuna, "NetworkIn"))
    inside = (
        "import socket, threading; server = socket.create_server(('127.0.0.1', 0)); "
        "client = socket.create_connection(server.getsockname()); far, _ = server.accept(); "
        "threading.Thread(target=lambda: [client.recv(65536) for _ in range(400)], daemon=True).start(); "
        "far.sendall(bytes(9_000_000))"
    )
    with Downloads() as downloads:
        yuna.says(f'{downloads.command(6_000_000, 3_000_000)}; python3 -c "{inside}"')
    further(yuna, "NetworkIn", 3)
    assert sum(points(yuna, "NetworkIn")[before:]) / SPEED == pytest.approx(3_000_000, rel=0.1)


def test_what_is_copied_over_ssh_and_written_to_the_disk_is_counted(yuna: Machine) -> None:
    further(yuna, "NetworkIn", 2)
    before = len(points(yuna, "NetworkIn"))
    yuna.ssh("cat > upload; sync upload; cat upload", input="x" * 4_000_000)
    further(yuna, "NetworkIn", 3)
    for metric in ("NetworkIn", "NetworkOut", "EBSWriteBytes"):
        assert sum(points(yuna, metric)[before:]) / SPEED == pytest.approx(4_000_000, rel=0.1), metric
    assert points(yuna, "EBSReadBytes")


def test_a_machine_that_sleeps_shows_little_but_not_nothing_and_more_while_it_boots(hasty: Trial) -> None:
    areum = hasty.machine("areum")
    idle = further(areum, "CPUUtilization", 3)
    assert points(areum, "CPUUtilization", "Average")[0] > 2
    assert all(0.1 < value < 2 for value in points(areum, "CPUUtilization", "Average")[2:])
    assert points(areum, "NetworkIn")[-1] == points(areum, "EBSWriteBytes")[-1] == 0
    assert len(idle) >= 3
    areum.terminate()
