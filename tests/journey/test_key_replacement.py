"""The key of a machine is replaced on a real site: the old one is refused, the new one let in, within seconds."""

import subprocess
import time

import pytest

from tests.furnished import furnished
from tests.journey.site import Site, slowness, text_of, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
LIMIT = 10.0
"""Seconds from the click until the old key is refused, on a computer with nothing else to do."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(furnished(tmp_path_factory.mktemp("keys") / "home")).start()
    (site.home / "cloud/policy.json").write_text(site.command("doctor", "--print-policy", "--language", "en"))
    yield site
    site.stop()


def replaced(person, **wish):
    """Ask for another key, wait until it is so, and return the seconds."""
    began = time.monotonic()
    answer = person.call("POST", "/instances/ssh-key/replacement", json=wish)
    assert answer.status_code == 202, answer.text
    until(lambda: person.machine()["key_replacement"]["state"] == "DONE", 60, "a replaced key")
    return time.monotonic() - began


def is_refused(person, key):
    done = person.try_ssh(key, "true")
    return done.returncode == 255 and "Permission denied" in done.stderr


def test_minji_replaces_her_key_twice_and_loses_hers_in_between(site, tmp_path):
    minji, jun = site.people("minji", "jun")
    minji.create()
    first = minji.key(tmp_path)
    friends = tmp_path / "friend"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(friends)], check=True)
    minji.ssh(first, f"echo '{friends.with_suffix('.pub').read_text().strip()}' >> .ssh/authorized_keys")

    seconds = replaced(minji)
    print(f"made by AWS: {seconds:.1f} s")
    second = minji.key(tmp_path_second(tmp_path))
    assert is_refused(minji, first)
    assert minji.ssh(second, "stat -c %a .ssh/authorized_keys").strip() == "600"
    assert minji.ssh(friends, "echo in").strip() == "in"

    minji.ssh(second, "rm -r .ssh")  # now nobody gets in
    assert is_refused(minji, second)
    own = tmp_path / "own"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(own)], check=True)
    again = replaced(minji, public_key=own.with_suffix(".pub").read_text())
    print(f"her own: {again:.1f} s")
    assert is_refused(minji, second)
    assert minji.ssh(own, "wc -l < .ssh/authorized_keys").strip() == "1"
    assert minji.call("POST", "/instances/ssh-key").status_code == 404
    assert site.ask("SELECT count(*) FROM instances_sshkey WHERE length(sealed_private_key) > 0") == [(0,)]
    assert jun.call("POST", "/instances/ssh-key/replacement").status_code == 404
    letters = until(lambda: [x for x in site.letters() if "SSH" in text_of(x)], 20, "a letter")
    assert "PRIVATE KEY" not in "".join(map(text_of, letters))
    assert max(seconds, again) < LIMIT * slowness()


def tmp_path_second(folder):
    (folder / "second").mkdir()
    return folder / "second"
