"""Say whom to turn to, after each sentence that tells somebody to ask an administrator."""

from typing import cast

from django.utils.functional import Promise, lazy
from django.utils.translation import gettext as _

from ondol.config import config
from ondol.contact import Contact, read_contact


def contact() -> Contact | None:
    """Return whom people turn to; None where ONDOL_CONTACT is not set."""
    return read_contact(config().contact) if config().contact else None


def contact_line() -> str:
    """Return who the administrator is, in plain text and the reader's language; empty if that is not set."""
    found = contact()
    return f"{_('Administrator:')} {', '.join(dict.fromkeys((found.name, found.address)))}" if found else ""


def ask(text: str | Promise) -> str:
    """Return a sentence that tells its reader to ask an administrator, with the contact added."""
    return f"{text} {contact_line()}".rstrip()


_lazily = lazy(ask, str)


def ask_lazily(text: str | Promise) -> Promise:
    """Return what `ask` does, for a sentence that is translated when it is read."""
    return cast(Promise, _lazily(text))
