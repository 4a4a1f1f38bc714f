"""Routes and network ACLs, checked without a network."""

import pytest

from ondol.doctor.network import shut_out, way_out

LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}
EVERYWHERE = "0.0.0.0/0"
OFFICE = "203.0.113.0/24"


def to(state="active", **target):
    return [LOCAL, {"DestinationCidrBlock": EVERYWHERE, "State": state, "Origin": "CreateRoute", **target}]


@pytest.mark.parametrize(
    ("routes", "answer"),
    [
        ([LOCAL], ("", "")),
        (to(GatewayId="igw-1"), ("igw-1", "active")),
        (to("blackhole", GatewayId="igw-1"), ("igw-1", "blackhole")),
        (to(NatGatewayId="nat-1"), ("nat-1", "active")),
        (to(NetworkInterfaceId="eni-1", InstanceId="i-1", InstanceOwnerId="1"), ("i-1", "active")),
    ],
)
def test_where_the_internet_is(routes, answer):
    assert way_out(routes) == answer


def rule(number, action="allow", cidr=EVERYWHERE, ports=None, protocol="6", egress=False):
    found = {"RuleNumber": number, "RuleAction": action, "CidrBlock": cidr, "Protocol": protocol, "Egress": egress}
    return found | ({"PortRange": {"From": ports[0], "To": ports[1]}} if ports else {})


ALL_OUT = rule(100, protocol="-1", egress=True)
LAST = rule(32767, "deny", protocol="-1")


def test_amazons_default_lets_everybody_in():
    assert shut_out([rule(100, protocol="-1"), ALL_OUT, LAST], [EVERYWHERE, OFFICE]) == []


def test_without_a_rule_for_port_22_nobody_comes_in():
    assert shut_out([rule(100, ports=(80, 443)), ALL_OUT, LAST], [OFFICE]) == [OFFICE]
    assert shut_out([rule(100, protocol="17"), ALL_OUT, LAST], [OFFICE]) == [OFFICE]


def test_the_lower_number_decides():
    deny, allow = rule(90, "deny", ports=(22, 22)), rule(100, ports=(22, 22))
    assert shut_out([allow, deny, ALL_OUT, LAST], [OFFICE]) == [OFFICE]
    assert shut_out([deny | {"RuleNumber": 110}, allow, ALL_OUT, LAST], [OFFICE]) == []


def test_a_range_that_is_let_in_in_part_is_told():
    some = rule(100, cidr="203.0.113.0/25", ports=(22, 22))
    assert shut_out([some, ALL_OUT, LAST], [OFFICE, "203.0.113.7/32"]) == [OFFICE]
    but_one = rule(90, "deny", cidr="203.0.113.7/32")
    assert shut_out([but_one, rule(100, protocol="-1"), ALL_OUT, LAST], [OFFICE]) == [OFFICE]


def test_answers_have_to_find_their_way_out():
    inwards = rule(100, ports=(22, 22))
    assert shut_out([inwards, rule(100, ports=(1024, 65535), egress=True)], [OFFICE]) == []
    assert shut_out([inwards, rule(100, ports=(32768, 60999), egress=True)], [OFFICE]) == [OFFICE]
    assert shut_out([inwards], [OFFICE]) == [OFFICE]


def test_rules_for_ipv6_are_not_about_us():
    six = {key: value for key, value in rule(90, "deny").items() if key != "CidrBlock"} | {"Ipv6CidrBlock": "::/0"}
    assert shut_out([six, rule(100), ALL_OUT], [OFFICE]) == []
