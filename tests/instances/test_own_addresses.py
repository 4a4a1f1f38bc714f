"""People name the addresses from which they come: a few, no wider than is permitted, and for as long as they say."""

from datetime import timedelta
from ipaddress import ip_network

import pytest

from ondol import clock
from ondol.accounts.models import SshAddress
from ondol.accounts.people import AccountError
from ondol.accounts.ssh_addresses import read_range
from ondol.instances import ssh_ranges
from ondol.instances.errors import ActionError
from ondol.policy.models import Policy
from tests.instances.rig import person

LAB, HOME = "203.0.113.0/24", "198.51.100.7/32"


@pytest.fixture(autouse=True)
def _institute(setting):
    setting(ONDOL_SSH_CIDRS=LAB)


NONSENSE = [
    "", " ", "everywhere", "ondol.example.org", "203.0.113", "203.0.113.256", "203.0.113.7/33",
    "203.0.113.7/-1", "203.0.113.7/", "/24", "203.0.113.7/24/24", "203.0.113.7-203.0.113.9", "203.0.113.*",
    "203.0.113.7:22", "203.0.113.7, 198.51.100.7", "203.0.113.07", "0xcb007107", "3405803783",
    "203.0.113.7/255.0.255.0", "http://203.0.113.7", "２０３.0.113.7", "203.0.113.7\x00", "2001:db8::/129",
    "2001:db8::g", "[2001:db8::1]", "fe80::1%eth0", "1::2::3", "sg-0123456789abcdef0", "pl-63a5400a",
    "'; DROP TABLE", "203.0.113." + "7" * 100, "224.0.0.1", "ff02::1", "0.0.0.0", "::", "169.254.169.254",
    "fe80::1", "-1", "203.0.113.7 or all",
]  # fmt: skip


@pytest.mark.parametrize("text", NONSENSE)
def test_what_is_no_address_is_refused_with_a_sentence(text):
    with pytest.raises(AccountError) as error:
        read_range(text)
    assert (error.value.code, error.value.status) == ("no_range", 409)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        (" 203.0.113.7 \n", "203.0.113.7/32"),
        ("203.0.113.7/28", "203.0.113.0/28"),
        ("203.0.113.0/255.255.255.0", LAB),
        ("2001:0DB8:0:0::7", "2001:db8::7/128"),
        ("2001:db8::7/64", "2001:db8::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7/32"),
        ("127.0.0.1", "127.0.0.1/32"),
    ],
)
def test_an_address_is_kept_in_one_form(text, kept):
    assert str(read_range(text)) == kept


@pytest.mark.parametrize(
    ("text", "policy", "is_permitted"),
    [
        ("0.0.0.0/0", {}, False), ("::/0", {}, False), ("0.0.0.0/1", {}, False), ("::ffff:0:0/96", {}, False),
        ("10.0.0.0/8", {}, False), ("203.0.112.0/23", {}, False), (LAB, {}, True), ("2001:db8::/47", {}, False),
        ("2001:db8::/48", {}, True), (LAB, {"ssh_prefix": 32}, False), (HOME, {"ssh_prefix": 32}, True),
        ("2001:db8::/64", {"ssh_prefix": 32}, True), ("203.0.0.0/16", {"ssh_prefix": 16}, True),
    ],
)  # fmt: skip
def test_a_range_is_no_wider_than_the_rules_permit(alice, text, policy, is_permitted):
    Policy.objects.create(owner=None, **policy)
    if is_permitted:
        ssh_ranges.add(alice, read_range(text))
        assert str(read_range(text)) in ssh_ranges.wished(alice)
    else:
        with pytest.raises(ActionError) as error:
            ssh_ranges.add(alice, read_range(text))
        assert (error.value.code, ssh_ranges.wished(alice)) == ("too_wide", (LAB,))


def test_a_change_is_in_the_group_with_the_next_job_and_an_end_closes_it(rig, alice, machines_clock):
    instance = rig.running(alice)
    group = rig.cloud.world.groups[instance.security_group_id].value
    address = ssh_ranges.add(alice, ip_network(HOME), "home", clock.now() + timedelta(hours=1))
    rig.work()
    assert group.cidrs == {LAB, HOME}
    machines_clock.advance(timedelta(hours=1))
    rig.tick()
    assert group.cidrs == {LAB}
    ssh_ranges.add(alice, ip_network(HOME))  # for good
    rig.work()
    assert group.cidrs == {LAB, HOME}
    assert SshAddress.objects.get().pk == address.pk
    assert ssh_ranges.remove(alice, address.pk)
    rig.work()
    assert group.cidrs == {LAB}


def test_others_can_neither_be_let_in_nor_shut_out(rig, alice):
    bob = person("bob")
    address = ssh_ranges.add(alice, ip_network(HOME))
    assert not ssh_ranges.remove(bob, address.pk)
    assert (ssh_ranges.wished(alice), ssh_ranges.wished(bob)) == ((LAB, HOME), (LAB,))


def test_a_few_are_permitted_and_what_is_over_counts_no_more(alice, machines_clock):
    Policy.objects.create(owner=alice, ssh_addresses=2)
    soon = clock.now() + timedelta(hours=1)
    for number, until in ((1, soon), (2, None)):
        ssh_ranges.add(alice, ip_network(f"198.51.100.{number}/32"), until=until)
    with pytest.raises(ActionError) as error:
        ssh_ranges.add(alice, ip_network(HOME))
    assert error.value.code == "too_many"
    ssh_ranges.add(alice, ip_network("198.51.100.2/32"), "the same again")
    machines_clock.advance(timedelta(hours=1))
    ssh_ranges.add(alice, ip_network(HOME))
    assert ssh_ranges.wished(alice) == (LAB, "198.51.100.2/32", HOME)


@pytest.mark.parametrize("rule", [{"ssh_addresses": 0}, {"ssh_prefix": 32}])
def test_a_narrower_rule_closes_what_was_permitted_before(rig, alice, machines_clock, rule):
    group = rig.cloud.world.groups[rig.running(alice).security_group_id].value
    ssh_ranges.add(alice, ip_network("198.51.100.0/28"))
    rig.work()
    assert group.cidrs == {LAB, "198.51.100.0/28"}
    Policy.objects.create(owner=None, **rule)
    machines_clock.advance(timedelta(seconds=40))
    rig.tick()
    assert group.cidrs == {LAB}


def test_an_end_in_the_past_is_refused(alice):
    with pytest.raises(ActionError) as error:
        ssh_ranges.add(alice, ip_network(HOME), until=clock.now())
    assert (error.value.code, ssh_ranges.wished(alice)) == ("past", (LAB,))
