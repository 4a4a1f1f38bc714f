"""What a security group lets in, compared with what it should let in. Pure; `aws.py` reads and changes the group."""

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

OURS = "Ondol: SSH"
"""The description of rules that we make. It is for people only; rules are compared by what they let in."""
_FIELDS = {
    "CidrIp": "IpRanges",
    "CidrIpv6": "Ipv6Ranges",
    "PrefixListId": "PrefixListIds",
    "GroupId": "UserIdGroupPairs",
}


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """One rule: a source that may reach a range of ports by a protocol."""

    protocol: str
    first: int | None
    last: int | None
    kind: str
    """The field by which EC2 names the source: `CidrIp`, `CidrIpv6`, `PrefixListId` or `GroupId`."""
    source: str
    account: str = ""
    """The account of a source group, needed for a group of another account."""

    def __str__(self) -> str:
        """Return `203.0.113.0/24` for SSH, and for anything else a form such as `tcp/8080 0.0.0.0/0`."""
        if (self.protocol, self.first, self.last) == ("tcp", 22, 22):
            return self.source
        if self.protocol == "-1":
            return f"all {self.source}"
        ports = (
            "" if self.first is None else f"/{self.first}" if self.first == self.last else f"/{self.first}-{self.last}"
        )
        return f"{self.protocol}{ports} {self.source}"


def ssh(ranges: Iterable[str]) -> frozenset[Rule]:
    """Return the rules that open port 22 to these IPv4 and IPv6 ranges."""
    networks = {ipaddress.ip_network(cidr) for cidr in ranges}
    return frozenset(Rule("tcp", 22, 22, _kind(network), str(network)) for network in networks)


def shown(permissions: Iterable[Mapping[str, Any]]) -> frozenset[Rule]:
    """Return the rules in the `IpPermissions` of a group: all of them, whoever made them and whatever they are for."""
    return frozenset(
        Rule(
            str(permission.get("IpProtocol")), permission.get("FromPort"), permission.get("ToPort"),
            kind, _normal(source[kind]), str(source.get("UserId") or ""),
        )
        for permission in permissions
        for kind, field in _FIELDS.items()
        for source in permission.get(field, [])
        if source.get(kind)
    )  # fmt: skip


def difference(there: Collection[Rule], wanted: Collection[Rule]) -> tuple[list[Rule], list[Rule]]:
    """Return which rules to authorize, and which to revoke, so that exactly the wanted ones are left."""
    return sorted(set(wanted) - set(there), key=_order), sorted(set(there) - set(wanted), key=_order)


def permissions(rules: Iterable[Rule], description: str = "") -> list[Any]:
    """Return rules in the form of EC2's calls, those of the same ports together."""
    by_ports: dict[tuple[str, int | None, int | None], dict[str, Any]] = {}
    for rule in rules:
        permission = by_ports.setdefault((rule.protocol, rule.first, rule.last), {"IpProtocol": rule.protocol})
        if rule.first is not None:
            permission |= {"FromPort": rule.first, "ToPort": rule.last}
        source = {rule.kind: rule.source}
        if rule.account:
            source["UserId"] = rule.account
        if description:
            source["Description"] = description
        permission.setdefault(_FIELDS[rule.kind], []).append(source)
    return list(by_ports.values())


def _kind(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    return "CidrIp" if network.version == 4 else "CidrIpv6"


def _normal(source: str) -> str:
    """Return a range as Python writes it, so that two spellings of an IPv6 range are equal."""
    try:
        return str(ipaddress.ip_network(source, strict=False))
    except ValueError:
        return source


def _order(rule: Rule) -> tuple[str, str, str]:
    return (str(rule), rule.kind, rule.account)
