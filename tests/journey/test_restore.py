"""An old backup is restored while machines go on at AWS: none is terminated, and nothing is lost without a message."""

import subprocess

import pytest

from ondol.backup import archive
from tests.furnished import furnished
from tests.journey.site import Site, ssh_options, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def command(site, *words):
    """Return what a command says, and its code."""
    done = subprocess.run([*site.ondol, *words], env=site.env, text=True, capture_output=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def status_of(site, person):
    query = "SELECT i.status FROM instances_instance i JOIN accounts_user u ON u.id = i.owner_id WHERE u.email = %s"
    return [status for (status,) in site.ask(query, person.email)]


def test_alices_machine_has_ended_and_bobs_was_made_since_the_backup(tmp_path):
    site = Site(furnished(tmp_path / "home"), "--speed", "10").start(150)
    try:
        [ada], (alice, bob) = site.people("ada", admin=True), site.people("alice", "bob")
        alice.create()
        site.command("backup", str(file := tmp_path / "ondol.backup"))
        bobs = bob.create()
        machine = bobs["instance_id"]
        key = bob.key(tmp_path)
        [(alices_id,)] = site.ask("SELECT id FROM accounts_user WHERE email = %s", alice.email)
        assert ada.call("DELETE", f"/admin/users/{alices_id}/instance").status_code == 202
        until(lambda: status_of(site, alice) == ["TERMINATED"], 90, "Alice's machine has ended")

        assert command(site, "restore", str(file))[0] == 1, "it runs"
        site.stop()
        code, said = command(site, "restore", str(file))
        assert code == 0, said
        assert (
            f"The backup does not know {machine} of bob@example.org; its private SSH key is in before-restore" in said
        )
        [before] = site.home.glob("before-restore-*.backup")
        with archive.reading(before) as backup:
            assert sum(backup.manifest.vault_keys.values()) == 1, "Bob's"

        site.start(150)
        until(lambda: status_of(site, alice) == ["TERMINATED"], 90, "a worker has seen that it has ended")
        code, said = command(site, "sweep", "--apply")
        assert code == 1
        assert f"instance {machine}\n    This database does not know it" in said
        assert bob.machine() is None
        login = ["ssh", *ssh_options(key, bobs), f"ubuntu@{bobs['public_ip']}", "echo in"]
        assert subprocess.run(login, text=True, capture_output=True, timeout=30, check=False).stdout == "in\n"
        alarms = site.aws("cloudwatch").describe_alarms(AlarmNamePrefix=f"ondol-{bobs['id']}")["MetricAlarms"]
        assert [alarm["ActionsEnabled"] for alarm in alarms] == [True], "it stops by itself when it is idle"
    finally:
        site.stop()
