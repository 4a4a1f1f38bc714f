"""PuTTY's form of a private key: PuTTY reads it, and finds the same key."""

import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from ondol.keys import ppk
from tests.instances.keys import KEY, PEM

needs_putty = pytest.mark.skipif(not shutil.which("puttygen"), reason="needs puttygen (Debian: putty-tools)")


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "ondol-alice.ppk"
    file.write_text(ppk.from_pem(PEM, "ondol-alice"))
    file.chmod(0o600)
    return file


def puttygen(*words):
    done = subprocess.run(["puttygen", *map(str, words)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_putty
def test_putty_finds_the_same_public_key(file):
    openssh = KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert puttygen(file, "-L").split() == [*openssh.split(), "ondol-alice"]


@needs_putty
def test_putty_gives_back_the_same_private_key(file, tmp_path):
    puttygen(file, "-O", "private-openssh", "-o", tmp_path / "back.pem")
    back = load_pem_private_key((tmp_path / "back.pem").read_bytes(), None)
    assert back.private_numbers() == KEY.private_numbers()


@needs_putty
def test_putty_notices_a_changed_file(file, tmp_path):
    text = file.read_text()
    file.write_text(text.replace("Comment: ondol-alice", "Comment: ondol-mallory"))
    with pytest.raises(AssertionError, match="MAC failed"):
        puttygen(file, "-O", "private-openssh", "-o", tmp_path / "back.pem")


def test_the_file_has_the_lines_that_it_says(file):
    lines = file.read_text().splitlines()
    assert lines[:3] == ["PuTTY-User-Key-File-2: ssh-rsa", "Encryption: none", "Comment: ondol-alice"]
    for part in ("Public-Lines", "Private-Lines"):
        at = next(number for number, line in enumerate(lines) if line.startswith(part))
        count = int(lines[at].split(": ")[1])
        assert all(len(line) <= 64 and ":" not in line for line in lines[at + 1 : at + 1 + count])
        assert ":" in lines[at + 1 + count]
    assert file.read_text().isascii()


def test_only_rsa_keys_have_this_form():
    key = generate_ec_key(SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    with pytest.raises(ValueError, match="only RSA keys"):
        ppk.from_pem(pem, "x")
