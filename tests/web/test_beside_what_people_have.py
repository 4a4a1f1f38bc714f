"""The commands and the entry that are shown, judged by OpenSSH itself beside configurations that people have."""

import shlex
import subprocess

import pytest

from ondol.web.machine.connect import ALIAS, Connect

BOBS = Connect("ondol-bob-5f0c9a52.pem", "203.0.113.24", "i-0123456789abcdef0")
KEY = "~/.ssh/ondol-bob-5f0c9a52.pem"
ABOVE = "Host *\n  User kim\n  Port 2222\n  IdentityFile ~/.ssh/id_rsa\n  IdentitiesOnly no\n"
HAVE = {
    "nothing": "",
    "Host * that names everything": ABOVE,
    "an agent of its own": "Host *\n  IdentityAgent ~/.1password/agent.sock\n  AddKeysToAgent yes\n",
    "settings before any Host": "Port 2222\nUser kim\nIdentityFile ~/.ssh/id_ed25519\n",
    "a last line that does not end": ABOVE.rstrip("\n"),
    "lines of Windows": ABOVE.replace("\n", "\r\n"),
    "an entry of another installation": f"Host {ALIAS}\n  HostName 198.51.100.7\n  Port 2200\n  User root\n"
    "  IdentityFile ~/.ssh/ondol-bob-00000000.pem\n  HostKeyAlias ondol-i-0\n",
    "the entry of the last start": Connect(BOBS.key_file, "198.51.100.9", BOBS.instance_id).config_entry,
    "a pattern that takes the name": "Host o*\n  User oracle\n  HostName oracle.example.org\n  Port 1522\n",
    "Match all": "Match all\n  User kim\n  Port 2222\n  IdentitiesOnly no\n",
    "Match by user": 'Match exec "true"\n  StrictHostKeyChecking yes\n  Port 26\n',
}


def judged(tmp_path, text, *words):
    """Return what `ssh -G` makes of these words, all identity files in order.

    The key is there: ssh drops an `-i` without a file. It does not ask $HOME for the home, so the key is elsewhere.
    """
    file = tmp_path / "config"
    file.write_bytes(text.encode())
    key = tmp_path / KEY.removeprefix("~/.ssh/")
    key.touch()
    words = [str(key) if word == KEY else word for word in words]
    done = subprocess.run(["ssh", "-G", "-F", str(file), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).append(value)
    return found


def assert_ours(found):
    shown = {name: found[name][0] for name in ("hostname", "user", "port", "identitiesonly")}
    assert shown == {"hostname": BOBS.address, "user": "ubuntu", "port": "22", "identitiesonly": "yes"}
    assert found["identityfile"][0].endswith(f"/{BOBS.key_file}")


@pytest.mark.parametrize("have", HAVE.values(), ids=HAVE)
def test_bobs_entry_counts_at_the_beginning_of_his_configuration(tmp_path, have):
    found = judged(tmp_path, BOBS.config_entry + have, ALIAS)
    assert_ours(found)
    assert found["hostkeyalias"] == ["ondol-i-0123456789abcdef0"]


@pytest.mark.parametrize("have", HAVE.values(), ids=HAVE)
def test_bobs_other_hosts_are_as_before(tmp_path, have):
    for host in ("work.example.org", "oracle"):
        assert judged(tmp_path, BOBS.config_entry + have, host) == judged(tmp_path, have, host)


def test_bobs_entry_below_a_line_that_does_not_end_is_read(tmp_path):
    assert_ours(judged(tmp_path, "Host work\n  Port 2222" + BOBS.config_entry, ALIAS))


@pytest.mark.parametrize("have", HAVE.values(), ids=HAVE)
@pytest.mark.parametrize(
    "command",
    [
        BOBS.unix.rpartition("\n")[2],
        BOBS.windows.rpartition("\n")[2].replace("$k", KEY),
        shlex.split(BOBS.rsync)[3] + f" {BOBS.target}",
    ],
)
def test_bobs_commands_count_without_an_entry(tmp_path, have, command):
    assert_ours(judged(tmp_path, have, *shlex.split(command)[1:]))


def test_scp_is_told_the_same(tmp_path):
    """scp hands its options to ssh; only that of the port has another letter."""
    program, *words = shlex.split(BOBS.scp)
    assert program == "scp"
    words = ["-p" if word == "-P" else word for word in words[:-2]]
    assert_ours(judged(tmp_path, ABOVE, *words, BOBS.target))


def test_a_key_that_is_elsewhere_is_named(tmp_path):
    """ssh would say no more than that it is not let in."""
    words = BOBS.unix.replace("&&\nssh", "&& echo connected:")
    done = subprocess.run(
        ["/bin/sh", "-c", words], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"{BOBS.key_file}': No such file" in done.stderr
    assert "connected" not in done.stdout
