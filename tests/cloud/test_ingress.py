"""Each rule of a group that is not wanted is found, whoever made it and however EC2 writes it."""

import pytest

from ondol.cloud import ingress

LAB, LAB6 = "203.0.113.0/24", "2001:db8::/32"
SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
WISHED = {**SSH, "IpRanges": [{"CidrIp": LAB}], "Ipv6Ranges": [{"CidrIpv6": LAB6}]}

FOREIGN = [
    ({**SSH, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, "0.0.0.0/0"),
    ({**SSH, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "Ondol: SSH"}]}, "0.0.0.0/0"),
    ({**SSH, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}, "::/0"),
    ({**SSH, "IpRanges": [{"CidrIp": "203.0.113.0/25"}]}, "203.0.113.0/25"),
    ({**SSH, "PrefixListIds": [{"PrefixListId": "pl-63a5400a", "Description": "S3"}]}, "pl-63a5400a"),
    ({**SSH, "UserIdGroupPairs": [{"GroupId": "sg-1", "UserId": "123456789012"}]}, "sg-1"),
    ({**SSH, "ToPort": 23, "IpRanges": [{"CidrIp": LAB}]}, f"tcp/22-23 {LAB}"),
    ({**SSH, "FromPort": 8080, "ToPort": 8080, "IpRanges": [{"CidrIp": LAB}]}, f"tcp/8080 {LAB}"),
    ({**SSH, "FromPort": 0, "ToPort": 65535, "IpRanges": [{"CidrIp": LAB}]}, f"tcp/0-65535 {LAB}"),
    ({**SSH, "IpProtocol": "udp", "IpRanges": [{"CidrIp": LAB}]}, f"udp/22 {LAB}"),
    ({"IpProtocol": "-1", "IpRanges": [{"CidrIp": LAB}]}, f"all {LAB}"),
    ({"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": LAB}]}, f"icmp/-1 {LAB}"),
    ({"IpProtocol": "50", "Ipv6Ranges": [{"CidrIpv6": "2001:db8:1::/48"}]}, "50 2001:db8:1::/48"),
]


@pytest.mark.parametrize(("foreign", "told"), FOREIGN, ids=[told for _, told in FOREIGN])
def test_what_is_not_wished_for_is_revoked_and_nothing_else(foreign, told):
    missing, surplus = ingress.difference(ingress.shown([WISHED, foreign]), ingress.ssh([LAB, LAB6]))
    assert (missing, [str(rule) for rule in surplus]) == ([], [told])
    # What is sent names the same rule: read back, it is the same.
    assert ingress.shown(ingress.permissions(surplus)) == frozenset(surplus)


def test_a_range_is_the_same_however_it_is_written_and_whatever_its_description():
    there = {
        **SSH,
        "IpRanges": [{"CidrIp": LAB, "Description": "by hand"}],
        "Ipv6Ranges": [{"CidrIpv6": "2001:0DB8:0::/32"}],
    }
    assert ingress.difference(ingress.shown([there]), ingress.ssh([LAB, LAB6])) == ([], [])


def test_rules_of_the_same_ports_are_sent_together_with_our_description():
    missing, _ = ingress.difference(ingress.shown([]), ingress.ssh([LAB, "198.51.100.7/32", LAB6]))
    ours = {"Description": ingress.OURS}
    assert ingress.permissions(missing, ingress.OURS) == [
        {
            **SSH,
            "IpRanges": [{"CidrIp": "198.51.100.7/32", **ours}, {"CidrIp": LAB, **ours}],
            "Ipv6Ranges": [{"CidrIpv6": LAB6, **ours}],
        }
    ]
