"""Administrators need a second factor outside of the trial, after some days; their tokens at once."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client
from django.urls import reverse

from ondol.accounts import tokens
from ondol.accounts.models import Role, Scope, User
from ondol.accounts.people import AccountError, add_user, set_role
from ondol.api.scopes import SCOPES
from ondol.config import config
from tests.web.browser import sign_in

WORDS = "Administrators need a second factor."
SECRET = "JBSWY3DPEHPK3PXP"
PAGES = ["admin_people", "admin_fleet", "admin_policy", "admin_activity", "admin_doctor", "admin_costs"]


@pytest.fixture
def at_amazon(monkeypatch):
    monkeypatch.setattr(config(), "cloud", "aws")


@pytest.fixture
def ada(db):
    """Return Ada, who has just become an administrator."""
    user = add_user("ada@example.org", "Ada", admin=True)
    User.objects.filter(pk=user.pk).update(language="en")
    return User.objects.get(pk=user.pk)


def since(user, **ago):
    User.objects.filter(pk=user.pk).update(administrates_since=datetime.now(UTC) - timedelta(**ago))
    return User.objects.get(pk=user.pk)


def browser_of(user):
    browser = Client()
    sign_in(browser, user)
    return browser


@pytest.mark.usefixtures("at_amazon")
def test_ada_is_told_on_each_page_and_administrates_for_a_fortnight(ada, carol):
    browser = browser_of(since(ada, days=13))
    for name in [*PAGES, "dashboard", "account"]:
        answer = browser.get(reverse(name))
        assert (answer.status_code, WORDS in answer.text) == (200, True), name
    browser.post(reverse("admin_approve", args=[carol.pk]), {"vouches": "on"})
    carol.refresh_from_db()
    assert carol.is_approved


@pytest.mark.usefixtures("at_amazon")
def test_then_she_administrates_nothing_and_has_her_own_machine(ada, carol):
    browser = browser_of(since(ada, days=15))
    for name in PAGES:
        answer = browser.get(reverse(name))
        assert answer.status_code == 403, name
        assert "Set up a second factor first" in answer.text
        assert reverse("mfa_index") in answer.text
    for name, form in {"approve": {}, "reject": {"reason": "x"}, "suspend": {}, "role": {"role": "ADMIN"}}.items():
        assert browser.post(reverse(f"admin_{name}", args=[carol.pk]), form).status_code == 403, name
    for operation in (one for one, scope in SCOPES.items() if scope == Scope.ADMINISTRATE):
        method, path = operation.split()
        answer = browser.generic(method, path.format(user_id=carol.pk))
        assert answer.json()["error"]["code"] == "second_factor_needed", operation
    for name in ("dashboard", "account", "mfa_index", "mfa_activate_totp"):
        assert browser.get(reverse(name)).status_code == 200, name
    carol.refresh_from_db()
    assert not carol.is_approved
    TOTP.activate(ada, SECRET)
    assert browser.get(reverse("admin_people")).status_code == 200
    assert WORDS not in browser.get("/").text


def test_a_token_of_before_needs_one_after_the_days_as_well(ada, carol, monkeypatch):
    token = tokens.create_token(ada, "of before", list(Scope))
    monkeypatch.setattr(config(), "cloud", "aws")
    for days, status in ((13, 200), (15, 403)):
        since(ada, days=days)
        answer = Client().get("/api/admin/users", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
        assert Client().get("/api/costs", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.usefixtures("at_amazon")
def test_a_new_token_to_administrate_needs_one_at_once(ada):
    for scopes in ([Scope.READ], [Scope.READ, Scope.MACHINE]):
        assert tokens.create_token(ada, "laptop", scopes)
    RecoveryCodes.activate(ada)  # which are none
    with pytest.raises(AccountError) as refused:
        tokens.create_token(ada, "laptop", [Scope.ADMINISTRATE])
    assert (refused.value.code, refused.value.status) == ("second_factor_needed", 403)
    TOTP.activate(ada, SECRET)
    assert tokens.create_token(ada, "laptop", [Scope.ADMINISTRATE])


def test_in_the_trial_nobody_needs_one(ada):
    browser = browser_of(since(ada, days=400))
    assert browser.get(reverse("admin_people")).status_code == 200
    assert WORDS not in browser.get("/").text
    assert tokens.create_token(ada, "laptop", list(Scope))


@pytest.mark.usefixtures("at_amazon")
def test_the_days_begin_with_the_role_and_only_for_administrators(ada, bob, monkeypatch):
    browser = browser_of(bob)
    assert WORDS not in browser.get("/").text
    set_role(bob.pk, ada, Role.ADMIN)
    first = User.objects.get(pk=bob.pk).administrates_since
    assert datetime.now(UTC) - first < timedelta(minutes=1)
    User.objects.filter(pk=bob.pk).update(language="en")
    assert WORDS in browser.get("/").text
    set_role(bob.pk, ada, Role.MEMBER)
    set_role(bob.pk, ada, Role.ADMIN)
    assert User.objects.get(pk=bob.pk).administrates_since == first, "they do not begin again"
    set_role(bob.pk, ada, Role.MEMBER)
    monkeypatch.setattr(config(), "admin_second_factor_days", 0)
    assert browser_of(ada).get(reverse("admin_people")).status_code == 403
