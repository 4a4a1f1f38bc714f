"""Sign-up, sign-in, passwords, and what is refused there."""

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import settings as of_ondol
from ondol.accounts import letters, requests, tasks
from ondol.accounts.models import Approval, User
from ondol.accounts.people import add_user
from tests.queued import own_arguments
from tests.web.conftest import person

REQUEST = {
    "name": "김민준",
    "email": "minjun@example.org",
    "password1": "따뜻한 바닥 위의 고양이",
    "affiliation": "KIGAM",
    "purpose": "InSAR",
}


def sign_up(browser, **changes):
    return browser.post(reverse("account_signup"), {**REQUEST, **changes}, follow=True)


def test_a_new_person_waits_and_administrators_are_told(alice, english, db):
    page = sign_up(english).text
    assert "Waiting for approval" in page
    minjun = User.objects.get(approval=Approval.PENDING)
    assert (minjun.name, minjun.affiliation, minjun.purpose) == ("김민준", "KIGAM", "InSAR")
    assert (minjun.approval, minjun.role, minjun.language) == (Approval.PENDING, "MEMBER", "en")
    requests.announce()
    [job] = ProcrastinateJob.objects.filter(task_name=requests.TASK)
    assert job.args == {"people": [minjun.pk], "to": alice.pk}


def test_nobody_makes_themself_an_administrator(english, db):
    sign_up(english, role="ADMIN", approval="APPROVED", is_active="1")
    assert not User.objects.get(approval=Approval.PENDING).is_approved


@pytest.mark.parametrize("email", ["bob@example.org", "BOB@EXAMPLE.ORG", " Bob@Example.Org "])
def test_an_address_belongs_to_one_person_in_any_case(english, bob, email):
    answer = sign_up(english, email=email)
    assert answer.status_code == 200
    assert User.objects.count() == 1
    assert "김민준" in answer.text, "what was typed is kept"


@pytest.mark.parametrize("name", ["name", "email", "affiliation", "purpose", "password1"])
def test_what_is_missing_is_said_beside_its_field(english, db, name):
    answer = sign_up(english, **{name: ""})
    assert f'id="id_{name}_error"' in answer.text
    assert not User.objects.exists()


BAD = {
    "null byte": "a\x00b@example.org",
    "very long": "x" * 10_000 + "@example.org",
    "not an address": "bob",
    "control characters": "a\r\nBcc: x@example.org",
    "emoji": "🙂",
    "right to left": "\u202egro.elpmaxe@bob",
    "longer than 254 characters": f"{'b' * 60}@{'.'.join(['example'] * 26)}.org",
}


@pytest.mark.parametrize("email", BAD.values(), ids=BAD)
def test_bad_addresses_are_refused_with_a_sentence(english, db, email):
    answer = sign_up(english, email=email)
    assert answer.status_code == 200
    assert 'id="id_email_error"' in answer.text
    assert not User.objects.exists()


@pytest.mark.parametrize("field", ["name", "affiliation", "purpose", "password1"])
@pytest.mark.parametrize("value", ["a\x00b", "x" * 10_000], ids=["null byte", "very long"])
def test_bad_words_are_refused_or_kept_but_never_break(english, db, field, value):
    assert sign_up(english, **{field: value}).status_code == 200


@pytest.mark.parametrize("field", ["name", "affiliation", "purpose"])
def test_control_characters_are_refused_beside_their_field(english, db, field):
    assert f'id="id_{field}_error"' in sign_up(english, **{field: "an \x1b[31m InSAR"}).text
    assert not User.objects.exists()


def test_emoji_and_other_scripts_are_names(english, db):
    sign_up(english, name="Łukasz 🛰️ 金")
    assert User.objects.get().name == "Łukasz 🛰️ 金"


def test_a_name_of_blanks_is_no_name(english, db):
    sign_up(english, name="   ")
    assert not User.objects.exists()


def test_bytes_that_are_no_text_break_nothing(english, db):
    answer = english.post(
        reverse("account_signup"), b"name=%ff%fe&email=%ff", content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 200


def test_a_huge_body_is_refused(english, db):
    answer = english.post(
        reverse("account_signup"), b"name=" + b"x" * 3_000_000, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 400
    assert "Ondol" in answer.text


def test_short_and_common_passwords_are_refused_others_need_no_pattern(english, db):
    for password in ("short", "password123", "1234567890"):
        sign_up(english, password1=password)
        assert not User.objects.exists()
    sign_up(english, password1="only lower case words")
    assert User.objects.exists()


def with_password(user):
    user.set_password("a warm floor")
    user.save()
    return user


def test_a_password_is_kept_as_scrypt_makes_it(english, db, settings):
    settings.PASSWORD_HASHERS = of_ondol.PASSWORD_HASHERS
    sign_up(english, password1="only lower case words")
    user = User.objects.get()
    assert user.password.startswith("scrypt$16384$")
    assert user.check_password("only lower case words")
    assert not user.check_password("only lower case word")


def sign_in(browser, email, password="a warm floor", **more):
    return browser.post(reverse("account_login"), {"login": email, "password": password, **more})


def test_bob_signs_in_with_his_address_in_any_case(english, bob):
    with_password(bob)
    assert sign_in(english, "BOB@example.org").url == reverse("landing")


def test_who_was_added_with_capital_letters_signs_in_with_any(english, db):
    add_user("Dan@Example.org", password="a warm floor")
    for email in ("Dan@Example.org", "dan@example.org"):
        assert sign_in(english, email).url == reverse("landing")
        english.cookies.clear()


def test_the_language_chosen_before_the_first_sign_in_stays_and_ones_own_holds_after_it(client, bob):
    with_password(bob)
    for before, chosen, after in (("ko", "en", "en"), ("en", "ko", "en")):
        User.objects.update(language=before)
        client.post(reverse("language"), {"language": chosen})
        sign_in(client, "bob@example.org")
        assert User.objects.get().language == after
        client.logout()


def test_a_language_not_chosen_changes_nobody(client, bob):
    with_password(bob)
    for language in ("en", "ko"):
        User.objects.update(language=language, last_login=None)
        sign_in(client, "bob@example.org")
        assert User.objects.get().language == language
        client.logout()


def test_nobody_gets_a_session_before_signing_in(english, bob):
    for name in ("account_login", "account_signup", "account_reset_password", "dashboard", "help"):
        english.get(reverse(name))
    sign_in(english, with_password(bob).email, "wrong")
    sign_up(english, name="")
    assert not Session.objects.exists()
    sign_in(english, bob.email)
    assert Session.objects.exists()


def test_a_stranger_and_a_wrong_password_look_the_same(english, bob):
    with_password(bob)
    answers = [sign_in(english, "bob@example.org", "wrong").text, sign_in(english, "zoe@example.org", "wrong").text]
    assert all("not correct" in answer for answer in answers)


NO_PLACES = [
    *("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "javascript&colon;alert()"),
    *("evil", "account", "admin_people", "?", "{}", "%s", "\x00", "%2f%2fevil", "..", "a" * 9000, ""),
]
"""What is no path and no full address of this site; Django would take some of it for the name of a view."""


@pytest.mark.parametrize("target", NO_PLACES)
def test_signing_in_never_leads_elsewhere(english, bob, target):
    with_password(bob)
    assert sign_in(english, "bob@example.org", next=target).url == reverse("landing")


def test_nor_does_another_language(english, bob):
    for target in NO_PLACES:
        assert english.post("/language/", {"language": "en", "next": target}).url == "/", target
    assert english.post("/language/", {"language": "en", "next": "/help/?a=1"}).url == "/help/?a=1"


def test_many_wrong_passwords_make_a_pause(english, bob):
    with_password(bob)
    for _ in range(6):
        answer = sign_in(english, "bob@example.org", "wrong")
    assert "Too many failed" in answer.text or answer.status_code == 429
    assert sign_in(english, "bob@example.org").status_code != 302


def forget(browser, email):
    """Ask for a new password; then run the jobs."""
    page = browser.post(reverse("account_reset_password"), {"email": email}, follow=True)
    waiting = ProcrastinateJob.objects.filter(task_name=letters.TASK)
    assert not any("/password/reset/key/" in str(job.args) for job in waiting)
    for job in waiting:
        tasks.letter(**own_arguments(job))
    return page


def test_a_forgotten_password_is_set_anew_by_mail(english, bob, mailoutbox):
    with_password(bob)
    assert "We have sent you an email" in forget(english, "bob@example.org").text
    (mail,) = mailoutbox
    assert mail.to == ["bob@example.org"]
    link = next(line for line in mail.body.splitlines() if "/password/reset/key/" in line)
    form = english.get(link, follow=True)
    new = {"password1": "a floor still warmer", "password2": "a floor still warmer"}
    english.post(form.redirect_chain[-1][0], new)
    assert sign_in(english, "bob@example.org", "a floor still warmer").url == reverse("landing")


def test_no_page_asks_a_mail_server(english, bob, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.nowhere"
    page = english.post(reverse("account_reset_password"), {"email": "bob@example.org"}, follow=True)
    assert "We have sent you an email" in page.text
    assert ProcrastinateJob.objects.filter(task_name=letters.TASK).count() == 1


def test_nobody_learns_who_has_an_account(english, db, mailoutbox):
    assert "We have sent you an email" in forget(english, "zoe@example.org").text
    (mail,) = mailoutbox
    assert mail.subject == "[Ondol] Unknown Account"


@pytest.mark.parametrize("headers", [{"Accept": "application/json"}, {"X-Requested-With": "XMLHttpRequest"}])
@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_a_script_gets_the_page_that_everybody_gets(english, db, name, headers):
    typed = {"login": "bob@example.org", "password": "a secret", "password1": "a secret"}
    for answer in (english.get(reverse(name), headers=headers), english.post(reverse(name), typed, headers=headers)):
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "a secret" not in answer.text


def test_json_is_no_form(english, bob):
    with_password(bob)
    told = {"login": "bob@example.org", "password": "a warm floor"}
    answer = english.post(reverse("account_login"), told, content_type="application/json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert 'id="id_login_error"' in answer.text


def test_sign_in_shows_nothing_secret(english, db, machines_clock):
    machines_clock.be_real()
    page = english.get(reverse("account_login")).text
    assert "password" in page.lower()
    assert "trial" not in page.lower()


def test_two_requests_with_one_address_at_once_make_one_person(english, db, monkeypatch):
    from ondol.accounts.adapter import AccountAdapter

    save = AccountAdapter.save_user

    def beaten(self, request, user, form, commit=True):
        if not User.objects.exists():
            person("minjun@example.org", Approval.PENDING)
        return save(self, request, user, form, commit)

    monkeypatch.setattr(AccountAdapter, "save_user", beaten)
    answer = sign_up(english)
    assert answer.status_code in {200, 409}
    assert User.objects.count() == 1


def test_the_sign_in_leads_to_a_forgotten_password_and_only_a_new_one_has_rules(english, db):
    page = english.get(reverse("account_login")).text
    assert f'<a href="{reverse("account_reset_password")}">Forgot your password?</a>' in page
    assert "or more characters" not in page
    assert "10 or more characters" in english.get(reverse("account_signup")).text
