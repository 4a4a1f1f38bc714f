"""One session with the mail server, with a time limit, whose failures get a cause."""

import base64
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp
from django.core.mail.utils import DNS_NAME

from ondol.config import config
from ondol.mail_server import MailServer, Security, tls_context
from ondol.outbox.causes import Cause, DeliveryError
from ondol.outbox.explanations import answer, explain

ANSWER, SESSION = 60.0, 180.0
"""The seconds for one answer, and for all of a session. Servers delay the first answer to unknown clients, and filters
delay the last one: with shorter limits, the same e-mail would be sent again and again."""
PROBE = 15.0
_TOKEN = re.compile(r"[A-Za-z0-9+/]{4,}={0,2}")


class _Noting:
    """Notes whether the text of an e-mail was being sent: then a failure leaves it unknown whether it has arrived."""

    has_begun = False

    def data(self, message: Any) -> Any:
        self.has_begun = True
        return super().data(message)  # type: ignore[misc]


class _Smtp(_Noting, smtplib.SMTP):
    """Speaks SMTP, and STARTTLS."""


class _Smtps(_Noting, smtplib.SMTP_SSL):
    """Speaks SMTP in TLS."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a session with the mail server was like."""

    server: MailServer
    tls: str = ""
    """The version of TLS; empty if the connection was in the clear."""

    @property
    def name(self) -> str:
        return f"{self.server.host}:{self.server.port}"


class SmtpBackend(smtp.EmailBackend):
    """Django's backend, with a custom certificate authority, a time limit, and DeliveryError."""

    def __init__(self, server: MailServer, ca_file: str, *, limit: float = SESSION) -> None:
        super().__init__(
            server.host,
            server.port,
            server.user,
            server.password,
            use_tls=False,
            use_ssl=False,
            timeout=min(ANSWER, limit),
        )
        self.server, self.limit, self.is_late = server, limit, False
        self._ca_file = ca_file
        self._session: Any = None
        """The connection; kept after its end."""
        self._step = Cause.UNREACHABLE

    def open(self) -> bool:
        """Connect, encrypt and sign in. Raises DeliveryError."""
        if self.connection:
            return False
        try:
            with self._explained():
                self._session = self._made()
                code, text = self._session.connect(self.server.host, self.server.port)
                if code != 220:
                    raise DeliveryError(Cause.TURNED_AWAY, answer(code, text))
                self._greet(self._session)
        except DeliveryError:
            self.close()
            raise
        self.connection = self._session
        return True

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send them. Raises DeliveryError for the first that is not taken."""
        with self._limited(), self._explained():
            return int(super().send_messages(email_messages) or 0)

    def probe(self) -> Session:
        """Connect, encrypt, sign in, say NOOP and QUIT: nothing is sent. Raises DeliveryError."""
        with self._limited(), self._explained():
            try:
                self.open()
                sock, (code, text) = self._session.sock, self._session.noop()
                if code != 250:
                    raise DeliveryError(Cause.TURNED_AWAY, answer(code, text))
                return Session(self.server, (sock.version() or "") if isinstance(sock, ssl.SSLSocket) else "")
            finally:
                self.close()

    def close(self) -> None:
        """Send QUIT. What the server has confirmed before stays sent, even if this fails."""
        self.connection = None
        if self._session is None or not self._session.sock:
            return
        try:
            self._session.sock.settimeout(1)
            self._session.quit()
        except (OSError, smtplib.SMTPException):
            self._session.close()

    def _made(self) -> _Smtp | _Smtps:
        name, is_tls = DNS_NAME.get_fqdn(), self.server.security is Security.TLS
        options: dict[str, Any] = {"local_hostname": name, "timeout": self.timeout}
        made = _Smtps(context=self._context(), **options) if is_tls else _Smtp(**options)
        # The name that the certificate must have. smtplib sets it only if its constructor connects, and that could not
        # be interrupted.
        made._host = self.server.host  # type: ignore[union-attr]
        return made

    def _context(self) -> ssl.SSLContext:
        try:
            return tls_context(self._ca_file)
        except ValueError as error:  # it was there at the start
            raise DeliveryError(Cause.CERTIFICATE, str(error)) from None

    def _greet(self, made: _Smtp | _Smtps) -> None:
        self._step = Cause.TURNED_AWAY
        made.ehlo_or_helo_if_needed()
        if self.server.security is Security.STARTTLS:
            self._step = Cause.NO_STARTTLS
            made.starttls(context=self._context())
            self._step = Cause.TURNED_AWAY
            made.ehlo_or_helo_if_needed()
        if self.server.user:
            self._step = Cause.SIGN_IN
            made.login(self.server.user, self.server.password)
        self._step = Cause.BROKEN_OFF

    @contextmanager
    def _limited(self) -> Iterator[None]:
        """End a session that takes too long: single answers may each come just in time."""
        timer = threading.Timer(self.limit, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        self.is_late = True
        sock = self._session and self._session.sock
        if isinstance(sock, socket.socket):
            with suppress(OSError):  # not by TLS's own method, which only the reading thread may call
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DeliveryError:
            raise
        except (OSError, smtplib.SMTPException, ValueError) as error:
            has_begun = self._session is not None and self._session.has_begun
            found = explain(error, self._step, is_late=self.is_late, has_begun=has_begun)
            found.answer = self._without_password(found.answer)
            raise found from None

    def _without_password(self, text: str) -> str:
        """Return the answer without the password: servers repeat commands that they do not know."""
        if not self.server.password:
            return text
        return _TOKEN.sub(self._starred, text.replace(self.server.password, "…"))

    def _starred(self, token: "re.Match[str]") -> str:
        try:
            is_secret = self.server.password.encode() in base64.b64decode(token[0] + "==")
        except ValueError:
            is_secret = False
        return "…" if is_secret else token[0]


def backend(limit: float = SESSION) -> SmtpBackend:
    """Return a session with the mail server of the settings."""
    return SmtpBackend(config().mail_server, config().email_ca_file, limit=limit)
