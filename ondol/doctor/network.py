"""Whether packets can reach a machine: a subnet's routes and its network ACL. Pure; what EC2 shows goes in."""

from collections.abc import Iterable
from ipaddress import IPv4Network, ip_network
from typing import Any

SSH = 22
CLIENTS = (32768, 49152, 60999, 65535)
"""Ports that SSH clients use: the ends of Linux's and Windows's ranges. Answers go back there."""
_TCP = {"6", "-1"}


def way_out(routes: Iterable[Any]) -> tuple[str, str]:
    """Return the target of 0.0.0.0/0 and its state, such as `active`; two empty strings without such a route."""
    for route in routes:
        if route.get("DestinationCidrBlock") == "0.0.0.0/0":
            targets = (
                route[name] for name in sorted(route) if name.endswith("Id") and name != "DestinationPrefixListId"
            )
            return next(targets, ""), route.get("State", "")
    return "", ""


def is_wide(cidr: str) -> bool:
    """Return whether a range is far more than an institute has: /7 of IPv4, /15 of IPv6, or wider."""
    network = ip_network(cidr)
    return network.prefixlen < (8 if network.version == 4 else 16)


def shut_out(entries: Iterable[Any], cidrs: Iterable[str]) -> list[str]:
    """Return those of `cidrs` from which some addresses cannot reach port 22, or get no answer."""
    rules = sorted(entries, key=lambda entry: entry["RuleNumber"])
    inwards = [rule for rule in rules if not rule["Egress"]]
    outwards = [rule for rule in rules if rule["Egress"]]
    return [
        cidr
        for cidr in cidrs
        if ip_network(cidr).version == 4  # machines have no IPv6 address
        if not _lets(inwards, cidr, SSH) or not all(_lets(outwards, cidr, port) for port in CLIENTS)
    ]


def _lets(rules: Iterable[Any], cidr: str, port: int) -> bool:
    """Return whether a rule allows it.

    The first that matches decides; one that denies a part of the range counts as no.
    """
    who = IPv4Network(cidr)
    for rule in rules:
        if rule.get("Protocol") not in _TCP or "CidrBlock" not in rule or not _covers(rule.get("PortRange"), port):
            continue
        range_ = IPv4Network(rule["CidrBlock"])
        allows = rule["RuleAction"] == "allow"
        if who.subnet_of(range_):
            return bool(allows)
        if who.overlaps(range_) and not allows:
            return False
    return False


def _covers(ports: Any, port: int) -> bool:
    return ports is None or ports["From"] <= port <= ports["To"]
