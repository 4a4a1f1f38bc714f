"""The pages take a person for the same person, however their keyboard types them."""

import unicodedata

import pytest
from allauth.account.models import EmailAddress
from django.urls import reverse

from ondol.accounts.models import User
from tests.signed_in import session_of
from tests.web.conftest import person
from tests.web.test_sign_up import sign_up

pytestmark = pytest.mark.django_db
WINTER = "겨울에는 따뜻한 아랫목"
TYPED = ["bob@example.org", "BOB@example.org", "ｂｏｂ＠example.org", "bob@exam\u200bple.org", "\ufeffbob@example.org",
         "bob@example。org", "b\u00adob@example.org", "bob@example.org\u2060", "bob@example.org\u202c"]  # fmt: skip


def sign_in(browser, email, password=WINTER):
    return browser.post(reverse("account_login"), {"login": email, "password": password})


@pytest.mark.parametrize("typed", TYPED)
def test_bob_signs_in_as_his_keyboard_types_him(english, bob, typed):
    bob.set_password(WINTER)
    bob.save()
    assert sign_in(english, typed).status_code == 302
    assert session_of(english)["_auth_user_id"] == str(bob.pk)


def test_who_shares_the_look_of_an_address_since_before_signs_in_as_it_was_typed(english, bob):
    other = person("bob@exam\u200bple.org")
    for who in (bob, other):
        who.set_password(f"{who.pk} warm floors")
        who.save()
    for who in (bob, other):
        english.logout()
        assert sign_in(english, who.email, f"{who.pk} warm floors").status_code == 302
        assert session_of(english)["_auth_user_id"] == str(who.pk)


@pytest.mark.parametrize("typed", [typed for typed in TYPED if typed.isprintable()])
def test_nobody_signs_up_as_a_second_bob(english, bob, typed):
    assert sign_up(english, email=typed).status_code == 200
    assert User.objects.count() == 1


@pytest.mark.parametrize("typed", [typed for typed in TYPED if not typed.isprintable()])
@pytest.mark.parametrize(("language", "words"), [("en", "invisible character"), ("ko", "보이지 않는 글자")])
def test_a_hidden_letter_is_named_in_both_languages(client, typed, language, words):
    client.cookies["ondol_language"] = language
    page = sign_up(client, email=typed).text
    letter = next(letter for letter in typed if not letter.isprintable())
    assert words in page
    assert f"U+{ord(letter):04X} {unicodedata.name(letter)}" in page
    assert not User.objects.exists()


@pytest.mark.parametrize("field", ["name", "affiliation", "purpose", "password1"])
def test_a_bidi_control_is_named_beside_its_field(english, field):
    page = sign_up(english, **{field: "a warm\u202e floor"})
    assert f'id="id_{field}_error"' in page.text
    assert "U+202E RIGHT-TO-LEFT OVERRIDE" in page.text


def test_what_word_leaves_in_a_text_is_dropped(english):
    pieces = unicodedata.normalize("NFD", "김민준")
    sign_up(english, name=f"\ufeff{pieces}\u00a0", affiliation="KI\u00adGAM", purpose="InSAR\u200b\nof 산")
    minjun = User.objects.get()
    assert (minjun.name, minjun.affiliation, minjun.purpose) == ("김민준", "KIGAM", "InSAR\nof 산")


def test_bob_resets_the_password_that_belongs_to_what_he_typed(english, bob):
    english.post(reverse("account_reset_password"), {"email": "ｂｏｂ@exam\u200bple.org"})
    from procrastinate.contrib.django.models import ProcrastinateJob

    job = ProcrastinateJob.objects.get(task_name="ondol.accounts.letter")
    assert (job.args["to"], job.args["about"]) == ("bob@example.org", bob.pk)


def test_bob_changes_to_an_address_that_is_written_in_one_way(browser_of, bob, alice):
    browser = browser_of(bob)
    new = EmailAddress.objects.filter(user=bob).exclude(email=bob.email)
    for taken in ("ａｌｉｃｅ@example.org", "alice@exam\u200bple.org"):
        browser.post(reverse("account_email"), {"email": taken, "action_add": ""})
        assert new.get().email == "alice@example.org"  # who alone is told
    browser.post(reverse("account_email"), {"email": "ｂ.kim＠xn--pq1b416a.kr", "action_add": ""})
    assert new.get().email == "b.kim@온돌.kr"
