"""The mail server that `ONDOL_EMAIL_URL` and the two settings beside it describe, or why they cannot be used."""

import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

WRITE = "use smtp://USER:PASSWORD@HOST:587, smtps://… or file:///FOLDER"


class Security(StrEnum):
    """How the connection to a mail server is encrypted."""

    NONE = "none"
    STARTTLS = "STARTTLS"
    TLS = "TLS"
    """TLS begins with the first byte, as with smtps://."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server; or a folder for e-mails, if `folder` is set."""

    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    security: Security = Security.NONE
    folder: Path | None = None


def mail_server(url: str, home: Path, *, starttls: bool = False) -> MailServer:
    """Return what the settings describe; raise ValueError, without any of the URL's text, for what cannot be used."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or (parts.scheme != "file" and parts.path not in {"", "/"}):
        raise ValueError(
            f"nothing may follow the port, and %2F, %3F and %23 stand for /, ? and # in a password; {WRITE}"
        )
    if parts.scheme in {"", "file"}:
        if parts.scheme and (parts.netloc not in {"", "localhost"} or not parts.path.strip("/")):
            raise ValueError(f"a folder has three slashes before it; {WRITE}")
        return MailServer(folder=Path(unquote(parts.path)) if parts.scheme else home / "mail")
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError(WRITE)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise ValueError(f"a user and a password go together; {WRITE}")
    if not (user + password).isascii():
        raise ValueError("SMTP takes ASCII only in user and password")
    security = Security.STARTTLS if user or starttls else Security.NONE
    is_tls = parts.scheme == "smtps"
    port = parts.port or (465 if is_tls else 587)
    return MailServer(parts.hostname, port, user, password, Security.TLS if is_tls else security)


def refuse_unused(server: MailServer, *, starttls: bool, ca_file: str) -> None:
    """Raise ValueError for a setting beside the URL that would have no effect, or cannot be read."""
    if starttls and server.security is not Security.STARTTLS:
        raise ValueError("ONDOL_EMAIL_STARTTLS: ONDOL_EMAIL_URL is no smtp:// address, so it would have no effect")
    if ca_file and server.security is Security.NONE:
        raise ValueError(
            "ONDOL_EMAIL_CA_FILE: without TLS it would have no effect; set ONDOL_EMAIL_STARTTLS=true, or use smtps://"
        )
    if ca_file:
        tls_context(ca_file)


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return a context that trusts this host's authorities and those of the file, if one is given."""
    context = ssl.create_default_context()
    try:
        if ca_file:
            context.load_verify_locations(ca_file)
    except ssl.SSLError:
        raise ValueError(f"ONDOL_EMAIL_CA_FILE: {ca_file} has no certificate in PEM form") from None
    except OSError as error:
        raise ValueError(f"ONDOL_EMAIL_CA_FILE: {ca_file} cannot be read: {error.strerror}") from None
    return context
