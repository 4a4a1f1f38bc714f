"""Whether packets find their way: a subnet's routes and its network ACL. Pure; what EC2 shows goes in."""

from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import Any

SSH = 22
CLIENTS = (32768, 49152, 60999, 65535)
"""Ports that SSH clients come from: the ends of Linux's and Windows's ranges. Answers go back there."""
_TCP = {"6", "-1"}


def way_out(routes: Iterable[Any]) -> tuple[str, str]:
    """Where 0.0.0.0/0 leads and whether that is `active`; two empty words without such a route."""
    for route in routes:
        if route.get("DestinationCidrBlock") == "0.0.0.0/0":
            targets = (
                route[name] for name in sorted(route) if name.endswith("Id") and name != "DestinationPrefixListId"
            )
            return next(targets, ""), route.get("State", "")
    return "", ""


def shut_out(entries: Iterable[Any], cidrs: Iterable[str]) -> list[str]:
    """Those of `cidrs` of which no or not every address can reach port 22 and be answered."""
    rules = sorted(entries, key=lambda entry: entry["RuleNumber"])
    inwards = [rule for rule in rules if not rule["Egress"]]
    outwards = [rule for rule in rules if rule["Egress"]]
    return [
        cidr
        for cidr in cidrs
        if not _lets(inwards, cidr, SSH) or not all(_lets(outwards, cidr, port) for port in CLIENTS)
    ]


def _lets(rules: Iterable[Any], cidr: str, port: int) -> bool:
    """The first rule that fits decides; one that denies a part of the range shuts somebody out."""
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
