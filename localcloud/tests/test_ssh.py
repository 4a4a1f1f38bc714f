"""Behind each public address a real SSH server: OpenSSH's own client is the judge."""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from ports import free_port
from trial import Machine, Trial, until

pytestmark = pytest.mark.slow


def test_commands_run_as_ubuntu_and_their_exit_code_comes_back(yuna: Machine) -> None:
    done = yuna.ssh("echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert yuna.says("echo $USER $LOGNAME $(basename $SHELL) $(pwd -P)").startswith("ubuntu ubuntu bash ")


def test_never_a_root_shell(yuna: Machine) -> None:
    assert yuna.says("id -u") != "0"
    assert yuna.says("grep CapEff /proc/self/status").split() == ["CapEff:", "0000000000000000"]
    assert yuna.says("grep NoNewPrivs /proc/self/status").split() == ["NoNewPrivs:", "1"]
    assert yuna.ssh("sudo id").returncode == 1
    for secret in ("identity.json", "environment.json", "state.db"):
        if os.geteuid() == 0:
            assert yuna.ssh(f"cat '{yuna.trial.home / secret}'").returncode != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="a person's sandbox has the person's name and folder")
def test_where_root_started_the_cloud_the_user_is_called_ubuntu(yuna: Machine) -> None:
    assert yuna.says("whoami; id -gn; echo ~; hostname; ls /home").split() == [
        "ubuntu",
        "ubuntu",
        "/home/ubuntu",
        "ip-" + yuna.describe()["PrivateIpAddress"].replace(".", "-"),
        "ubuntu",
    ]
    assert not Path("/home/ubuntu/.ssh/authorized_keys").exists()


def test_a_sandbox_sees_nothing_of_its_parents_environment(yuna: Machine) -> None:
    names = {line.partition("=")[0] for line in yuna.says("env").splitlines()}
    expected = {"USER", "LOGNAME", "HOME", "SHELL", "PATH", "LANG", "SSH_CLIENT", "SSH_CONNECTION", "LOCALCLOUD_BOX"}
    assert names <= expected | {"PWD", "SHLVL", "_", "OLDPWD"}


def test_a_terminal_is_a_terminal(yuna: Machine) -> None:
    done = yuna.ssh(flags=("-tt",), input="stty size; tty; echo $SSH_TTY; exit 3\n")
    assert done.returncode == 3
    lines = done.stdout.replace("\r", "").splitlines()
    assert sum(line.startswith("/dev/pts/") for line in lines) == 2
    assert any("ubuntu@ip-10-20-" in line for line in lines)


def test_it_says_that_it_is_ubuntu_24_04(yuna: Machine) -> None:
    greeting = yuna.ssh(flags=("-tt",), input="exit\n").stdout
    assert greeting.startswith("Welcome to Ubuntu 24.04 LTS (GNU/Linux ")
    assert "Welcome" not in yuna.ssh("true", flags=("-tt",)).stdout
    assert yuna.says("lsb_release -sd; lsb_release -cs; lsb_release --release").split("\n") == [
        "Ubuntu 24.04 LTS",
        "noble",
        "Release:\t24.04",
    ]
    assert len(yuna.says("lsb_release -a").split("\n")) == 4
    if os.geteuid() == 0:
        assert yuna.says(". /etc/os-release; echo $PRETTY_NAME") == "Ubuntu 24.04 LTS"


def test_control_c_interrupts_in_a_terminal(yuna: Machine) -> None:
    command = yuna.ssh_command("echo ready; sleep 600; echo code $?", flags=("-tt",))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stdout.readline().strip() == "ready"
        client.stdin.write("\x03")
        client.stdin.flush()
        assert client.wait(10) != 0


def test_a_big_stream_passes_both_ways_unharmed(yuna: Machine) -> None:
    command = yuna.ssh_command("cat")
    data = os.urandom(3_000_000)
    done = subprocess.run(command, input=data, capture_output=True, timeout=30)
    assert done.stdout == data


def test_a_command_that_stops_reading_ends_like_anywhere(yuna: Machine) -> None:
    assert yuna.ssh("head -c 5", input="x" * 1_000_000).stdout == "xxxxx"
    assert yuna.ssh("yes | head -n 2").stdout == "y\ny\n"  # SIGPIPE is not ignored


def test_a_signal_that_ends_a_command_is_told(yuna: Machine) -> None:
    assert yuna.ssh("kill -TERM $$").returncode == 255


def test_the_wrong_key_is_refused(yuna: Machine, tmp_path: Path) -> None:
    key = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    assert "Permission denied" in yuna.ssh("true", key=key).stderr


def test_the_sixth_key_is_the_last_that_is_tried(yuna: Machine, tmp_path: Path) -> None:
    others = [tmp_path / f"other{number}" for number in range(6)]
    for key in others:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)

    def tries(keys: list[Path]) -> int:
        command = yuna.ssh_command("true")
        first = command.index("-i")
        command[first : first + 2] = [word for key in keys for word in ("-i", str(key))]
        return subprocess.run(command, capture_output=True, timeout=20).returncode

    assert tries([*others[:5], yuna.key]) == 0
    assert tries([*others, yuna.key]) == 255


def test_another_user_is_refused(yuna: Machine) -> None:
    assert "Permission denied" in yuna.ssh("true", user="root").stderr


def test_the_key_of_another_machine_is_refused(cloud: Trial, yuna: Machine) -> None:
    key = cloud.home.parent / "intruder.pem"
    key.write_text(cloud.ec2.create_key_pair(KeyName="intruder", KeyType="ed25519")["KeyMaterial"])
    key.chmod(0o600)
    assert "Permission denied" in yuna.ssh("true", key=key).stderr


def test_authorized_keys_is_there(yuna: Machine) -> None:
    assert yuna.says("head -c 8 ~/.ssh/authorized_keys; stat -c %a ~/.ssh/authorized_keys").startswith("ssh-rsa ")


def test_deleting_the_key_pair_locks_nobody_out(cloud: Trial, yuna: Machine) -> None:
    cloud.ec2.delete_key_pair(KeyName="yuna")
    assert yuna.says("echo in") == "in"


def test_only_addresses_that_the_group_allows_come_in(cloud: Trial) -> None:
    areum = cloud.machine("areum", cidr="203.0.113.0/24")
    assert areum.ssh("true").returncode == 255
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "127.0.0.1/32"}]}
    cloud.ec2.authorize_security_group_ingress(GroupId=areum.group_id, IpPermissions=[rule])
    assert areum.says("echo in") == "in"
    cloud.ec2.revoke_security_group_ingress(GroupId=areum.group_id, IpPermissions=[rule])
    assert areum.ssh("true").returncode == 255
    areum.terminate()


def test_forwarding_to_a_server_in_the_sandbox(yuna: Machine) -> None:
    local = free_port()
    line = (
        "import socket; server = socket.create_server(('127.0.0.1', 8765)); print(flush=True); "
        "[(one := server.accept()[0]).sendall(b'through') or one.close() for _ in range(9)]"
    )
    flags = ("-o", "ExitOnForwardFailure=yes", "-L", f"127.0.0.1:{local}:localhost:8765")
    client = yuna.background(f'exec python3 -c "{line}"', flags=flags)
    try:
        assert client.stdout is not None
        assert client.stdout.readline() == "\n"
        with socket.create_connection(("127.0.0.1", local)) as connection:
            assert connection.recv(100) == b"through"
    finally:
        client.kill()
        client.communicate()


def test_forwarding_back_listens_on_loopback_only(yuna: Machine) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    flags = ("-o", "ExitOnForwardFailure=yes", "-R", f"*:0:127.0.0.1:{server.getsockname()[1]}")
    client = yuna.background("sleep 20", flags=("-v", "-o", "LogLevel=INFO", *flags))
    try:
        assert client.stderr is not None
        line = next(line for line in client.stderr if "Allocated port" in line)
        port = int(line.split()[2])
        connect = "timeout 5 bash -c 'exec 3<>/dev/tcp/{}/{}; cat <&3'"
        inside = yuna.background(connect.format("127.0.0.1", port))
        connection, _ = server.accept()
        connection.sendall(b"back")
        connection.close()
        assert inside.communicate()[0] == "back"
        assert "refused" in yuna.ssh(connect.format("127.0.0.2", port)).stderr
    finally:
        client.kill()
        client.communicate()
        server.close()


def alive(machine: Machine, name: str) -> list[int]:
    """Return the processes of this sandbox with `name` in their command line, seen from outside."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
            marked = machine.id.encode() in (folder / "environ").read_bytes()
        except OSError:
            continue
        if name.encode() in line and marked:
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("flags", [(), ("-tt",)], ids=["command", "terminal"])
def test_when_the_client_is_killed_what_it_started_ends(yuna: Machine, flags: tuple) -> None:
    client = yuna.background("while :; do sleep 4001; done", flags=flags)
    until(lambda: alive(yuna, "4001"))
    client.kill()
    client.communicate()
    until(lambda: not alive(yuna, "4001"))


def test_nohup_setsid_and_tmux_survive_the_client_but_not_the_stop(cloud: Trial) -> None:
    dohyun = cloud.machine("dohyun")
    lines = [
        "nohup sleep 4002 > /dev/null 2>&1 & echo $! >> pids",
        "setsid sleep 4003 > /dev/null 2>&1 < /dev/null & echo $! >> pids",
        "env -i setsid sleep 4004 > /dev/null 2>&1 < /dev/null & echo $! >> pids",
        "command -v tmux > /dev/null && tmux new-session -d 'sleep 4005' && tmux list-panes -aF '#{pane_pid}' >> pids",
        "sleep 0.1; echo ready; sleep 4009",
    ]
    client = dohyun.background("\n".join(lines))
    assert client.stdout is not None
    assert client.stdout.readline() == "ready\n"
    client.kill()
    client.communicate()
    until(lambda: not alive(dohyun, "4009"))
    pids = dohyun.says("cat pids").split()
    assert len(pids) >= 3
    assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    dohyun.stop()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    dohyun.terminate()


def test_home_and_host_key_survive_a_stop_and_tmp_does_not(cloud: Trial) -> None:
    seoa = cloud.machine("seoa")

    def host_key() -> str:
        address = seoa.address
        scan = ["ssh-keyscan", "-t", "ed25519", "-p", cloud.environment["ONDOL_SSH_PORT"], address]
        return subprocess.run(scan, capture_output=True, text=True, timeout=10).stdout.split()[-1]

    before = host_key()
    seoa.says("echo kept > kept; mkdir -p 폴더; chmod 500 폴더; echo gone > /tmp/gone")
    old = seoa.address
    seoa.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((old, int(cloud.environment["ONDOL_SSH_PORT"])), timeout=1)
    seoa.start()
    assert seoa.says("cat kept") == "kept"
    if os.geteuid() == 0:
        assert seoa.ssh("test -e /tmp/gone").returncode == 1
    assert host_key() == before
    seoa.terminate()
    until(lambda: not seoa.folder.exists())


def test_a_stop_hangs_up(cloud: Trial) -> None:
    jiwoo = cloud.machine("jiwoo")
    client = jiwoo.background("sleep 4010")
    until(lambda: alive(jiwoo, "4010"))
    began = time.monotonic()
    jiwoo.stop()
    assert client.wait(10) == 255
    client.communicate()
    assert time.monotonic() - began < 5
    assert not alive(jiwoo, "4010")
    jiwoo.terminate()
