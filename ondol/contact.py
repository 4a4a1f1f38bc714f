"""Whom people turn to when something does not work: an e-mail address or a page, perhaps with a name."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>")
_EMAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+")


@dataclass(frozen=True, slots=True)
class Contact:
    """A name, and where it links to."""

    name: str
    url: str

    @property
    def address(self) -> str:
        """The address as people write it."""
        return unquote(self.url.removeprefix("mailto:")) if self.url.startswith("mailto:") else self.url


def read_contact(text: str) -> Contact:
    """Return the contact of `NAME <ADDRESS>` or an address; ValueError if it is neither."""
    found = _NAMED.fullmatch(text.strip())
    address = (found["address"] if found else text).strip()
    name = (found["name"].strip() if found else "") or address
    if text.isprintable():
        if _EMAIL.fullmatch(address):
            return Contact(name, f"mailto:{quote(address, safe='@')}")
        if urlsplit(address).scheme in {"http", "https"} and urlsplit(address).hostname and " " not in address:
            return Contact(name, address)
    raise ValueError("use an e-mail address or an address such as https://…, or NAME <ADDRESS>, on one line")
