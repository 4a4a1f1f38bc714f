"""The commands and the entry that are shown, judged by OpenSSH itself beside configurations that people have."""

import re
import shlex
import subprocess
from dataclasses import replace

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
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
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
        BOBS.ssh,
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
    words = BOBS.unix.replace("&& ssh", "&& echo connected:")
    done = run(words, tmp_path)
    assert BOBS.kit.missing in done.stderr
    assert (done.stdout, done.returncode) == ("", 1)
    assert not (tmp_path / ".ssh/ondol.conf").exists()


AT_HOME = HAVE | {
    "no file": None,
    "an Include": "Include other.conf\n" + ABOVE,
    "a byte-order mark": "\ufeff" + ABOVE,
    "a byte-order mark and lines of Windows": "\ufeff" + ABOVE.replace("\n", "\r\n"),
    "our entry in the middle": "Host a\n  Port 1\nHost ondol\n  HostName 198.51.100.7\n  Port 9\n\nHost b\n  Port 2\n",
    "HOST in capital letters": "HOST ondol\n  HOSTNAME 198.51.100.7\n  PORT 9\n",
    "comments": "# mine\n\n  # Host ondol\nHost ondol # old\n  # below\n  HostName 198.51.100.7\n",
    "a comment in Korean, as Windows writes it": "# 연구실\n".encode("cp949") + ABOVE.encode(),
    "our line, moved down": ABOVE + "\tinclude  ondol.conf \r\nHost b\n  Port 2",
    "our line, without an end": "Host b\n  Port 2\nInclude ondol.conf",
}


def run(words, home):
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    return subprocess.run(["/bin/sh", "-c", words], env=environment, capture_output=True, text=True, check=False)


def by_shell(connect, home):
    """Do what the commands for a shell do."""
    done = run(connect.unix_setup, home)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def by_powershell(connect, home):
    """Do what the commands for PowerShell say of the configuration, with their own pattern."""
    ssh = home / ".ssh"
    entry = re.search(r"@\(\n(.*?)\)\n", connect.windows, re.S)[1]
    (ssh / "ondol.conf").write_text("".join(f"{line}\r\n" for line in re.findall("^  '(.*)'", entry, re.M)))
    config = ssh / "config"
    text = config.read_bytes().decode("latin-1") if config.exists() else ""
    mark, ours = re.findall(r"-replace '([^']*)',''", connect.windows)
    text = re.sub(ours.replace(r"\z", r"\Z"), "", re.sub(mark, "", text))
    config.write_bytes(f"Include ondol.conf\n{text}".encode("latin-1"))


@pytest.mark.parametrize("paste", [by_shell, by_powershell])
@pytest.mark.parametrize("have", AT_HOME.values(), ids=AT_HOME)
def test_bob_pastes_it_after_each_start(tmp_path, have, paste):
    """The second and third paste change nothing but his entry; what else he has keeps its meaning and its bytes."""
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    (ssh / BOBS.key_file).touch()
    config = ssh / "config"
    raw = have if isinstance(have, bytes) or have is None else have.encode()
    plain = (raw or b"").removeprefix(b"\xef\xbb\xbf")
    if raw is not None:
        config.write_bytes(raw)
    before = replace(BOBS, address="198.51.100.9")
    pasted = set()
    for connect in (before, before, BOBS):
        paste(connect, tmp_path)
        pasted.add(config.read_bytes())
        # ssh looks for it in the home of the account, not in $HOME.
        text = config.read_bytes().replace(b"ondol.conf", str(ssh / "ondol.conf").encode(), 1)
        found = judged(tmp_path, text, ALIAS)
        assert found["hostname"] == [connect.address]
    assert_ours(found)
    assert found["hostkeyalias"] == [f"ondol-{BOBS.instance_id}"]
    assert len(pasted) == 1
    rest = pasted.pop().removeprefix(b"Include ondol.conf\n")
    left = re.sub(rb"(?m)^[ \t]*[Ii]nclude +ondol.conf[ \t\r]*(\n|\Z)", b"", plain)
    assert rest == left
    for host in ("work.example.org", "oracle"):
        assert judged(tmp_path, text, host) == judged(tmp_path, left, host)


def test_a_new_folder_is_made_for_bob_alone(tmp_path):
    (tmp_path / "Downloads").mkdir()
    (tmp_path / "Downloads" / BOBS.key_file).touch()
    by_shell(BOBS, tmp_path)
    ssh = tmp_path / ".ssh"
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in (ssh, *ssh.iterdir())} == {
        ".ssh": "0o700", BOBS.key_file: "0o600", "ondol.conf": "0o600", "config": "0o600",
    }  # fmt: skip


def test_a_configuration_that_is_a_link_stays_one(tmp_path):
    ssh = tmp_path / ".ssh"
    ssh.mkdir()
    (ssh / BOBS.key_file).touch()
    (tmp_path / "dotfiles").write_text(ABOVE)
    (ssh / "config").symlink_to(tmp_path / "dotfiles")
    by_shell(BOBS, tmp_path)
    assert (ssh / "config").is_symlink()
    assert (tmp_path / "dotfiles").read_text() == f"Include ondol.conf\n{ABOVE}"
