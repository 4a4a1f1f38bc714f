"""An address or a range that somebody writes down as theirs: read, and brought into the one form that is kept."""

import ipaddress

from django.utils.translation import gettext as _

from ondol.accounts.people import AccountError
from ondol.accounts.text import clean_line
from ondol.audit.origin import address_of as address_of

LONGEST = 60
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def read_range(text: str) -> Network:
    """Return the range; a single address is one of itself alone. Raises AccountError for anything else."""
    words = clean_line(text) if len(text) <= LONGEST else ""
    try:
        if "%" in words:  # an address of one host's own interface
            raise ValueError
        network = ipaddress.ip_network(words, strict=False)
    except ValueError:
        message = _("Write an address such as 203.0.113.7, or a range such as 203.0.113.0/24.")
        raise AccountError(message, "no_range") from None
    if isinstance(network, ipaddress.IPv6Network) and (plain := network.network_address.ipv4_mapped):
        network = ipaddress.ip_network(f"{plain}/{max(network.prefixlen - 96, 0)}", strict=False)
    is_nobodys = network.num_addresses == 1 and network.network_address.is_unspecified
    if is_nobodys or network.is_multicast or network.is_link_local:
        raise AccountError(_("Nobody can connect from such an address: %(range)s.") % {"range": network}, "no_range")
    return network
