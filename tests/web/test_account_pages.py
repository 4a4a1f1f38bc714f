"""Your own account: name, language, tokens."""

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.conf import settings
from django.urls import reverse

from ondol.accounts.models import ApiToken, User
from ondol.accounts.tokens import create_token, find
from tests.web.conftest import person


def test_bob_changes_his_name_and_language(bob, browser_of):
    browser = browser_of(bob)
    answer = browser.post(reverse("account"), {"name": "로버트", "affiliation": "KIGAM", "language": "ko"}, follow=True)
    assert "저장했습니다." in answer.text
    bob.refresh_from_db()
    assert (bob.name, bob.language) == ("로버트", "ko")


def test_bob_changes_neither_his_role_nor_his_approval(carol, bob, browser_of):
    data = {"name": "Bob", "language": "en", "role": "ADMIN", "approval": "SUSPENDED", "email": "x@example.org"}
    browser_of(bob).post(reverse("account"), data)
    bob.refresh_from_db()
    assert (bob.role, bob.approval, bob.email) == ("MEMBER", "APPROVED", "bob@example.org")


def test_a_bad_name_is_refused_and_the_page_still_knows_bob(bob, browser_of):
    answer = browser_of(bob).post(reverse("account"), {"name": "x" * 10_000, "language": "en"})
    assert 'id="id_name_error"' in answer.text
    assert User.objects.get(pk=bob.pk).name == "Bob"


def test_control_characters_are_refused_beside_their_field(bob, browser_of):
    browser = browser_of(bob)
    answer = browser.post(reverse("account"), {"name": "Bob", "affiliation": "KI\x1bGAM", "language": "en"})
    assert 'id="id_affiliation_error"' in answer.text
    assert "Use visible characters" in browser.post(reverse("token_create"), {"name": "my\x1bscript"}).text
    assert not ApiToken.objects.exists()


def test_an_address_may_have_254_characters(bob, browser_of):
    long = f"{'b' * 60}@{'.'.join(['example'] * 26)}.org"
    answer = browser_of(bob).post(reverse("account_email"), {"email": long, "action_add": ""})
    assert "The address is longer than 254 characters." in answer.text


def change(browser, email, action="action_add"):
    return browser.post(reverse("account_email"), {"email": email, action: ""}, follow=True).text


def confirm(browser, email):
    key = EmailConfirmationHMAC.create(EmailAddress.objects.get(email=email)).key
    return browser.post(reverse("account_confirm_email", args=[key]), follow=True).text


def email_of(person):
    return User.objects.get(pk=person.pk).email


@pytest.mark.parametrize("is_proven", [False, True])
def test_an_address_holds_until_the_new_one_is_confirmed(bob, browser_of, is_proven):
    EmailAddress.objects.create(user=bob, email=bob.email, primary=True, verified=is_proven)
    browser = browser_of(bob)
    for wish in ("bobby@example.org", "robert@example.org"):
        assert wish in change(browser, wish)
    assert email_of(bob) == "bob@example.org"
    confirm(browser, "robert@example.org")
    assert email_of(bob) == "robert@example.org"
    assert EmailAddress.objects.get().email == "robert@example.org"


def test_a_change_of_address_is_taken_back_and_the_own_one_never(bob, browser_of):
    browser = browser_of(bob)
    change(browser, "robert@example.org")
    change(browser, "bob@example.org", "action_remove")
    change(browser, "robert@example.org", "action_remove")
    assert email_of(bob) == "bob@example.org"
    assert EmailAddress.objects.get().email == "bob@example.org"


def test_nobody_takes_somebodys_address(alice, bob, browser_of):
    browser = browser_of(bob)
    assert "already registered" not in change(browser, "ALICE@example.org"), "only a letter says who has an account"
    confirm(browser, "alice@example.org")  # whoever might get at the link
    assert email_of(bob) == "bob@example.org"
    assert email_of(alice) == "alice@example.org"


def test_an_address_that_was_taken_meanwhile_stays_with_who_took_it(bob, browser_of):
    browser = browser_of(bob)
    change(browser, "robert@example.org")
    person("robert@example.org")
    assert "Somebody has just signed up with this address." in confirm(browser, "robert@example.org")
    assert email_of(bob) == "bob@example.org"


def test_a_token_is_shown_once(bob, browser_of):
    browser = browser_of(bob)
    answer = browser.post(reverse("token_create"), {"name": "my script", "scopes": ["read"], "days": 7})
    token = answer.context["page"].token
    assert token in answer.text
    assert "no-store" in answer.headers["Cache-Control"]
    assert find(token).user == bob
    page = browser.get(reverse("account")).text
    assert "my script" in page
    assert token not in page


def test_a_token_needs_a_name_a_scope_of_its_owner_and_an_end(bob, browser_of):
    right = {"name": "my script", "scopes": ["read"], "days": 7}
    wrong = [{"name": ""}, {"scopes": []}, {"scopes": ["root"]}, {"scopes": ["read", "administrate"]}, {"days": 91},
             {"days": "for ever"}, {"days": ""}, {"days": -1}]  # fmt: skip
    for choice in wrong:
        answer = browser_of(bob).post(reverse("token_create"), right | choice)
        assert answer.status_code == 200
        assert "errorlist" in answer.text
        assert "my script" in answer.text or choice == {"name": ""}
    assert not ApiToken.objects.exists()


def test_a_revoked_token_is_nobodys(bob, browser_of):
    token = create_token(bob, "old")
    browser_of(bob).post(reverse("token_revoke", args=[ApiToken.objects.get().pk]))
    assert find(token) is None


def test_bob_cannot_revoke_the_token_of_alice(alice, bob, browser_of):
    token = create_token(alice, "hers")
    browser_of(bob).post(reverse("token_revoke", args=[ApiToken.objects.get().pk]))
    assert find(token).user == alice


def test_the_switch_is_remembered_by_the_browser(client, db):
    answer = client.post(reverse("language"), {"language": "en", "next": "/accounts/signup/"})
    assert answer.url == "/accounts/signup/"
    cookie = answer.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert (cookie.value, cookie["samesite"], cookie["httponly"]) == ("en", "Lax", True)
    assert '<html lang="en">' in client.get(reverse("account_login")).text


def test_the_switch_is_remembered_by_the_person(bob, browser_of):
    browser_of(bob, "ko").post(reverse("language"), {"language": "en", "next": "/"})
    assert User.objects.get(pk=bob.pk).language == "en"


def test_the_switch_never_leads_elsewhere(client, db):
    for target in ("https://evil.example/", "//evil.example", "\x00", "x" * 5000):
        assert client.post(reverse("language"), {"language": "en", "next": target}).url == "/"
    assert client.post(reverse("language"), {"language": "xx"}).url == "/"


def test_twenty_tokens_are_enough(bob, browser_of):
    for _ in range(20):
        create_token(bob, "script")
    answer = browser_of(bob).post(reverse("token_create"), {"name": "one more", "scopes": ["read"], "days": 7})
    assert "There are already 20 tokens." in answer.text
    assert ApiToken.objects.filter(user=bob).count() == 20


@pytest.mark.parametrize(
    ("host", "is_name"), [("127.0.0.1:8000", False), ("[::1]:8000", False), ("localhost:8000", True)]
)
def test_passkeys_need_a_name_and_not_a_number(bob, client, browser_of, settings, host, is_name):
    settings.ALLOWED_HOSTS = ["*"]
    for name in ("mfa_index", "mfa_list_webauthn", "mfa_add_webauthn"):
        page = browser_of(bob).get(reverse(name), headers={"host": host}).text
        assert ("Browsers allow security keys and passkeys at names only" in page) != is_name
    assert ("passkey_login" in client.get(reverse("account_login"), headers={"host": host}).text) == is_name
