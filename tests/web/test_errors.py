"""Designed pages for errors, also while PostgreSQL is away."""

import re
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from ondol.accounts.tokens import create_token
from ondol.api.throttle import PER_PERSON, PerPerson
from ondol.config import config
from ondol.database.away import is_away
from ondol.host.gateway import TOO_BIG
from ondol.instances.models import Instance
from ondol.web import middleware
from ondol.web.errors import views as errors
from ondol.web.machine import page as machine_page


def database_away():
    # Not `cursor`: what is asked with every page has one of its own (`ondol.database.kept`).
    return patch.object(connection, "_prepare_cursor", side_effect=OperationalError("connection refused"))


@pytest.mark.parametrize(("asked", "first"), [("ko", "보낸 내용이 너무 큽니다"), ("en", "What was sent is too large")])
def test_what_the_gateway_finds_too_large_is_said_in_both_languages_without_the_database(client, asked, first):
    answer = client.post("/admin/people/invite/", headers={"Accept-Language": asked}, **{TOO_BIG: True})
    assert answer.status_code == 413
    assert re.search(r"<h1[^>]*>\s*(.*?)\s*</h1>", answer.text)[1] == first
    assert answer.text.count("2.5MB") + answer.text.count("2.5 MB") == 2
    assert f'<html lang="{asked}">' in answer.text
    program = client.post("/api/instances", headers={"Accept-Language": asked}, **{TOO_BIG: True})
    assert (program.status_code, program.json()["error"]["code"]) == (413, "too_big")


def test_what_is_too_large_for_the_health_check_is_said_without_the_database(client):
    """Its threads are few, and those of the files: without a fixture for the database, a question to it is an error."""
    answer = client.post("/healthz", **{TOO_BIG: True})
    assert answer.status_code == 413


def test_no_such_page(english, db):
    answer = english.get("/nowhere")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


@pytest.mark.parametrize("path", ["/%ff%fe", "/%00", "/admin/people/%00/", "/machine/?v=%00", "/help/?x=%ff"])
def test_odd_addresses_break_nothing(alice, browser_of, path):
    assert browser_of(alice).get(path).status_code in {200, 404}


def test_healthz_answers_without_session_host_or_https(client, db, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = client.get("/healthz", headers={"Host": "10.0.0.7:8000"})
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert not answer.cookies


def test_healthz_knows_that_the_database_is_away(client, db):
    with database_away():
        assert client.get("/healthz").status_code == 503


def test_the_database_is_away_in_a_page(bob, browser_of, monkeypatch):
    browser = browser_of(bob)
    monkeypatch.setattr(machine_page, "card_of", lambda user: (_ for _ in ()).throw(OperationalError()))
    answer = browser.get("/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"


def test_the_database_is_away_before_any_page(bob, browser_of):
    browser = browser_of(bob)
    browser.raise_request_exception = False
    with database_away():
        answer = browser.get("/")
        api = browser.get("/api/instances/status")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "잠시 쓸 수 없습니다" in answer.text
    assert api.status_code == 503
    assert api.json()["error"]["code"] == "unavailable"


def test_our_own_mistake_shows_no_trace(bob, browser_of, monkeypatch):
    browser = browser_of(bob)
    browser.raise_request_exception = False
    monkeypatch.setattr(machine_page, "card_of", lambda user: 1 / 0)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "ZeroDivision" not in answer.text


@pytest.mark.parametrize(
    ("language", "message"), [("en", "cannot be understood"), ("ko", "요청을 이해할 수 없습니다.")]
)
def test_a_host_that_is_not_ours_is_told_to_programs_in_json(db, language, message):
    headers = {"Host": "evil.example", "Accept-Language": language}
    answer = Client().get("/api/instances/status", headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json()["error"]["code"] == "bad_request"
    assert message in answer.json()["error"]["message"]
    assert "Ondol" in Client().get("/", headers=headers).text


def test_our_own_mistake_around_a_view_is_json_too(bob, browser_of, monkeypatch):
    browser = browser_of(bob)
    browser.raise_request_exception = False
    monkeypatch.setattr(middleware, "_speak", lambda request, language: 1 / 0)
    answer = browser.get("/api/instances/status")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")


def test_a_cause_is_looked_through():
    error = RuntimeError()
    error.__cause__ = ValueError()
    assert not is_away(error)
    error.__cause__.__context__ = OperationalError()
    assert is_away(error)


def test_buttons_and_programs_have_a_limit_each_and_a_reason(bob, browser_of):
    browser, program = browser_of(bob), Client(headers={"Authorization": f"Bearer {create_token(bob, 'loop')}"})
    with limits():
        for _ in range(60):
            assert browser.post("/language/", {"language": "en"}).status_code == 302
            assert program.post("/api/instances/stop").status_code == 404
        answer = browser.post("/machine/create/")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "42")
        assert "Too many" in answer.text
        assert program.post("/api/instances").status_code == 429
        assert browser.get("/").status_code == 200
    assert not Instance.objects.exists()


@contextmanager
def limits():
    """Use the normal limits, and let no minute end meanwhile."""
    before = PER_PERSON.now, PER_PERSON.wishes
    PER_PERSON.now, PER_PERSON.wishes = lambda: 1_899_999_978.0, PerPerson.wishes
    yield
    PER_PERSON.now, PER_PERSON.wishes = before


def test_too_many_tries_say_when_to_come_back(rf):
    answer = errors.too_many(rf.get(reverse("account_login")))
    assert answer.status_code == 429
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize("code", ["53100", "53200", "25006", "58030", "57P03", "XX000", "54000", "42501"])
def test_a_database_that_cannot_write_is_no_rate_limit(as_owner, code):
    """A full disk, no memory, read only, a broken disk and so on: PostgreSQL's own codes, raised by PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.fail() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'no write' USING ERRCODE = '{code}'; END $$"
        )
        cursor.execute("CREATE TRIGGER fail BEFORE INSERT ON ondol_cache_entry EXECUTE FUNCTION pg_temp.fail()")
    answer = Client(raise_request_exception=False).post(
        reverse("account_login"), {"login": "alice@example.org", "password": "wrong"}
    )
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_an_error_page_names_the_administrator(monkeypatch):
    monkeypatch.setattr(config(), "contact", "Jiwon <jiwon@example.org>")
    for name in ("500", "503", "404"):
        assert '<a href="mailto:jiwon@example.org">Jiwon</a>' in render_to_string(f"errors/{name}.html")
    monkeypatch.setattr(config(), "contact", "")
    assert "mailto:" not in render_to_string("errors/500.html")


def test_who_has_signed_in_keeps_the_navigation_on_an_error_page(bob, browser_of, english, db):
    for path, status in (("/nowhere/", 404), ("/admin/people/", 403), ("/machine/start/", 405)):
        page = browser_of(bob).get(path)
        assert page.status_code == status
        assert '<nav class="bar-nav' in page.text, path
    assert '<nav class="bar-nav' not in english.get("/nowhere/").text
