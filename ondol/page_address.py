"""The address that people type for the pages, as browsers normalize it, or why it can never work."""

import ipaddress
import re
import socket
from urllib.parse import SplitResult, urlsplit

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PORTS = {"http": 80, "https": 443}


def normalized(text: str) -> str:
    """Return an address as browsers send it: host in lower case and in punycode, no default port, nothing after it.

    Raises ValueError with what to write instead; never with the address itself, which may have a password.
    """
    parts = urlsplit(text)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("write it whole, such as https://ondol.example.org")
    _refuse_more_than_host(text, parts)
    host, port = _host(parts.hostname), parts.port
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("its port is no number from 1 to 65535")
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != _PORTS[parts.scheme] else "")


def is_wildcard(host: str) -> bool:
    """Return whether a server that listens on this host listens on all addresses of the computer."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        pass
    try:
        return socket.inet_aton(host) == bytes(4)  # 0, 0.0, 0x0
    except (OSError, UnicodeError):
        return False


def _refuse_more_than_host(text: str, parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise ValueError("leave the user name and password out; people sign in on the page")
    if "?" in text or "#" in text:
        raise ValueError("leave out what begins with ? or #")
    if parts.path.strip("/"):
        raise ValueError("leave the path out; Ondol has a host name of its own, such as https://ondol.example.org")


def _host(name: str) -> str:
    """Return a host as browsers write it. Raises ValueError."""
    if ":" in name:
        return f"[{_ip(name, 'an IPv6 address')}]"
    if "_" in name:
        raise ValueError("a host name has no underscore; give the host another name, with - instead")
    if not name.isascii():
        name = _punycode(name)
    labels = name.split(".")
    if re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]):  # browsers take such a host for an IPv4 address
        return _ip(name, "an IPv4 address of four numbers")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("its host is no host name: letters, digits, - and dots between them, nothing else")
    return name


def _ip(name: str, kind: str) -> str:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        raise ValueError(f"its host is not {kind}") from None
    if address.is_unspecified or getattr(address, "scope_id", None):
        raise ValueError("nobody can type this address; write the one by which people reach this host")
    return str(address)


def _punycode(name: str) -> str:
    import idna  # noqa: PLC0415  large tables, for the few who need them

    try:
        return idna.encode(name, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        raise ValueError("its host is no name that browsers take, in letters of any language") from None
