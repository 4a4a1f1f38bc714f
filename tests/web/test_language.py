"""The language of somebody's first visit, before an account says which one they read."""

import pytest
from django.conf import settings
from django.urls import reverse

from ondol.accounts.models import User
from ondol.config import config

KNOWN = ("ko", "en")


@pytest.fixture
def of_installation(monkeypatch, settings):
    """Return a function that sets ONDOL_LANGUAGE."""

    def put(value):
        monkeypatch.setattr(config(), "language", value)
        settings.LANGUAGE_CODE = "ko" if value == "auto" else value

    return put


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("en-US,en;q=0.9", "en"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("en-GB;q=0.7,ko;q=0.8", "ko"),
        ("de-DE,de;q=0.9,en;q=0.5", "en"),
        ("ja,fr;q=0.5", "ko"),
        ("", "ko"),
        ("*", "ko"),
        ("en;q=x, \x7f;;q=, ../../etc", "ko"),
        ("en," * 3000, "en"),
    ],
)
def test_a_stranger_reads_what_the_browser_asks_for_and_korean_otherwise(client, db, asked, read):
    page = client.get(reverse("account_login"), headers={"Accept-Language": asked})
    assert f'<html lang="{read}">' in page.text
    assert page.headers["Content-Language"] == read
    assert {"Accept-Language", "Cookie"} <= set(page.headers["Vary"].split(", "))


@pytest.mark.parametrize("fixed", KNOWN)
@pytest.mark.parametrize("asked", KNOWN)
def test_an_installation_with_one_language_does_not_ask_the_browser(client, db, of_installation, fixed, asked):
    of_installation(fixed)
    told = {"Accept-Language": asked}
    assert f'<html lang="{fixed}">' in client.get(reverse("account_login"), headers=told).text
    refusal = client.get("/api/instances/status", headers=told).json()["error"]["message"]
    assert refusal.isascii() == (fixed == "en")


def test_what_somebody_has_chosen_here_wins(client, db, of_installation):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "ko"
    for value in ("auto", *KNOWN):
        of_installation(value)
        page = client.get(reverse("account_login"), headers={"Accept-Language": "en"})
        assert '<html lang="ko">' in page.text, value


def test_a_cookie_with_another_language_counts_for_nothing(client, db):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "../en"
    assert '<html lang="en">' in client.get(reverse("account_login"), headers={"Accept-Language": "en"}).text


@pytest.mark.parametrize("path", ["/nowhere", "/accounts/nowhere/", "/api/nowhere"])
def test_errors_follow(client, db, path):
    texts = [client.get(path, headers={"Accept-Language": asked}).text for asked in KNOWN]
    assert texts[0] != texts[1]


def test_an_error_before_any_page_follows(client, db):
    asked = {"Accept-Language": "en", "Host": "elsewhere.example"}
    assert '<html lang="en">' in client.get("/", headers=asked).text


def test_a_file_has_no_language(client):
    page = client.get("/static/ondol/none.css", headers={"Accept-Language": "en"})
    assert "Content-Language" not in page.headers
    assert "Cookie" not in page.headers.get("Vary", "")


def test_strangers_see_both_languages_and_which_one_they_read(client, db):
    page = client.get(reverse("account_login"), headers={"Accept-Language": "en"}).text
    for code, word in (("ko", "한국어"), ("en", "English")):
        mark = ' aria-current="true"' if code == "en" else ""
        assert f'lang="{code}"{mark}>{word}</button>' in page.replace(" >", ">")


def test_bob_sees_the_other_language_alone(bob, browser_of):
    page = browser_of(bob).get("/").text
    assert ">한국어</button>" in page
    assert ">English</button>" not in page


def test_the_language_of_the_first_sign_in_becomes_the_persons(client, db):
    User.objects.create_user("bob@example.org", "a warm floor", name="Bob", approval="APPROVED")
    typed = {"login": "bob@example.org", "password": "a warm floor"}
    for asked in ("en", "ko"):
        assert client.post(reverse("account_login"), typed, headers={"Accept-Language": asked}).status_code == 302
        assert User.objects.get().language == "en", "the second time, it is the person's own"
        client.post(reverse("account_logout"))
