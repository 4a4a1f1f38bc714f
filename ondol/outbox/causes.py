"""Why an e-mail was not delivered: the one table of causes, with what to do about each."""

from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ondol.logs import without_links


class Cause(StrEnum):
    """Why an e-mail was not delivered."""

    NO_ADDRESS = "no_address"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    TURNED_AWAY = "turned_away"
    BROKEN_OFF = "broken_off"
    NO_STARTTLS = "no_starttls"
    CERTIFICATE = "certificate"
    TLS = "tls"
    NO_SIGN_IN = "no_sign_in"
    SIGN_IN = "sign_in"
    SENDER = "sender"
    FOLDER = "folder"
    RECIPIENT = "recipient"
    CONTENT = "content"
    ADDRESS = "address"
    UNCONFIRMED = "unconfirmed"
    UNFORESEEN = "unforeseen"


OF_LETTER = frozenset({Cause.RECIPIENT, Cause.CONTENT, Cause.ADDRESS, Cause.UNCONFIRMED, Cause.UNFORESEEN})
"""The causes that concern one e-mail. All others concern the server, and so every e-mail."""

SENTENCES: MappingProxyType[Cause, Promise] = MappingProxyType(
    {
        Cause.NO_ADDRESS: _("The mail server’s name has no address. Correct ONDOL_EMAIL_URL, or this host’s DNS."),
        Cause.UNREACHABLE: _(
            "The mail server cannot be reached. Check that it runs, host and port in ONDOL_EMAIL_URL, and firewalls."
        ),
        Cause.SILENT: _(
            "The mail server takes connections, and does not answer in time. Look at its log. smtp:// on a port for"
            " smtps:// looks the same."
        ),
        Cause.TURNED_AWAY: _("The mail server turns this host away. Look at its log, and let it relay for this host."),
        Cause.BROKEN_OFF: _("The mail server breaks connections off. Look at its log."),
        Cause.NO_STARTTLS: _(
            "The mail server does not offer STARTTLS. Use smtps:// or another port. Without a user and without"
            " ONDOL_EMAIL_STARTTLS, e-mails go in the clear."
        ),
        Cause.CERTIFICATE: _(
            "The mail server’s certificate is not trusted. Set ONDOL_EMAIL_CA_FILE to the certificate of your own"
            " authority, or ONDOL_EMAIL_URL to the host name that the certificate is for."
        ),
        Cause.TLS: _("TLS with the mail server fails. smtps:// is for port 465, smtp:// with STARTTLS for 587 and 25."),
        Cause.NO_SIGN_IN: _(
            "The mail server takes no password here. Use another port, or leave USER:PASSWORD@ out of ONDOL_EMAIL_URL."
        ),
        Cause.SIGN_IN: _("The mail server does not accept user or password. Correct them in ONDOL_EMAIL_URL."),
        Cause.SENDER: _("The mail server refuses the sender. Set an address in ONDOL_EMAIL_FROM that it lets us use."),
        Cause.FOLDER: _("The folder for e-mails cannot be written. Check its owner, its mode and the disk."),
        Cause.RECIPIENT: _(
            "The mail server refuses the recipient. Check the address, and whether the server relays to it."
        ),
        Cause.CONTENT: _("The mail server refuses this e-mail. Look at its log and its filters."),
        Cause.ADDRESS: _("The address cannot be written to with this mail server. The person needs another one."),
        Cause.UNCONFIRMED: _(
            "The mail server has taken the e-mail and not confirmed it. It may have arrived, and may arrive twice."
        ),
        Cause.UNFORESEEN: _("The e-mail could not be written. Please report this, with what the worker’s log says."),
    }
)


class DeliveryError(Exception):
    """An e-mail that was not delivered; `answer` is what the server or the system said, on one line.

    Filters quote the links that they refuse. Secrets in our links are removed, since the answer is stored and shown.
    """

    def __init__(self, cause: Cause, answer: str = "", *, is_final: bool = False) -> None:
        self.cause, self.answer = cause, without_links(" ".join(answer.split()))[:200]
        super().__init__(f"{cause}: {self.answer}")
        self.is_final = is_final
        """The server will say the same again."""
        self.to = self.subject = ""
        self.was_tried = True
        """False if it only waited for the server."""
        self.retry_at: datetime | None = None

    @property
    def is_of_server(self) -> bool:
        return self.cause not in OF_LETTER
