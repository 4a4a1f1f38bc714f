"""Every refusal has a code, a message and a hint, in JSON and in the person's language."""

import logging
import re

import pytest
from django.db import OperationalError
from django.test import Client

from ondol.accounts.models import Approval
from ondol.api import machines
from ondol.api.throttle import PER_PERSON
from ondol.instances.models import Instance
from tests.api.caller import Program, person, refusal
from tests.signed_in import sign_in

MINE = [("GET", "/instances/status"), ("POST", "/instances"), ("POST", "/instances/start"),
        ("POST", "/instances/stop"), ("POST", "/instances/ssh-key")]  # fmt: skip
ADMINISTRATION = [("GET", "/admin/users"), ("POST", "/admin/users/1/approve"), ("POST", "/admin/users/1/reject"),
                  ("POST", "/admin/users/1/suspend"), ("DELETE", "/admin/users/1/instance")]  # fmt: skip


# --- who -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("method", "path"), MINE + ADMINISTRATION)
def test_nobody_comes_in_without_a_name(nobody, method, path):
    response = nobody.call(method, path)
    assert refusal(response, 401)["code"] == "not_signed_in"
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer ondol_wrong", "Bearer", "Bearer ", "Basic YTpi", "Bearer \x7f한글", "x"])
def test_a_wrong_token_is_nobodys(header):
    refusal(Program(headers={"Authorization": header}).get("/instances/status"), 401)


def test_a_wrong_token_is_not_rescued_by_a_session(alice):
    sign_in(alice.client, alice.user)
    alice.headers = {"Authorization": "Bearer ondol_wrong"}
    refusal(alice.get("/instances/status"), 401)


@pytest.mark.parametrize(("method", "path"), MINE + ADMINISTRATION)
def test_carol_waits_for_an_administrator(carol, method, path):
    assert refusal(carol.call(method, path), 403)["code"] == "not_approved"
    assert not Instance.objects.exists()


@pytest.mark.parametrize("approval", [Approval.REJECTED, Approval.SUSPENDED])
def test_the_rejected_and_the_suspended_stay_outside(approval):
    assert refusal(Program(person("dan", approval)).post("/instances"), 403)["code"] == "not_approved"


def test_a_closed_account_is_nobodys(alice):
    alice.user.is_active = False
    alice.user.save()
    refusal(alice.get("/instances/status"), 401)


@pytest.mark.parametrize(("method", "path"), ADMINISTRATION)
def test_administration_is_not_for_alice(alice, method, path):
    assert refusal(alice.call(method, path), 403)["code"] == "not_admin"


# --- a browser's session ---------------------------------------------------------------------------------------------
@pytest.fixture
def browser(alice):
    """Return Alice's browser, with the CSRF check that Django's tests leave out."""
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    sign_in(client, alice.user)
    return Program(client=client)


def test_a_session_may_look(browser):
    assert browser.get("/instances/status").status_code == 200


def test_a_session_needs_the_csrf_token_to_change_something(browser):
    assert refusal(browser.post("/instances"), 403)["code"] == "csrf"
    token = "a" * 32
    browser.client.cookies["ondol_csrf"] = token
    assert refusal(browser.post("/instances", X_CSRFToken="b" * 32), 403)["code"] == "csrf"
    assert browser.post("/instances", X_CSRFToken=token).status_code == 202


def test_a_token_needs_no_csrf_token(alice):
    alice.client.handler.enforce_csrf_checks = True
    assert alice.post("/instances").status_code == 202


# --- where and how ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path", ["/nothing", "/instances/", "/", "/docs", "/admin/users/abc/approve", "/admin/users/-1/approve"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_address_is_told_in_json(nobody, method, path):
    assert refusal(nobody.call(method, path), 404)["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/instances/status", "GET, HEAD, OPTIONS"), ("PUT", "/instances", "POST, OPTIONS"),
     ("GET", "/instances/start", "POST, OPTIONS"), ("POST", "/openapi.json", "GET, HEAD, OPTIONS")],
)  # fmt: skip
def test_a_wrong_method_is_told_the_right_ones(alice, method, path, allowed):
    response = alice.call(method, path)
    assert refusal(response, 405)["code"] == "method_not_allowed"
    assert response.headers["Allow"] == allowed


def test_options_tells_the_methods(nobody):
    response = nobody.call("OPTIONS", "/instances/status")
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_head_is_a_get_without_a_body(alice, nobody):
    assert alice.call("HEAD", "/instances/status").status_code == 200
    assert nobody.call("HEAD", "/instances/status").status_code == 401
    assert alice.call("HEAD", "/openapi.json").status_code == 200


@pytest.mark.parametrize("body", ["{", "nothing", b"\xff\xfe", "{'reason': 1}"])
def test_bad_json_is_not_understood(ada, body):
    assert refusal(ada.post("/admin/users/1/reject", body), 400)["code"] == "bad_request"


@pytest.mark.parametrize(
    "body",
    ["{}", "[]", "1", '{"reason": ""}', '{"reason": 7}', '{"reason": "x", "more": 1}', '{"reason": "\\u0000"}',
     '{"reason": "\\ud800"}', '{"reason": "x", "\\ud800": 1}'],
)  # fmt: skip
def test_a_body_that_does_not_fit_is_invalid(ada, body):
    assert refusal(ada.post("/admin/users/1/reject", body), 422)["code"] == "invalid"


FILTERS = [("approval=MAYBE", "approval: use one of PENDING, APPROVED, REJECTED, SUSPENDED"),
           ("limit=0", "limit: use 1 or more"), ("limit=many", "limit: use a whole number"),
           ("limit=9999", "limit: use 1000 or less"),
           (f"search={'x' * 1001}", "search: too long; at most 1000 characters"),
           ("search=%00&offset=-1", "search: a character in it is not allowed; offset: use 0 or more")]  # fmt: skip
REASONS = [("{}", "missing"), ("7", "use a JSON object"), ('{"reason": 7}', "use a text"),
           ('{"reason": ""}', "too short; at least 1 characters"), ('{"reason": "x", "more": 1}', "not known here"),
           ('{"reason": "\\ud800"}', "a character in it is not allowed")]  # fmt: skip


@pytest.mark.parametrize(("query", "hint"), FILTERS)
def test_a_filter_that_does_not_fit_is_explained(ada, query, hint):
    assert refusal(ada.get(f"/admin/users?{query}"), 422)["hint"] == hint


@pytest.mark.parametrize(("body", "why"), REASONS)
def test_a_body_that_does_not_fit_is_explained(ada, body, why):
    assert refusal(ada.post("/admin/users/1/reject", body), 422)["hint"].partition(": ")[2] == why


def test_what_does_not_fit_is_explained_in_korean_too(ada):
    ada.user.language = "ko"
    ada.user.save()
    asked = [ada.get(f"/admin/users?{query}") for query, _ in FILTERS]
    asked += [ada.post("/admin/users/1/reject", body) for body, _ in REASONS]
    asked += [ada.post("/admin/users/1/reject", "{"), ada.post("/instances/ssh-key?format=zip")]
    for answer in asked:
        hint = answer.json()["error"]["hint"]
        assert re.search("[가-힣]", hint), hint
        assert not re.search("use|too|missing|known|character|body", hint), hint


PART = b'--b\r\nContent-Disposition: form-data; name="until"%b\r\n\r\n1\r\n'
FORMS = [
    PART % b"",
    PART % b"--b--",
    *(PART % more + b"--b--\r\n" for more in (b"", b'; filename="a"', b"\r\nX: 1", b"; x")),
]


@pytest.mark.parametrize("path", ["/instances", "/instances/size", "/instances/keep-awake"])
def test_a_form_is_no_json(alice, browser, path):
    """Whoever reads a form of several parts leaves nothing to be read as JSON."""
    browser.client.cookies["ondol_csrf"] = token = "a" * 32
    for data in FORMS:
        by_token = {"content_type": "multipart/form-data; boundary=b", "headers": alice.headers}
        by_session = by_token | {"headers": {"X-CSRFToken": token}}
        for program, how in ((alice, by_token), (browser, by_session)):
            refusal(program.client.generic("POST", f"/api{path}", data, **how), 400)


def test_what_was_sent_is_not_repeated(ada):
    response = ada.post("/admin/users/1/reject", '{"reason": {"password": "hunter2"}}')
    refusal(response, 422)
    assert b"hunter2" not in response.content


def test_too_much_is_too_big(ada):
    assert refusal(ada.post("/admin/users/1/reject", b" " * 3_000_000), 413)["code"] == "too_big"


# --- our own troubles ------------------------------------------------------------------------------------------------
def failing(error):
    def current(user):
        raise error

    return current


def test_a_database_that_is_away_comes_back(alice, monkeypatch):
    monkeypatch.setattr(machines.actions, "current", failing(OperationalError("connection refused at 10.0.0.9")))
    response = alice.get("/instances/status")
    assert refusal(response, 503)["code"] == "unavailable"
    assert response.headers["Retry-After"] == "5"
    assert b"10.0.0.9" not in response.content


def test_what_we_did_not_foresee_is_logged_and_not_shown(alice, monkeypatch, caplog):
    monkeypatch.setattr(machines.actions, "current", failing(ZeroDivisionError("secret detail")))
    with caplog.at_level(logging.ERROR):
        response = alice.get("/instances/status")
    assert refusal(response, 500)["code"] == "internal"
    assert b"secret detail" not in response.content
    assert "ZeroDivisionError: secret detail" in caplog.text


def test_too_much_at_once_is_put_off(alice, bob, monkeypatch):
    monkeypatch.setattr(PER_PERSON, "wishes", 3)
    monkeypatch.setattr(PER_PERSON, "now", lambda: 1_000_000_005.0)
    for _ in range(3):
        assert alice.post("/instances").status_code == 202
    response = alice.post("/instances")
    assert refusal(response, 429)["code"] == "too_many_requests"
    assert response.headers["Retry-After"] == "15"
    assert alice.get("/instances/status").status_code == 200
    assert bob.post("/instances").status_code == 202
    monkeypatch.setattr(PER_PERSON, "now", lambda: 1_000_000_020.0)
    assert alice.post("/instances").status_code == 202


# --- in which language -----------------------------------------------------------------------------------------------
def test_a_person_is_spoken_to_in_their_language():
    for language, message in (("ko", "머신이 없습니다."), ("en", "There is no machine.")):
        program = Program(person(f"kim-{language}", language=language))
        error = refusal(program.post("/instances/stop", Accept_Language="fr"), 404)
        assert error["message"] == message


@pytest.mark.parametrize(
    ("accepted", "message"), [("en-GB,en;q=0.9", "Sign in first."), ("ko", "먼저 로그인하십시오.")]
)
def test_nobody_is_spoken_to_as_their_program_asks(nobody, accepted, message):
    assert refusal(nobody.get("/instances/status", Accept_Language=accepted), 401)["message"] == message


def test_by_http_the_api_refuses_and_pages_redirect(settings):
    settings.HTTPS = settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    by_http = {"X-Forwarded-Proto": "http", "Authorization": "Bearer ondol_0000"}
    for path in ("/api/machine", "/api/openapi.json", "/api/nowhere"):
        for method in ("get", "post", "delete"):
            answer = getattr(Client(), method)(path, headers=by_http)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "https_required"), (method, path)
    assert Client().get("/accounts/login/", headers=by_http).status_code == 301
    assert Client().get("/api/openapi.json", headers={"X-Forwarded-Proto": "https"}).status_code == 200
