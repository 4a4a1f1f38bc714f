"""A public SSH key that a person gives: read, checked and written again in one form."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key
from django.utils.translation import gettext as _

LONGEST = 4000
"""The most characters of a text that is read: an RSA key of 4096 bits has about 740."""
LONGEST_COMMENT = 100
FEWEST_BITS, MOST_BITS = 3072, 4096
"""The lengths of RSA keys. EC2 documents none that is longer: "Create key pairs", EC2 User Guide."""
_USUAL_EXPONENT = 65537
_ED25519, _RSA = "ssh-ed25519", "ssh-rsa"
_KIND = re.compile(r"(ssh-|ecdsa-|sk-|rsa-|x509v3-)[a-z0-9@.-]+")
_A_KEY_IN_IT = re.compile(r"(^|[\s\"])(ssh-|ecdsa-|sk-)[a-z0-9@.-]+[ \t]+AAAA")
_FINGERPRINT = re.compile(r"(\d+ )?(SHA256:[A-Za-z0-9+/=]{43}|(MD5:)?([0-9a-f]{2}:){15}[0-9a-f]{2})", re.IGNORECASE)


class BadPublicKey(Exception):
    """A text that is not an acceptable public key: `code` for programs, two sentences in the person's language."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(code, message, hint)
        self.code, self.message, self.hint = code, message, hint


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that is accepted."""

    openssh: str
    """Type and base64 in one line, without the comment."""
    kind: str
    """The type as OpenSSH names it: "ssh-ed25519" or "ssh-rsa"."""
    fingerprint: str
    """What `ssh-keygen -l` prints: "SHA256:" and base64 without padding."""
    comment: str
    """The comment after the key, often a name and a computer, without invisible characters."""


def parse(text: str) -> PublicKey:
    """Return the public key in a text. Raises BadPublicKey unless it is exactly one."""
    line = _one_line(text)
    kind, blob, comment = [*line.split(None, 2), "", ""][:3]
    _check_kind(kind, line)
    key = _load(f"{kind} {blob}")
    if isinstance(key, RSAPublicKey):
        _check_rsa(key)
    openssh = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    digest = hashlib.sha256(base64.b64decode(openssh.split()[1])).digest()
    shown = "".join(character for character in comment if character.isprintable())
    return PublicKey(
        openssh, kind, "SHA256:" + base64.b64encode(digest).decode().rstrip("="), shown[:LONGEST_COMMENT].strip()
    )


def _one_line(text: str) -> str:
    """Return the line that is not empty, if there is only one."""
    text = text.removeprefix("\ufeff").strip()
    if not text:
        raise BadPublicKey("empty", _("There is no key here."), _paste_one())
    _refuse_private(text)
    if "\0" in text or "\ufffd" in text:
        raise BadPublicKey(
            "encoding",
            _("This is not plain text: it may be saved as UTF-16."),
            _("Save the file as UTF-8 and try again."),
        )
    if len(text) > LONGEST:
        raise BadPublicKey("too_long", _("This is too long for a public key."), _paste_one())
    if re.match(r"-+ ?BEGIN ", text):
        raise BadPublicKey(
            "format",
            _("This public key is not in OpenSSH’s format."),
            _("Convert it: `ssh-keygen -i -f FILE` for a key of PuTTY, with `-m PKCS8` for PEM. Paste what it prints."),
        )
    if len(text.splitlines()) > 1 and _A_KEY_IN_IT.search(text):
        raise BadPublicKey("lines", _("This has more than one line."), _paste_one())
    return text


def _refuse_private(text: str) -> None:
    if "PRIVATE KEY" in text or "PuTTY-User-Key-File" in text:
        raise BadPublicKey(
            "private",
            _("This is a private key. It was not kept."),
            _("Create a new key, because this one has left your computer. Paste the file that ends in .pub."),
        )


def _check_kind(kind: str, line: str) -> None:
    if kind in {_ED25519, _RSA}:
        return
    if _FINGERPRINT.match(line):
        raise BadPublicKey("fingerprint", _("This is the fingerprint of a key, not the key."), _paste_one())
    if "-cert-v" in kind and _KIND.fullmatch(kind):
        raise BadPublicKey(
            "certificate", _("This is a certificate."), _("Paste the public key for which it was signed.")
        )
    if _KIND.fullmatch(kind):
        raise BadPublicKey(
            "kind",
            _("Keys of the type %(kind)s are not accepted.") % {"kind": kind[:40]},
            _("Use ed25519, or RSA of at least %(bits)d bits: `ssh-keygen -t ed25519`.") % {"bits": FEWEST_BITS},
        )
    if _A_KEY_IN_IT.search(line):
        raise BadPublicKey(
            "options",
            _("There is other text before the key."),
            _("Paste the line starting with its type, such as ssh-ed25519."),
        )
    raise BadPublicKey("no_key", _("This is not a public SSH key."), _paste_one())


def _load(line: str) -> Ed25519PublicKey | RSAPublicKey:
    try:
        key = load_ssh_public_key(line.encode())
    except (ValueError, UnsupportedAlgorithm, binascii.Error):
        raise _damaged() from None
    if not isinstance(key, Ed25519PublicKey | RSAPublicKey):
        raise _damaged()
    return key


def _check_rsa(key: RSAPublicKey) -> None:
    numbers = key.public_numbers()
    if not FEWEST_BITS <= key.key_size <= MOST_BITS:
        raise BadPublicKey(
            "bits",
            _("This RSA key has %(n)d bits. Keys of %(fewest)d to %(most)d bits are accepted.")
            % {"n": key.key_size, "fewest": FEWEST_BITS, "most": MOST_BITS},
            _("Make a new one: `ssh-keygen -t ed25519`."),
        )
    if numbers.e != _USUAL_EXPONENT or numbers.n % 2 == 0:
        raise _damaged()


def _damaged() -> BadPublicKey:
    return BadPublicKey(
        "damaged",
        _("This key is damaged: a part of it may be missing."),
        _("Copy the whole line again. `ssh-keygen -l -f FILE` tells whether the file is right."),
    )


def _paste_one() -> str:
    return _("Paste the one line of a public key, as it is in the file that ends in .pub.")
