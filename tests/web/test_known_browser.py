"""Whoever knows somebody's address cannot keep them out."""

import pytest
from django.core import signing
from django.test import Client

from ondol.accounts.models import User
from tests.api.caller import person

PASSWORD = "a warm floor in winter"
STRANGERS, INSTITUTE = "198.51.100.7", "203.0.113.9"


@pytest.fixture
def bob(db):
    user = person("bob")
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(client, email, password, address=INSTITUTE):
    """Return whether the sign-in has succeeded."""
    answer = client.post("/accounts/login/", {"login": email, "password": password}, REMOTE_ADDR=address)
    return answer.status_code == 302


def known(user):
    """Return a browser in which this person has signed in before, and has signed out."""
    client = Client()
    assert sign_in(client, user.email, PASSWORD)
    client.post("/accounts/logout/")
    return client


def lock_out(email, times=5, address=STRANGERS):
    stranger = Client()
    for _ in range(times):
        assert not sign_in(stranger, email, "a guess", address)


def test_strangers_close_bobs_address_for_others_and_not_for_his_browser(bob):
    his = known(bob)
    lock_out(bob.email)
    assert not sign_in(Client(), bob.email, PASSWORD)
    assert sign_in(his, bob.email, PASSWORD)


def test_a_guesser_in_the_same_institute_closes_the_network_for_nobody_known(bob):
    his = known(bob)
    for number in range(10):
        lock_out(f"nobody{number}@example.org", 1, INSTITUTE)
    assert sign_in(his, bob.email.upper(), PASSWORD)


def test_his_own_browser_has_five_tries_as_well(bob):
    his = known(bob)
    for _ in range(5):
        assert not sign_in(his, bob.email, "a guess")
    assert not sign_in(his, bob.email, PASSWORD)


def forged(pk):
    return signing.get_cookie_signer(salt="another salt").sign(str(pk))


@pytest.mark.parametrize("make", [
    str, forged, lambda pk: "", lambda pk: f"{pk}:x:y", lambda pk: f" {pk}", lambda pk: "\x00", lambda pk: "9" * 40,
    lambda pk: signing.get_cookie_signer(salt="ondol.accounts.known_browser").sign("ondol_known1"),
])  # fmt: skip
def test_nobody_makes_such_a_cookie(bob, make):
    client = Client()
    client.cookies["ondol_known"] = make(bob.pk)
    lock_out(bob.email)
    assert not sign_in(client, bob.email, PASSWORD)


def test_the_cookie_of_one_person_opens_nothing_of_another(bob, db):
    dan = person("dan")
    dan.set_password(PASSWORD)
    dan.save()
    dans = known(dan)
    lock_out(bob.email)
    assert not sign_in(dans, bob.email, PASSWORD)
    lock_out(dan.email)
    assert sign_in(dans, dan.email, PASSWORD)


def test_the_cookie_of_somebody_who_is_gone_is_no_error(bob):
    his = known(bob)
    User.objects.filter(pk=bob.pk).delete()
    assert not sign_in(his, bob.email, PASSWORD)


def test_it_signs_nobody_in(bob):
    his = known(bob)
    assert set(his.cookies) >= {"ondol_known"}
    assert his.get("/").url.startswith("/accounts/login/")
