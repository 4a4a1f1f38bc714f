"""What somebody can do from inside a machine to this computer and to other machines: each attack is really tried.

The computer is a network namespace with addresses of its own: the metadata service is there and answers, so does a host
of the internet. Root only, which may make one.
"""

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from localcloud.sandboxes import linux
from ports import free_port
from trial import Machine, Trial, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("ip"), reason="makes a computer with a network of its own"
    ),
]

METADATA, METADATA_6, INTERNET, PRIVATE = "169.254.169.254", "fd00:ec2::254", "93.184.216.34", "10.9.8.7"
LIMITS = ("--hurry", "10", "--faults", "--memory", "300", "--disk", "100", "--processes", "100")
PERSON = 61_000


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"reached")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Six(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def served(kind: type[ThreadingHTTPServer], *address: object) -> Iterator[int]:
    with kind(address, Answer) as server:  # type: ignore[arg-type]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture(scope="module")
def computer() -> Iterator[int]:
    """Return the port of a service on its loopback; the metadata service and the others are on port 80."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    linux.unshare(linux.CLONE_NEWNET)
    try:
        for words in (
            "link set lo up",
            *(f"addr add {one} dev lo" for one in (METADATA, METADATA_6, INTERNET, PRIVATE)),
        ):
            subprocess.run(["ip", *words.split()], check=True)
        with (
            served(Six, METADATA_6, 80),
            served(ThreadingHTTPServer, "0.0.0.0", 80),
            served(ThreadingHTTPServer, "127.0.0.1", 0) as port,
        ):
            yield port
    finally:
        linux.join(before, linux.CLONE_NEWNET)
        os.close(before)


@pytest.fixture(scope="module", params=["root", "person"])
def trial(request: pytest.FixtureRequest, computer: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """Run a cloud that root has started, and one that a person has."""
    if request.param == "root":
        run = Trial(tmp_path_factory.mktemp("attacks") / "home", options=LIMITS)
    else:
        folder = Path("/var/tmp") / f"attacks-{os.getpid()}"
        folder.mkdir()
        os.chown(folder, PERSON, PERSON)
        words = ("setpriv", f"--reuid={PERSON}", f"--regid={PERSON}", "--clear-groups", "--")
        run = Trial(folder / "home", options=LIMITS, prefix=words)
    run.start()
    yield run
    run.end()
    if request.param == "person":
        shutil.rmtree(run.home.parent)


@pytest.fixture(scope="module")
def mallory(trial: Trial) -> Machine:
    return trial.machine("mallory")


@pytest.fixture(scope="module")
def bob(trial: Trial) -> Iterator[Machine]:
    """Return a machine with a web server of Bob's on port 8000."""
    machine = trial.machine("bob")
    client = machine.background("exec python3 -m http.server 8000")
    until(lambda: machine.ssh("curl -s http://127.0.0.1:8000/ > /dev/null").returncode == 0)
    yield machine
    client.kill()
    client.communicate()


def reaches(machine: Machine, host: str, port: int | str) -> bool:
    return machine.ssh(f"curl -gs --max-time 5 --noproxy '*' http://{host}:{port}/").returncode == 0


def is_roots(machine: Machine) -> bool:
    return machine.says("id -u") != str(PERSON)


def test_neither_the_metadata_service_nor_ports_of_the_computer_are_reached(
    computer: int, mallory: Machine, bob: Machine
) -> None:
    api, ssh_port = mallory.trial.environment["AWS_ENDPOINT_URL"].rpartition(":")[2], mallory.trial.environment
    there = [
        (METADATA, 80),
        (f"[{METADATA_6}]", 80),
        (f"[::ffff:{METADATA}]", 80),
        (PRIVATE, 80),
        ("127.0.0.1", computer),
        ("0.0.0.0", computer),
        ("localhost", computer),
        ("127.240.0.9", 80),
        ("127.0.0.1", api),
        (INTERNET, computer),
        (bob.address, 8000),
        (bob.address, 80),
        ("127.0.0.1", 8000),
        ("127.0.0.1", ssh_port["ONDOL_SSH_PORT"]),
    ]
    for host, port in there[:2]:
        subprocess.run(["curl", "-gsf", "--max-time", "5", f"http://{host}:{port}/"], check=True, capture_output=True)
    assert [place for place in there if reaches(mallory, *place)] == []


def test_the_internet_and_the_ssh_of_others_are_reached(mallory: Machine, bob: Machine) -> None:
    assert mallory.says(f"curl -s --max-time 5 http://{INTERNET}/") == "reached"
    port = mallory.trial.environment["ONDOL_SSH_PORT"]
    assert mallory.says(f"timeout 5 bash -c 'exec 3<>/dev/tcp/{bob.address}/{port}; head -c 7 <&3'") == "SSH-2.0"


def test_no_port_of_the_computer_is_taken_not_even_by_ssh(mallory: Machine) -> None:
    port = free_port(following=1)
    flags = ("-R", f"{port + 1}:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes")
    client = mallory.background(f"echo; exec python3 -m http.server -b 0.0.0.0 {port}", flags=flags)
    try:
        until(lambda: reaches(mallory, "127.0.0.1", port))
        for number in (port, port + 1):
            socket.create_server(("127.0.0.1", number)).close()
    finally:
        client.kill()
        client.communicate()


def test_a_forwarded_connection_starts_inside(mallory: Machine, computer: int) -> None:
    local = free_port()
    for host, port in (("127.0.0.1", computer), (METADATA, 80), (f"[{METADATA_6}]", 80)):
        flags = ("-N", "-L", f"127.0.0.1:{local}:{host}:{port}")
        client = mallory.background(flags=flags)
        try:
            assert until(lambda: said_by(local)) == "nothing"
        finally:
            client.kill()
            client.communicate()


def said_by(port: int) -> str:
    """Return what a web server there says, "nothing" where it hangs up, and no word where nobody listens."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    except OSError:
        return ""
    with connection, suppress(ConnectionResetError):
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return connection.recv(1000).decode() or "nothing"
    return "nothing"


def test_a_fork_bomb_stays_in_its_machine(mallory: Machine, bob: Machine) -> None:
    client = mallory.background("b() { b | b & sleep 20; }; b 2> /dev/null; sleep 60")
    try:
        until(lambda: how_many(mallory) > 80, 20)
        assert how_many(mallory) <= 110
        assert bob.says("for i in 1 2 3; do /bin/echo in; done").split() == ["in"] * 3
    finally:
        client.kill()
        client.communicate()
    mallory.stop()
    assert how_many(mallory) == 0
    mallory.start()


def how_many(machine: Machine) -> int:
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found += machine.id.encode() in (folder / "environ").read_bytes()
    return found


def test_memory_ends_at_the_limit_for_one_process_and_for_many(mallory: Machine, bob: Machine) -> None:
    assert "MemoryError" in mallory.ssh("python3 -c 'bytearray(400_000_000)'").stderr
    hog = "python3 -c 'import time; x = bytearray(130_000_000); time.sleep(60)'"
    done = mallory.ssh(f"{hog} & {hog} & {hog} & wait -n; echo ended; kill %1 %2 %3 2> /dev/null; true")
    assert "ended" in done.stdout
    assert f"{mallory.id} used" in mallory.trial.log()
    assert bob.says("echo in") == "in"


def test_the_disk_ends_at_the_limit_and_there_is_room_again_after_deleting(mallory: Machine, bob: Machine) -> None:
    assert mallory.ssh("head -c 200000000 /dev/zero > large").returncode != 0
    assert int(mallory.says("stat -c %s large")) <= 100_000_000
    can_write = "echo more > more; sleep 1.2; echo more > more"
    mallory.ssh("rm large")
    until(lambda: mallory.ssh(can_write).returncode == 0, 20)
    # Its files are counted from time to time, which a busy computer puts off.
    many = "for i in $(seq 60); do head -c 10000000 /dev/zero > f$i || break; sleep 0.7; done; echo $i"
    assert int(mallory.says(f"({many}) 2> /dev/null")) < 60
    refused = mallory.ssh("echo more > more")
    assert (refused.returncode != 0, "disk of this machine is full" in refused.stderr) == (True, True)
    assert bob.says("echo in > note; cat note") == "in"
    mallory.ssh("rm f*")
    until(lambda: mallory.ssh(can_write).returncode == 0, 20)


def test_processes_of_others_are_neither_seen_nor_ended(mallory: Machine, bob: Machine) -> None:
    process = mallory.trial.process
    assert process is not None
    if not is_roots(mallory):
        pytest.skip("whoever starts the cloud is who the machines' processes are: the README says so")
    assert mallory.ssh(f"kill -9 {process.pid} {os.getpid()} 1").returncode != 0
    bobs = bob.says("sleep 60 > /dev/null 2>&1 & echo $!")
    assert mallory.ssh(f"kill -9 {bobs}").returncode != 0
    for path in (f"/proc/{process.pid}", f"/proc/{bobs}", "/proc/1"):
        assert mallory.ssh(f"cat {path}/cmdline").returncode != 0, path
    assert "localcloud" not in mallory.says("ps aux")
    assert process.poll() is None


def test_no_way_leads_out_of_the_namespaces(mallory: Machine) -> None:
    process = mallory.trial.process
    assert process is not None
    for line in (
        f"nsenter -t {process.pid} -n true",
        "mount -t tmpfs none /mnt",
        "umount /home",
        "ip link set lo down",
        "ip route del default",
        "ip route replace default dev lo",
        f"unshare -Ur nsenter -t {process.pid} -n true",
        "unshare -Ur ip link set lo down",
        "unshare -Ur ip route flush table main",
    ):
        assert mallory.ssh(line).returncode != 0, line
    if is_roots(mallory):
        assert mallory.ssh("unshare -Urm sh -c 'umount /home && ls /home'").returncode != 0
    assert mallory.says("grep CapEff /proc/self/status").split()[1] == "0" * 16
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0of the computer")
        abstract.listen()
        line = "import socket; socket.socket(socket.AF_UNIX).connect(chr(0) + 'of the computer')"
        assert "refused" in mallory.ssh(f'python3 -c "{line}"').stderr
