"""Public keys that people give: two kinds are taken in any usual spelling, everything else is refused by its name."""

import base64
import codecs
import struct
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization import NoEncryption as Clear
from cryptography.hazmat.primitives.serialization import PrivateFormat as Private
from django.utils import translation

from ondol.keys import ppk
from ondol.keys.public_key import BadPublicKey, parse
from tests.instances.keys import KEY, PEM

HERS = ed25519.Ed25519PrivateKey.generate()
HER_LINE = HERS.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
HER_BLOB = HER_LINE.split()[1]
SHORT_RSA = KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def string(data):
    return struct.pack(">I", len(data)) + data


def number(value):
    return string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def line(kind, *parts):
    return f"{kind} {base64.b64encode(string(kind.encode()) + b''.join(parts)).decode()}"


def rsa_line(n, e=65537, kind="ssh-rsa"):
    return line(kind, number(e), number(n))


def openssh(key):
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def pem_of(key, form):
    return key.private_bytes(Encoding.PEM, form, Clear()).decode()


def rfc_4716():
    return f'---- BEGIN SSH2 PUBLIC KEY ----\nComment: "alice"\n{HER_BLOB}\n---- END SSH2 PUBLIC KEY ----\n'


ECDSA = ec.generate_private_key(ec.SECP256R1())
LONG = (1 << 4095) + 1

WRONG = [
    ("nothing", "", "empty"),
    ("blanks", " \r\n\t ", "empty"),
    ("a byte-order mark alone", "\ufeff\n", "empty"),
    ("a private key of AWS", PEM, "private"),
    ("a private key of OpenSSH", pem_of(HERS, Private.OpenSSH), "private"),
    ("a private key in PKCS #8", pem_of(HERS, Private.PKCS8), "private"),
    (
        "a private key with a passphrase",
        HERS.private_bytes(Encoding.PEM, Private.PKCS8, BestAvailableEncryption(b"secret")).decode(),
        "private",
    ),
    ("a private key of PuTTY", ppk.from_pem(PEM, "alice"), "private"),
    ("a private key behind its public one", f"{HER_LINE}\n{PEM}", "private"),
    ("two keys", f"{HER_LINE}\n{HER_LINE}\n", "lines"),
    ("authorized_keys", f"# mine\n{HER_LINE} alice\n# old\n", "lines"),
    ("a key that a terminal has wrapped", f"{HER_LINE[:40]}\n{HER_LINE[40:]}", "lines"),
    ("RSA of 1024 bits", rsa_line((1 << 1023) + 1), "bits"),
    ("RSA of 2048 bits", SHORT_RSA, "bits"),
    ("RSA of 3071 bits", rsa_line((1 << 3070) + 1), "bits"),
    ("RSA of 4104 bits", rsa_line((1 << 4103) + 1), "bits"),
    ("RSA of 16384 bits", rsa_line((1 << 16383) + 1), "bits"),
    ("RSA of 32768 bits", rsa_line((1 << 32767) + 1), "too_long"),
    ("RSA with exponent 1", rsa_line(LONG, 1), "damaged"),
    ("RSA with exponent 3", rsa_line(LONG, 3), "damaged"),
    ("RSA with an even exponent", rsa_line(LONG, 65536), "damaged"),
    ("RSA with a huge exponent", rsa_line(LONG, (1 << 200) + 1), "damaged"),
    ("RSA with an even modulus", rsa_line(LONG + 1), "damaged"),
    ("RSA with a negative modulus", line("ssh-rsa", number(65537), string(b"\xff" * 512)), "damaged"),
    ("RSA that says it signs with SHA-2", rsa_line(LONG, kind="rsa-sha2-512"), "kind"),
    ("DSA", line("ssh-dss", number(LONG), number(LONG), number(2), number(LONG)), "kind"),
    ("ECDSA", openssh(ECDSA), "kind"),
    ("a security key", line("sk-ssh-ed25519@openssh.com", string(b"k" * 32), string(b"ssh:")), "kind"),
    (
        "a security key of ECDSA",
        line("sk-ecdsa-sha2-nistp256@openssh.com", string(b"nistp256"), string(b"\4" * 65), string(b"ssh:")),
        "kind",
    ),
    ("Ed448", line("ssh-ed448", string(b"k" * 57)), "kind"),
    ("a certificate", line("ssh-ed25519-cert-v01@openssh.com", string(b"n" * 32)), "certificate"),
    ("a certificate of RSA", line("ssh-rsa-cert-v01@openssh.com", string(b"n" * 32)), "certificate"),
    ("RFC 4716", rfc_4716(), "format"),
    ("PEM", HERS.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "format"),
    ("PKCS #1", KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode(), "format"),
    ("a command before the key", f'command="rm -rf /" {HER_LINE}', "options"),
    ("an option before the key", f"no-pty {HER_LINE}", "options"),
    ("a certification authority", f"cert-authority {HER_LINE}", "options"),
    ("a line of known_hosts", f"lab.example.org {HER_LINE}", "options"),
    ("the type alone", "ssh-ed25519", "damaged"),
    ("base64 that is cut", HER_LINE[:-9], "damaged"),
    ("base64 that is cut at four letters", HER_LINE[:-8], "damaged"),
    ("other letters than base64", HER_LINE.replace("AAAA", "A!_-"), "damaged"),
    ("a type that is not its own", f"ssh-rsa {HER_BLOB}", "damaged"),
    ("an ECDSA key that says ed25519", f"ssh-ed25519 {openssh(ECDSA).split()[1]}", "damaged"),
    ("bytes behind the key", line("ssh-ed25519", string(b"k" * 32), b"more"), "damaged"),
    ("31 bytes", line("ssh-ed25519", string(b"k" * 31)), "damaged"),
    ("a length that lies", line("ssh-ed25519", struct.pack(">I", 2**32 - 1), b"k" * 32), "damaged"),
    ("a fingerprint", "SHA256:" + "a" * 43, "fingerprint"),
    ("what ssh-keygen -l prints", f"256 SHA256:{'a' * 43} alice@lab (ED25519)", "fingerprint"),
    ("a fingerprint of MD5", "MD5:" + ":".join(["0a"] * 16), "fingerprint"),
    ("the base64 alone", HER_BLOB, "no_key"),
    ("a page", "<!doctype html>\n<html>\n<title>GitHub</title>\n</html>", "no_key"),
    ("the name of a file", "~/.ssh/id_ed25519.pub", "no_key"),
    ("a command", "ssh-keygen -t ed25519", "kind"),
    ("Korean", "제 공개 키입니다", "no_key"),
    ("an age key", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "no_key"),
    ("a key of PGP", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----", "format"),
    ("a null byte", HER_LINE + "\0", "encoding"),
    ("UTF-16", HER_LINE.encode("utf-16-le").decode("utf-8"), "encoding"),
    ("UTF-16 with its mark", (codecs.BOM_UTF16_LE + HER_LINE.encode("utf-16-le")).decode(errors="replace"), "encoding"),
    ("a huge text", HER_LINE + " " + "a" * 1_000_000, "too_long"),
    ("a surrogate", HER_LINE.replace("AAAA", "\ud800"), "damaged"),
]


def refusal(text):
    with pytest.raises(BadPublicKey) as refused:
        parse(text)
    return refused.value


@pytest.mark.parametrize("language", ["en", "ko"])
def test_alice_who_pastes_what_is_no_public_key_of_hers_reads_what_it_is(language):
    with translation.override(language):
        found = {name: refusal(text) for name, text, _code in WRONG}
    assert {name: refused.code for name, refused in found.items()} == {name: code for name, _text, code in WRONG}
    assert len({refused.code for refused in found.values()}) == 13, "and each has a sentence of its own"
    assert len({refused.message for refused in found.values()}) >= 13
    for name, refused in found.items():
        assert refused.hint, name
        assert ("니다." in refused.message) == (language == "ko"), (name, refused.message)
        assert "PRIVATE KEY-----" not in str(refused), "no refusal repeats the key"


def test_a_key_is_taken_as_people_and_their_programs_spell_it():
    plain = parse(HER_LINE)
    assert (plain.openssh, plain.kind, plain.comment) == (HER_LINE, "ssh-ed25519", "")
    spelt = [
        f"{HER_LINE}\n",
        f"{HER_LINE}\r\n",
        f"\ufeff{HER_LINE}",
        f"  {HER_LINE} \t\n\n",
        HER_LINE.replace(" ", "\t"),
        HER_LINE.replace(" ", "   "),
        f"\n\n{HER_LINE}",
    ]
    assert {parse(text) for text in spelt} == {plain}


def test_a_comment_is_kept_as_far_as_it_can_be_shown():
    said = {
        "alice@lab": "alice@lab",
        "alice kim  at the lab": "alice kim  at the lab",
        "김민지@연구실": "김민지@연구실",
        "a\u202eb\u200bc\x07": "abc",
        "a" * 300: "a" * 100,
        "<b>alice</b>": "<b>alice</b>",
        "command=x": "command=x",
        "# note": "# note",
    }
    assert {comment: parse(f"{HER_LINE} {comment}").comment for comment in said} == said


def test_a_key_is_known_by_what_ssh_keygen_says(tmp_path):
    for kind, bits in (("ed25519", 256), ("rsa", 3072), ("rsa", 4096)):
        file = tmp_path / f"{kind}{bits}"
        words = ["ssh-keygen", "-q", "-t", kind, "-b", str(bits), "-N", "", "-C", "alice@lab", "-f", str(file)]
        subprocess.run(words, check=True, timeout=120)
        printed = subprocess.run(
            ["ssh-keygen", "-l", "-f", str(file)], check=True, capture_output=True, text=True, timeout=30
        ).stdout
        key = parse(file.with_suffix(".pub").read_text())
        assert printed.split()[1:3] == [key.fingerprint, key.comment]


def test_an_rsa_key_at_the_limits_is_taken():
    for bits in (3072, 4096):
        made = rsa.generate_private_key(65537, bits)
        assert parse(openssh(made)).openssh == openssh(made)
