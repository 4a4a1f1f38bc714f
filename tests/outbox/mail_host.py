"""A mail server on loopback: a real one on real sockets, which does at each step what a test tells it to."""

import base64
import datetime
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HANG, CLOSE = "HANG", "CLOSE"
"""Say nothing more; close the connection without a word."""
DRIP = "DRIP"
"""Say a line each tenth of a second, and never the last."""
USUAL = {
    "connect": "220 mail.example.org ESMTP", "STARTTLS": "220 go ahead", "AUTH": "235 welcome", "MAIL": "250 ok",
    "RCPT": "250 ok", "DATA": "354 go ahead", ".": "250 taken", "NOOP": "250 ok", "RSET": "250 ok", "QUIT": "221 bye",
}  # fmt: skip


@dataclass(frozen=True)
class Authority:
    """An authority of an institute, which no host knows, and a certificate that it has given."""

    file: Path
    server: ssl.SSLContext

    @classmethod
    def made(cls, folder: Path, name: str = "127.0.0.1") -> "Authority":
        """Make one, for the address `name`."""
        key, of_server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        us = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Institute")])
        authority = _certificate(us, us, key, key, x509.BasicConstraints(ca=True, path_length=None))
        named = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = _certificate(subject, us, of_server, key, named)
        folder.mkdir(exist_ok=True)
        pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
        (folder / "server.pem").write_bytes(certificate.public_bytes(pem))
        (folder / "key.pem").write_bytes(of_server.private_bytes(pem, form, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "key.pem")
        return cls(folder / "ca.pem", context)


def _certificate(subject: x509.Name, issuer: x509.Name, key: Any, signer: Any, extension: Any) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    return made.add_extension(extension, critical=False).sign(signer, hashes.SHA256())


class MailHost:
    """A mail server. `says` has its answer at a step, HANG, CLOSE or DRIP; the rest is as usual."""

    def __init__(
        self, says: dict[str, str] | None = None, *, starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None, password: str = "",
    ) -> None:  # fmt: skip
        self.says = says or {}
        self.starttls, self.tls, self.password = starttls, tls, password
        self.letters: list[str] = []
        """The e-mails that it has taken, as text."""
        self.sessions = self.open_sessions = self.most_sessions = 0
        self.was_encrypted = False
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> "MailHost":
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def url(self, scheme: str = "smtp", user: str = "") -> str:
        who = f"{user}:{self.password or 'hunter2'}@" if user else ""
        return f"{scheme}://{who}127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.sessions += 1
            threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock: socket.socket) -> None:
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            return
        session = _Session(self, sock)
        self.open_sessions += 1
        self.most_sessions = max(self.most_sessions, self.open_sessions)
        with suppress(OSError):
            session.talk()
        self.open_sessions -= 1
        session.file.close()
        session.sock.close()

    def wait(self, seconds: float) -> None:
        """Wait, and not longer than this server lives."""
        if self._ended.wait(seconds):
            raise ConnectionError


class _Session:
    def __init__(self, host: MailHost, sock: socket.socket) -> None:
        self.host, self.sock, self.file = host, sock, sock.makefile("rb")
        self.has_signed_in = False

    def talk(self) -> None:
        """Answer until the client, or a step that a test sets, ends the session."""
        self._say("connect")
        while line := self.file.readline():
            word = line.decode(errors="replace").split()[0].upper() if line.strip() else ""
            if word in {"EHLO", "HELO"}:
                self._greet()
            elif word == "STARTTLS" and self.host.starttls:
                self._say(word)
                self.file.close()
                self.sock = self.host.starttls.wrap_socket(self.sock, server_side=True)
                self.file = self.sock.makefile("rb")
                self.host.was_encrypted = True
            elif word == "AUTH":
                self._sign_in(line.decode())
            elif word == "DATA":
                self._take()
            else:
                self._say(word)
                if word == "QUIT":
                    return

    def _greet(self) -> None:
        if said := self.host.says.get("EHLO"):
            self._say("EHLO", said)
            return
        offers = ["mail.example.org"]
        if self.host.starttls and not isinstance(self.sock, ssl.SSLSocket):
            offers.append("STARTTLS")
        if self.host.password and isinstance(self.sock, ssl.SSLSocket):
            offers.append("AUTH PLAIN")
        lines = [f"250-{offer}" for offer in offers]
        lines[-1] = lines[-1].replace("250-", "250 ")
        self._send("\r\n".join(lines))

    def _sign_in(self, line: str) -> None:
        if said := self.host.says.get("AUTH"):
            self._say("AUTH", said.replace("ECHO", line.strip()))
            return
        *_, password = base64.b64decode(line.split()[-1]).decode().split("\0")
        self._say("AUTH", "235 welcome" if password == self.host.password else "535 5.7.8 bad user or password")

    def _take(self) -> None:
        self._say("DATA")
        text = b""
        while (line := self.file.readline()) not in {b".\r\n", b""}:
            text += line
        if self.host.says.get(".", "250")[0] not in "45":
            self.host.letters.append(text.decode())
        self._say(".")

    def _say(self, step: str, said: str = "") -> None:
        said = said or self.host.says.get(step) or USUAL.get(step, "502 unknown")
        if said.startswith(HANG):
            self.host.wait(float(said.removeprefix(HANG) or 60))
            said = USUAL.get(step, "250 ok")
        if said == CLOSE:
            raise ConnectionError
        while said == DRIP:
            self._send("250-wait" if step != "connect" else "220-wait")
            time.sleep(0.1)
        self._send(said.removesuffix(CLOSE))
        if said.endswith(CLOSE):
            raise ConnectionError

    def _send(self, text: str) -> None:
        self.sock.sendall(text.encode() + b"\r\n")
