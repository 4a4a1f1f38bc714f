"""What somebody who is suspended still has open: browsers, programs, links."""

import pytest
from django.test import Client
from django.urls import reverse

from ondol.accounts import people
from ondol.accounts.models import ApiToken
from ondol.accounts.tokens import create_token, scopes_of
from ondol.commands import main
from tests.web.conftest import BOB, machine

pytestmark = pytest.mark.django_db
PASSWORD = "five quiet otters 23"


@pytest.fixture
def bob(bob):
    """Return Bob, who has a password."""
    bob.set_password(PASSWORD)
    bob.save()
    return bob


def signed_in():
    """Return a browser of Bob's, signed in as people do it."""
    browser = Client()
    browser.post(reverse("account_login"), {"login": BOB, "password": PASSWORD})
    assert is_in(browser)
    return browser


def is_in(browser):
    return browser.get("/").status_code == 200


def program(token, path="/api/instances/status"):
    return Client(headers={"Authorization": f"Bearer {token}"}).get(path).status_code


def by_page(alice, bob, browser_of):
    browser_of(alice).post(reverse("admin_suspend", args=[bob.pk]), {"reason": "Left."})


def by_api(alice, bob, browser_of):
    headers = {"Authorization": f"Bearer {create_token(alice, 'laptop', scopes_of(alice))}"}
    assert Client(headers=headers).post(f"/api/admin/users/{bob.pk}/suspend", {}, "application/json").status_code == 200


def by_command(alice, bob, browser_of):
    assert main(["user", "suspend", BOB]) == 0


@pytest.mark.parametrize("suspend", [by_page, by_api, by_command], ids=lambda way: way.__name__)
def test_whoever_suspends_bob_his_browsers_and_programs_are_out_at_once_and_for_good(alice, bob, browser_of, suspend):
    row = machine(bob)
    browsers, token = [signed_in(), signed_in()], create_token(bob, "cluster")
    alices = browser_of(alice)
    assert program(token) == 200
    suspend(alice, bob, browser_of)
    row.refresh_from_db()
    assert (row.status, row.status_reason) == ("STOPPING", "NOT_APPROVED")
    assert not any(is_in(browser) for browser in browsers)
    assert program(token) == 401
    people.approve(bob.pk, alice)
    assert not any(is_in(browser) for browser in browsers), "an old session came back"
    assert program(token) == 401, "an old token came back"
    signed_in()
    assert is_in(alices), "she is somebody else"


def test_a_suspended_person_who_signs_in_again_sees_why_and_makes_no_token(alice, bob):
    people.suspend(bob.pk, alice, "Left.")
    browser = signed_in()
    assert "Left." in browser.get("/").text
    assert browser.post(reverse("token_create"), {"name": "x"}).status_code == 403
    assert not ApiToken.objects.exists()
