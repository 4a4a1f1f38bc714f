"""The institute's own sign-in, by a real OpenID Connect provider and a real `ondol web` that takes no passwords."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from contextlib import closing, contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.db import connection

from ondol.accounts.models import ApiToken, Approval, Decision, Role, User
from ondol.accounts.people import add_user, suspend
from ondol.accounts.sessions import SessionStore
from tests.committed import committed as committed
from tests.journey.site import free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, pytest.mark.usefixtures("committed")]

MINJI = {"email": "minji@kigam.re.kr", "name": "김민지", "groups": ["staff", "radar"]}
ASKS = {"affiliation": "KIGAM", "purpose": "InSAR"}


class Site:
    """A web process of its own, whose people come by the institute's sign-in."""

    def __init__(self, database):
        self.issuer_port, port = free_port(), free_port()
        self.url, self.issuer = f"http://127.0.0.1:{port}", f"http://localhost:{self.issuer_port}"
        self.env = os.environ | {
            "DATABASE_URL": database, "ONDOL_PORT": str(port), "ONDOL_LANGUAGE": "en",
            "ONDOL_PASSWORD_SIGN_IN": "false",
            "ONDOL_SOCIAL_PROVIDERS": "oidc", "ONDOL_OIDC_CLIENT_ID": "ondol",
            "ONDOL_OIDC_CLIENT_SECRET": "hunter2-oidc",
            "ONDOL_OIDC_ISSUER": self.issuer, "ONDOL_OIDC_NAME": "KIGAM", "ONDOL_OIDC_TRUST_EMAIL": "true",
            "ONDOL_OIDC_SCOPES": "openid profile email groups", "ONDOL_SIGN_UP_DOMAINS": "kigam.re.kr,example.org",
            "ONDOL_APPROVED_DOMAINS": "example.org", "ONDOL_OIDC_APPROVED_CLAIM": "groups=radar",
            "ONDOL_OIDC_ADMIN_CLAIM": "groups=ondol-admins",
        }  # fmt: skip
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed with the process
        command = [sys.executable, "-m", "ondol", "web"]
        self.process = subprocess.Popen(command, env=self.env, stdout=self.log, stderr=self.log)
        until(self._answers, 60, "the pages answer")

    def _answers(self):
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except requests.ConnectionError:
            assert self.process.poll() is None, self.said()
            return False

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


@pytest.fixture(scope="module")
def site(django_db_setup):
    head, _, query = os.environ["DATABASE_URL"].partition("?")
    with closing(Site(f"{head.rpartition('/')[0]}/{connection.settings_dict['NAME']}?{query}")) as running:
        yield running


class Provider:
    """The institute's sign-in: a process, where it is wanted."""

    def __init__(self, port):
        self.port, self.process = port, None

    def start(self):
        if self.process is None:
            command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(self.port), "--host", "localhost"]
            self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            until(self._answers, 60, "the institute's sign-in answers")

    def _answers(self):
        try:
            return requests.get(f"http://localhost:{self.port}/.well-known/openid-configuration", timeout=5).ok
        except requests.ConnectionError:
            return False

    def close(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


@pytest.fixture(scope="module")
def institute(site):
    with closing(Provider(site.issuer_port)) as provider:
        yield provider


@pytest.fixture
def provider(institute):
    institute.start()


@pytest.fixture
def no_provider(institute):
    institute.close()


class Browser:
    """What one person does with cookies of their own."""

    def __init__(self, site):
        self.site, self.session = site, requests.Session()

    def _sent(self, page, path, **fields):
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
        form = {"csrfmiddlewaretoken": token, **fields}
        return self.session.post(self.site.url + path, form, allow_redirects=False, timeout=30)

    def press(self):
        """Press the button of the institute; return the answer."""
        page = self.session.get(f"{self.site.url}/accounts/login/", timeout=30)
        return self._sent(page, "/accounts/oidc/oidc/login/?process=login")

    def sign_in(self, sub="minji", **claims):
        """Come by the institute, which says this of them; return the page that they see then."""
        requests.put(f"{self.site.issuer}/users/{sub}", json=claims or MINJI, timeout=5).raise_for_status()
        there = self.press().headers["Location"]
        back = self.session.post(there, {"sub": sub}, allow_redirects=False, timeout=5).headers["Location"]
        return self.session.get(back, timeout=30)

    def ask(self, page, **changes):
        """Send the form that requests an account."""
        prefilled = dict(re.findall(r'name="(name|email)" value="([^"]*)"', page.text))
        assert "name" in prefilled, page.text
        answer = self._sent(page, "/accounts/3rdparty/signup/", **{**prefilled, **ASKS, **changes})
        return (
            self.session.get(self.site.url + answer.headers["Location"], timeout=30) if answer.is_redirect else answer
        )


@pytest.fixture
def browser(site, provider):
    return Browser(site)


def test_minji_is_known_by_her_institute_and_types_only_what_it_does_not_know(browser):
    page = browser.sign_in(**{**MINJI, "groups": ["staff"]})
    assert 'value="김민지"' in page.text
    assert "Waiting for approval" in browser.ask(page).text
    minji = User.objects.get()
    assert (minji.name, minji.email, minji.approval) == ("김민지", "minji@kigam.re.kr", Approval.PENDING)


def test_the_way_there_is_guarded_by_pkce_and_says_where_to_come_back(browser):
    asked = {name: value[0] for name, value in parse_qs(urlsplit(browser.press().headers["Location"]).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{browser.site.url}/accounts/oidc/oidc/login/callback/"
    assert sorted(asked["scope"].split()) == ["email", "groups", "openid", "profile"]


def test_a_group_of_the_institute_approves_and_an_administrator_has_the_last_word(browser):
    browser.ask(browser.sign_in())
    minji = User.objects.get(email=MINJI["email"])
    assert minji.is_approved
    assert [(d.what, d.by, d.rule) for d in minji.decisions.all()] == [("APPROVED", None, "groups=radar")]
    suspend(minji.pk, add_user("sora@example.org", "Sora", admin=True))
    Browser(browser.site).sign_in()
    minji.refresh_from_db()
    assert minji.approval == Approval.SUSPENDED


def test_an_address_of_the_institute_approves_and_nobody_types_another(browser):
    page = browser.sign_in("jisu", email="jisu@example.org", name="Jisu")
    browser.ask(page, email="sora@kigam.re.kr")
    assert [(user.email, user.is_approved) for user in User.objects.all()] == [("jisu@example.org", True)]


def test_an_address_from_elsewhere_may_not_ask(browser):
    answer = browser.ask(browser.sign_in("mallory", email="mallory@example.com", name="Mallory"))
    assert "Use an address of your institute: one that ends with @kigam.re.kr, @example.org." in answer.text
    assert not User.objects.exists()


def test_the_role_follows_the_institute_and_somebody_administers_always(browser):
    add_user("sora@example.org", "Sora", admin=True)
    claims = {"email": "sora@example.org", "name": "Sora"}
    browser.sign_in("sora", **claims, groups=["staff"])
    assert User.objects.get().is_admin, "the last administrator stays"
    minji = Browser(browser.site)
    minji.ask(minji.sign_in(**{**MINJI, "groups": ["radar", "ondol-admins"]}))
    assert User.objects.get(email=MINJI["email"]).is_admin
    Browser(browser.site).sign_in("sora", **claims, groups="staff")
    assert User.objects.get(email="sora@example.org").role == Role.MEMBER
    assert Decision.objects.filter(what=Role.ADMIN, rule="groups=ondol-admins").count() == 1


def test_who_was_added_before_comes_into_the_account_with_their_address(browser):
    """An administrator who was added without a password has no other way in."""
    sora = add_user("sora@example.org", "Sora", admin=True)
    page = browser.sign_in("sora", email="sora@example.org", name="소라", groups=["ondol-admins"])
    assert page.status_code == 200, browser.site.said()
    assert "/accounts/logout/" in page.text
    assert User.objects.get().pk == sora.pk


def aged(browser, minutes):
    """Let so much time pass since the last sign-in of this browser."""
    session = SessionStore.of_cookie(browser.session.cookies["ondol_session"])
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [one | {"at": one["at"] - minutes * 60} for one in records]
    session.save()


def asked_again(browser, path="/settings/tokens/", **form):
    """Send a form that needs a recent sign-in; return the page of providers."""
    page = browser.session.get(f"{browser.site.url}/settings/", timeout=30)
    answer = browser._sent(page, path, **form)
    assert answer.headers["Location"] == "/settings/confirm/?next=%2Fsettings%2Fgo-on%2F"
    return browser.session.get(browser.site.url + answer.headers["Location"], timeout=30)


def confirmed_by(browser, page, sub):
    """Press the button of the provider there, and sign in as this person; return where that leads to."""
    way = unescape(re.search(r'action="(/accounts/oidc[^"]+)"', page.text)[1])
    there = browser._sent(page, way).headers["Location"]
    asked = parse_qs(urlsplit(there).query)
    assert (asked["prompt"], asked["max_age"]) == (["login"], ["0"])
    back = browser.session.post(there, {"sub": sub}, allow_redirects=False, timeout=5).headers["Location"]
    return browser.session.get(back, allow_redirects=False, timeout=30)


def test_who_comes_by_the_institute_is_asked_again_there_before_a_token_is_made(browser):
    browser.ask(browser.sign_in())
    aged(browser, 11)
    page = asked_again(browser, name="my script", scopes="read", days="7")
    assert "Sign in again with KIGAM" in page.text
    assert 'type="password"' not in page.text
    assert confirmed_by(browser, page, "minji").headers["Location"] == "/settings/go-on/"
    go_on = browser.session.get(f"{browser.site.url}/settings/go-on/", timeout=30)
    assert not ApiToken.objects.exists()
    fields = dict(re.findall(r'type="hidden" name="(name|scopes|days)" value="([^"]*)"', go_on.text))
    assert "ondol_" in browser._sent(go_on, "/settings/tokens/", **fields).text
    assert ApiToken.objects.get().user.email == MINJI["email"]


def test_somebody_else_of_the_institute_confirms_nothing(browser):
    """They are signed in as themselves, and what had waited is gone."""
    browser.ask(browser.sign_in())
    other = {"email": "jisu@example.org", "name": "Jisu"}
    jisu = Browser(browser.site)
    jisu.ask(jisu.sign_in("jisu", **other))
    aged(browser, 11)
    page = asked_again(browser, name="my script", scopes="read", days="7")
    confirmed_by(browser, page, "jisu")
    assert browser.session.get(f"{browser.site.url}/settings/go-on/", timeout=30).url == f"{browser.site.url}/"
    assert not ApiToken.objects.exists()


CONNECT = "/accounts/oidc/oidc/login/?process=connect"


def test_no_method_but_a_click_goes_to_a_provider_and_connecting_asks_first(browser):
    browser.ask(browser.sign_in())
    aged(browser, 11)
    for process in ("connect", "login"):
        for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "PROPFIND"):
            answer = browser.session.request(
                method, browser.site.url + CONNECT.replace("connect", process), allow_redirects=False, timeout=30
            )
            assert answer.status_code in {403, 405}, (method, process)
    page = browser.session.get(browser.site.url + CONNECT, timeout=30)
    assert page.status_code == 200
    assert browser._sent(page, CONNECT).headers["Location"].startswith("/settings/confirm/")


@pytest.mark.parametrize(("minutes", "is_connected"), [(11, False), (1, True)])
def test_an_account_is_connected_only_soon_after_a_sign_in_whenever_it_was_begun(browser, minutes, is_connected):
    """Mallory, who has Minji's cookie, would come in by an account of her own."""
    browser.ask(browser.sign_in())
    page = browser.session.get(f"{browser.site.url}/settings/", timeout=30)
    there = browser._sent(page, CONNECT).headers["Location"]
    mallory = {"email": "mallory@example.org", "name": "Mallory"}
    requests.put(f"{browser.site.issuer}/users/mallory", json=mallory, timeout=5).raise_for_status()
    back = browser.session.post(there, {"sub": "mallory"}, allow_redirects=False, timeout=5).headers["Location"]
    aged(browser, minutes)
    answer = browser.session.get(back, allow_redirects=False, timeout=30)
    assert answer.headers["Location"] == "/accounts/3rdparty/"
    assert SocialAccount.objects.filter(uid="mallory").exists() == is_connected
    shown = browser.session.get(f"{browser.site.url}/accounts/3rdparty/", timeout=30).text
    assert ("Nothing was connected" in shown) != is_connected


def test_no_password_opens_anything(site, provider):
    add_user("sora@example.org", "Sora", admin=True, password="따뜻한 바닥 위의 고양이")
    browser = Browser(site)
    page = browser.session.get(f"{site.url}/accounts/login/", timeout=30)
    assert 'type="password"' not in page.text
    assert "Request an account" not in page.text
    sent = browser._sent(page, "/accounts/login/", login="sora@example.org", password="따뜻한 바닥 위의 고양이")
    assert sent.status_code == 200
    assert "/accounts/logout/" not in browser.session.get(site.url, timeout=30).text
    for path in (
        "password/reset/",
        "password/change/",
        "password/set/",
        "password/reset/done/",
        "password/reset/key/1-x/",
    ):
        assert browser.session.get(f"{site.url}/accounts/{path}", timeout=30).status_code == 404, path
    assert "account of your institute" in browser.session.get(f"{site.url}/accounts/signup/", timeout=30).text
    assert b"webauthn" not in page.content


def test_a_sign_in_that_somebody_gives_up_or_starts_twice_can_be_started_again(browser):
    for query in ("error=access_denied&state=x", "error=server_error", "code=x&state=stolen", "", "code=x"):
        answer = browser.session.get(f"{browser.site.url}/accounts/oidc/oidc/login/callback/?{query}", timeout=30)
        assert answer.status_code == 401, query
        assert "Start again from the first page" in answer.text


ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
WHOLE = {name: f"http://localhost:{{port}}/{name}" for name in ENDPOINTS}
NONSENSE = {
    "nothing": (200, ""), "no object": (200, "[]"), "a number": (200, "7"), "without endpoints": (200, "{}"),
    "a page": (200, "<html>Maintenance</html>"), "an error": (500, "{}"), "not there": (404, "no such realm"),
    "endless": (302, ""), "endpoints that are none": (200, json.dumps(dict.fromkeys(WHOLE, None))),
}  # fmt: skip


@contextmanager
def answering(port, answers):
    """Serve these answers by path; what is not among them gets the one of ``*``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, text = answers.get(self.path, answers["*"])
            self.send_response(status)
            if status == 302:
                self.send_header("Location", self.path)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("localhost", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def test_a_sign_in_that_does_not_answer_is_named(site, no_provider):
    answer = Browser(site).press()
    assert (answer.status_code, "The sign-in of KIGAM does not answer" in answer.text) == (502, True)
    assert "ConnectionError" in site.said()


def test_a_sign_in_that_answers_nonsense_is_named_too(site, no_provider):
    for what, answer in NONSENSE.items():
        with answering(site.issuer_port, {"*": answer}):
            got = Browser(site).press()
        assert (got.status_code, "KIGAM does not answer" in got.text) == (502, True), what


def test_nonsense_on_the_way_back_is_named_and_never_logged(site, no_provider):
    whole = json.dumps(
        {name: url.format(port=site.issuer_port) for name, url in WHOLE.items()} | {"issuer": site.issuer}
    )
    token = json.dumps({"access_token": "hunter2-token", "token_type": "bearer"})
    told = {
        "a refusal": {"/token_endpoint": (400, '{"error": "invalid_client", "hint": "hunter2"}')},
        "no token": {"/token_endpoint": (200, "{}")}, "no JSON": {"/token_endpoint": (200, "hunter2")},
        "a list": {"/token_endpoint": (200, "[]")},
        "nobody": {"/token_endpoint": (200, token), "/userinfo_endpoint": (200, "{}")},
        "a list of people": {"/token_endpoint": (200, token), "/userinfo_endpoint": (200, "[]")},
        "an error": {"/token_endpoint": (200, token), "/userinfo_endpoint": (503, "hunter2")},
        "an id token that is none": {"/token_endpoint": (200, token[:-1] + ', "id_token": "hunter2"}')},
    }  # fmt: skip
    for what, answers in told.items():
        with answering(site.issuer_port, {"*": (200, whole), **answers}):
            browser = Browser(site)
            state = parse_qs(urlsplit(browser.press().headers["Location"]).query)["state"][0]
            path = f"/accounts/oidc/oidc/login/callback/?code=x&state={state}"
            answer = browser.session.get(site.url + path, timeout=30)
        assert (answer.status_code, "KIGAM does not answer" in answer.text) == (502, True), what
    assert "invalid_client" in site.said()
    assert "hunter2" not in site.said()


def doctor(site):
    program = """
import django; django.setup()
from ondol.doctor.sign_in import sign_in
for found in sign_in(): print(found.level, found.code, found.params)
"""
    env = site.env | {"DJANGO_SETTINGS_MODULE": "ondol.settings"}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_doctor_prints_the_address_to_register_and_asks_the_issuer(site, no_provider):
    found = doctor(site)
    assert f"{site.url}/accounts/oidc/oidc/login/callback/" in found
    assert "failed silent" in found
    whole = {name: url.format(port=site.issuer_port) for name, url in WHOLE.items()}
    for said, code in [
        ({}, "failed incomplete"), (whole | {"issuer": "https://login.example.org"}, "failed other_issuer"),
        (whole | {"issuer": site.issuer, "code_challenge_methods_supported": ["plain"]}, "failed no_pkce"),
        (whole | {"issuer": site.issuer + "/"}, "warning in_clear"),
    ]:  # fmt: skip
        with answering(site.issuer_port, {"*": (200, json.dumps(said))}):
            assert code in doctor(site)
