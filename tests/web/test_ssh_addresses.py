"""A person names on the account page, or by the API, from where they come; nobody does so for others."""

import json

import pytest
from django.urls import reverse

from ondol.accounts.models import SshAddress
from ondol.accounts.tokens import create_token
from ondol.instances.models import Instance
from tests.instances.test_own_addresses import NONSENSE
from tests.web.conftest import machine

ADD, HOME = reverse("ssh_address_add"), "198.51.100.7/32"


@pytest.fixture
def bobs(browser_of, bob):
    return browser_of(bob)


def test_my_address_now_is_where_the_request_comes_from(bobs, bob):
    assert "198.51.100.7" in bobs.get(reverse("account"), REMOTE_ADDR="198.51.100.7").text
    bobs.post(ADD, {"mine": "on", "label": "home", "cidr": "203.0.113.9"}, REMOTE_ADDR="198.51.100.7")
    assert list(bob.ssh_addresses.values_list("cidr", "label")) == [(HOME, "home")]


def test_behind_a_proxy_it_is_the_one_that_the_proxy_tells(bobs, bob, settings):
    spoofed = {"X-Forwarded-For": "203.0.113.66, 198.51.100.7", "X-Forwarded-Proto": "https"}
    bobs.post(ADD, {"mine": "on"}, REMOTE_ADDR="127.0.0.1", headers=spoofed)
    assert bob.ssh_addresses.get().cidr == "127.0.0.1/32"  # no proxy is trusted unless the settings say so
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    bobs.post(ADD, {"mine": "on"}, REMOTE_ADDR="127.0.0.1", headers=spoofed)
    assert set(bob.ssh_addresses.values_list("cidr", flat=True)) == {"127.0.0.1/32", HOME}


def test_where_no_address_is_known_none_is_offered_and_none_is_added(bobs, bob):
    assert bobs.get(reverse("account"), REMOTE_ADDR="").status_code == 200
    assert "errorlist" in bobs.post(ADD, {"mine": "on"}, REMOTE_ADDR="").text


def test_it_is_listed_with_its_end_and_removed(bobs, bob):
    bobs.post(ADD, {"cidr": "198.51.100.7", "label": "hotel <b>", "until": "2099-12-31"})
    page = bobs.get(reverse("account")).text
    assert HOME in page
    assert "hotel &lt;b&gt;" in page
    bobs.post(reverse("ssh_address_remove", args=[bob.ssh_addresses.get().pk]))
    assert not bob.ssh_addresses.exists()


def test_who_comes_by_ipv6_is_told_whether_the_machine_has_such_an_address(bobs, bob):
    row, words = machine(bob), "your machine has no IPv6 address"
    for own, source, is_told in (
        (None, "203.0.113.9", False),
        (None, "2001:db8::9", True),
        (None, "::ffff:203.0.113.9", False),
        ("2001:db8:0:14::4", "2001:db8::9", False),
    ):
        Instance.objects.filter(pk=row.pk).update(ipv6_address=own)
        page = bobs.get(reverse("account"), REMOTE_ADDR=source).text
        assert (words in page) is is_told, (own, source)


def test_only_ones_own_can_be_removed(bobs, browser_of, alice, bob):
    bobs.post(ADD, {"cidr": "198.51.100.7"})
    browser_of(alice).post(reverse("ssh_address_remove", args=[bob.ssh_addresses.get().pk]))
    assert bob.ssh_addresses.exists()


def test_nonsense_is_refused_on_the_page_and_by_the_api_alike(bobs, bob, client):
    token = create_token(bob, "test")
    for words in NONSENSE:
        page = bobs.post(ADD, {"cidr": words})
        assert page.status_code == 200
        assert "errorlist" in page.text, words
        answer = client.post(
            "/api/instances/ssh-addresses", json.dumps({"range": words}), "application/json",
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip
        assert answer.status_code in {409, 422}, words
    for more in (
        {"until": "1999-01-01"},
        {"until": "soon"},
        {"label": "---"},
        {"label": "x" * 61},
        {"cidr": "::/0"},
    ):
        assert "errorlist" in bobs.post(ADD, {"cidr": "198.51.100.7"} | more).text, more
    assert not SshAddress.objects.exists()


def test_the_api_lists_adds_and_removes(bob, client, settings):
    header = {"Authorization": f"Bearer {create_token(bob, 'test')}"}

    def asked(method, path="", **body):
        data = json.dumps(body) if body else "{}"
        url = f"/api/instances/ssh-addresses{path}"
        return client.generic(method, url, data, "application/json", headers=header, REMOTE_ADDR="198.51.100.7")

    assert asked("GET").json() == {"shared": ["0.0.0.0/0"], "own": []}
    asked("POST", label="here")
    asked("POST", range="203.0.113.0/28", until="2099-06-01T09:00:00+09:00")
    own = asked("GET").json()["own"]
    assert [(one["range"], one["label"], one["counts"]) for one in own] == [
        (HOME, "here", True), ("203.0.113.0/28", "", True),
    ]  # fmt: skip
    assert asked("DELETE", f"/{own[0]['id']}").json()["own"] == own[1:]
    assert asked("DELETE", f"/{own[0]['id']}").status_code == 404
