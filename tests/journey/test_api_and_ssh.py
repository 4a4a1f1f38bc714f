"""A machine's whole life, over the API and OpenSSH."""

import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.journey.aws import KINDS, NOTHING, ONE_OF_EACH, count, sealed_keys, tags_of, things_of, wanted_tags
from tests.journey.site import free_port, ssh_options, until

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def admin(site):
    [ada] = site.people("ada", admin=True)
    return ada


@pytest.fixture(scope="module")
def people(site):
    names = ("alice", "bob", "carol", "dan", "erin", "frank")
    return dict(zip(names, site.people(*names), strict=True))


def test_alice_works_on_her_machine_and_keeps_her_files(people, tmp_path):
    alice = people["alice"]
    assert alice.machine() is None
    first = alice.create()
    key = alice.key(tmp_path)
    assert alice.ssh(key, "echo $USER; id -u; hostname").splitlines()[0] == "ubuntu"
    assert alice.ssh(key, "id -u").strip() != "0"
    assert alice.try_ssh(key, "true", user="root").returncode != 0
    alice.ssh(key, "echo kept > note.txt")

    assert alice.call("POST", "/instances/stop").status_code == 202
    stopped = alice.wait_for("STOPPED")
    assert (stopped["status_reason"], stopped["public_ip"]) == ("PERSON", None)
    assert alice.call("POST", "/instances/start").status_code == 202
    again = alice.wait_for("RUNNING")
    assert again["instance_id"] == first["instance_id"]
    assert again["public_ip"] != first["public_ip"]
    assert alice.ssh(key, "cat note.txt") == "kept\n"


def test_bob_copies_files_and_forwards_a_port(people, tmp_path):
    bob = people["bob"]
    machine = bob.create()
    key = bob.key(tmp_path)
    up, down = tmp_path / "up.bin", tmp_path / "down.bin"
    up.write_bytes(bytes(range(256)) * 4096)
    there = f"ubuntu@{machine['public_ip']}:copy.bin"
    options = ssh_options(key, machine, "-P")
    subprocess.run(["scp", "-q", *options, str(up), there], check=True, timeout=30)
    subprocess.run(["scp", "-q", *options, there, str(down)], check=True, timeout=30)
    assert down.read_bytes() == up.read_bytes()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_greet, args=(server,), daemon=True).start()
        near = free_port()
        tunnel = subprocess.Popen(
            ["ssh", *ssh_options(key, machine), "-N", "-L", f"{near}:127.0.0.1:{server.getsockname()[1]}",
             f"ubuntu@{machine['public_ip']}"]
        )  # fmt: skip
        try:
            assert until(lambda: _read(near), 10, "the forwarded port answers") == b"warm"
        finally:
            tunnel.terminate()
            tunnel.wait(10)


def _greet(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.sendall(b"warm")


def _read(port: int) -> bytes:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(16)
    except OSError:
        return b""


def test_carol_cannot_enter_dans_machine(people, tmp_path):
    carol, dan = people["carol"], people["dan"]
    for who in (carol, dan):
        assert who.call("POST", "/instances").status_code == 202
    for who in (carol, dan):
        who.wait_for("RUNNING")
    refused = dan.try_ssh(carol.key(tmp_path), "true")
    assert refused.returncode == 255
    assert "Permission denied" in refused.stderr


def test_the_administrator_ends_erins_machine_and_nothing_is_left(site, people, admin, tmp_path):
    erin = people["erin"]
    first = erin.create()
    old_key = erin.key(tmp_path).read_text()
    things = things_of(erin)
    assert count(things) == ONE_OF_EACH
    tags = {kind: tags_of(thing) for kind, [thing] in things.items()}
    assert tags == dict.fromkeys(KINDS, wanted_tags(erin, first["id"]))
    assert sealed_keys(erin) == [things["key pair"][0]["KeyName"]]

    users = admin.call("GET", "/admin/users").json()["users"]
    erins_id = next(user["id"] for user in users if user["email"] == erin.email)
    assert erin.call("DELETE", f"/admin/users/{erins_id}/instance").status_code == 403
    assert count(things_of(erin)) == ONE_OF_EACH
    assert admin.call("DELETE", f"/admin/users/{erins_id}/instance").status_code == 202
    until(lambda: erin.machine() is None, 60, "erin's machine is gone")
    assert things_of(erin) == NOTHING
    [ended] = site.aws("ec2").describe_instances(InstanceIds=[first["instance_id"]])["Reservations"]
    assert ended["Instances"][0]["State"]["Name"] == "terminated"
    assert sealed_keys(erin) == []
    assert erin.call("POST", "/instances/ssh-key").status_code == 404

    second = erin.create()
    assert second["instance_id"] != first["instance_id"]
    assert erin.key(tmp_path).read_text() != old_key
    assert count(things_of(erin)) == ONE_OF_EACH


def test_twenty_clicks_make_one_machine(people):
    frank = people["frank"]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: frank.call("POST", "/instances").status_code, range(20)))
    assert set(answers) <= {202, 409}
    assert 202 in answers
    machine = frank.wait_for("RUNNING")
    things = things_of(frank)
    assert count(things) == ONE_OF_EACH
    assert things["instance"][0]["InstanceId"] == machine["instance_id"]
    assert sealed_keys(frank) == [things["key pair"][0]["KeyName"]] == [things["instance"][0]["KeyName"]]


def test_secrets_do_not_reach_the_log(site):
    text = "".join(path.read_text() for path in Path(site.home).rglob("*.log"))
    assert "PRIVATE KEY" not in text
