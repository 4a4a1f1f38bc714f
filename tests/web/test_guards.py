"""Who sees which page. Others are told so, and nothing happens."""

import re

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.urls import reverse

from ondol.accounts.models import Approval, User
from ondol.instances.models import Instance
from ondol.instances.states import Status
from tests.web.conftest import machine, person

OWN = ["dashboard", "machine", "account", "help", "costs"]
WISHES = ["machine_create", "machine_start", "machine_stop", "machine_key", "machine_address_told"]
ADMINISTRATION = ["admin_people", "admin_activity", "admin_costs"]
ALLAUTH = ["account_email", "account_change_password", "mfa_index", "usersessions_list", "mfa_add_webauthn"]


@pytest.mark.parametrize("name", OWN + ADMINISTRATION)
def test_strangers_are_asked_to_sign_in_and_come_back(client, db, name):
    answer = client.get(reverse(name))
    assert answer.status_code == 302
    then = "landing" if name == "dashboard" else name  # which knows whose first page is which
    assert answer.url == f"/accounts/login/?next={reverse(then)}"


@pytest.mark.parametrize("name", WISHES)
def test_strangers_ask_for_nothing(client, db, name):
    assert client.post(reverse(name)).status_code == 302
    assert not Instance.objects.exists()


@pytest.mark.parametrize("name", OWN[1:] + ADMINISTRATION + ALLAUTH)
def test_carol_sees_that_she_waits_wherever_she_goes(carol, browser_of, name):
    browser = browser_of(carol)
    assert browser.get(reverse(name)).url == "/"
    assert "Waiting for approval" in browser.get("/").text


@pytest.mark.parametrize("name", WISHES)
def test_carol_unapproved_cannot_create(carol, browser_of, name):
    answer = browser_of(carol).post(reverse(name))
    assert answer.status_code == 403
    assert "Waiting for approval" in answer.text
    assert not Instance.objects.exists()


def test_dan_sees_why_he_was_rejected_and_nothing_else(dan, browser_of):
    browser = browser_of(dan)
    page = browser.get("/").text
    assert "Not one of us." in page
    assert "My machine" not in page
    assert browser.get(reverse("account_change_password")).url == "/"


def test_erin_sees_that_she_is_suspended_and_her_machine_stays(erin, browser_of):
    row = machine(erin)
    browser = browser_of(erin)
    assert "Project over." in browser.get("/").text
    assert browser.post(reverse("machine_stop")).status_code == 403
    row.refresh_from_db()
    assert row.status == Status.RUNNING


def test_everybody_can_sign_out(carol, browser_of):
    browser = browser_of(carol)
    answer = browser.post(reverse("account_logout"))
    assert answer.url == "/accounts/login/"
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert "Clear-Site-Data" not in browser.get("/accounts/login/").headers
    assert browser.get("/").url.startswith("/accounts/login/")


@pytest.mark.parametrize("name", ADMINISTRATION)
def test_bob_is_no_administrator(bob, browser_of, name):
    answer = browser_of(bob).get(reverse(name))
    assert answer.status_code == 403
    assert "You have no access to this page" in answer.text


@pytest.mark.parametrize("action", ["approve", "reject", "suspend", "role", "terminate"])
def test_bob_decides_nothing_about_anybody(bob, carol, browser_of, action):
    row = machine(person("frank@example.org"))
    for about in (bob, carol, row.owner):
        data = {"reason": "x", "role": "ADMIN", "email": about.email}
        assert browser_of(bob).post(reverse(f"admin_{action}", args=[about.pk]), data).status_code == 403
    assert User.objects.get(pk=carol.pk).approval == Approval.PENDING
    assert User.objects.get(pk=bob.pk).role == "MEMBER"
    row.refresh_from_db()
    assert row.status == Status.RUNNING


@pytest.mark.parametrize("name", [*WISHES, "language", "admin_decide", "token_create"])
def test_it_rejects_get(alice, browser_of, name):
    assert browser_of(alice).get(reverse(name)).status_code == 405


@pytest.mark.parametrize("name", [*WISHES, "account", "language"])
def test_forms_without_a_token_are_refused(bob, browser_of, name):
    answer = browser_of(bob, enforce_csrf_checks=True).post(reverse(name), {"name": "x"})
    assert answer.status_code == 403
    assert "This form has expired" in answer.text
    assert not Instance.objects.exists()


def test_a_poll_of_somebody_signed_out_leads_to_the_sign_in(client, db):
    answer = client.get(reverse("machine"), headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/accounts/login/?next=/"


@pytest.mark.parametrize(
    ("page", "then"),
    [
        ("http://testserver/admin/", "/admin/"),
        ("http://testserver/admin/doctor/?a=b&c=%ED%95%9C#d", "/admin/doctor/%3Fa%3Db%26c%3D%25ED%2595%259C"),
        ("http://testserver/", "/"),
        *((page, "/") for page in ("https://evil.example/x", "//evil.example", "javascript:alert(1)", "x", "http://[")),
        ("http://testserver//evil.example/", "/evil.example/"),
        ("http://testserver/\\evil.example/", "/evil.example/"),
    ],
)
def test_who_signs_in_again_comes_back_to_the_page_that_was_open(client, db, page, then):
    for name in ("admin_overview", "machine"):
        answer = client.get(reverse(name) + "?v=1", headers={"HX-Request": "true", "HX-Current-URL": page})
        assert answer.headers["HX-Redirect"] == f"/accounts/login/?next={then}"


def test_a_poll_of_somebody_just_suspended_leads_to_where_they_stand(erin, browser_of):
    answer = browser_of(erin).get(reverse("machine"), headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/"


def test_a_page_that_waits_for_a_decision_moves_on_by_itself_and_only_then(carol, browser_of):
    browser, poll = browser_of(carol), {"HX-Request": "true"}
    path = re.search(r'hx-get="([^"]+)"\s+hx-trigger="every 10s', browser.get("/").text)
    assert path
    assert browser.get(path[1], headers=poll).status_code == 204
    for approval in (Approval.REJECTED, Approval.APPROVED, Approval.SUSPENDED):
        User.objects.filter(pk=carol.pk).update(approval=approval)
        assert browser.get(path[1], headers=poll).headers["HX-Redirect"] == "/"


@pytest.mark.parametrize("name", OWN)
def test_nothing_of_a_person_is_kept_by_the_browser(bob, browser_of, name):
    assert "no-store" in browser_of(bob).get(reverse(name)).headers["Cache-Control"]


def test_a_look_at_a_buttons_address_is_a_designed_page(bob, browser_of):
    answer = browser_of(bob).get(reverse("machine_create"))
    assert answer.status_code == 405
    assert "405" in answer.text
    assert answer.headers["Allow"] == "POST"


def test_whose_session_is_gone_is_told_so_at_the_sign_in(bob, browser_of, client):
    browser = browser_of(bob)
    Session.objects.all().delete()
    browser.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    browser.get("/machine/", headers={"HX-Request": "true"})
    told = "Your session has ended. Sign in again."
    assert told in browser.get("/accounts/login/").text
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    client.get("/")
    assert told not in client.get("/accounts/login/").text
