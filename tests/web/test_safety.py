"""What browsers may do with our pages, and what leaves the server."""

import os
import subprocess
import sys


def test_the_headers_are_strict(client, db):
    answer = client.get("/accounts/login/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=(), " in answer.headers["Permissions-Policy"]


def test_with_https_a_neighbour_under_the_same_domain_sets_no_cookie_of_ours():
    code = (
        "import django; django.setup(); from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_PATH, s.SESSION_COOKIE_DOMAIN,"
        "s.LANGUAGE_COOKIE_NAME, s.LANGUAGE_CHOICE_COOKIE_NAME, s.KNOWN_BROWSER_COOKIE_NAME)"
    )
    environment = os.environ | {"ONDOL_URL": "https://ondol.example.org", "DJANGO_SETTINGS_MODULE": "ondol.settings"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    session, csrf, path, domain, *others = said.stdout.split()
    assert (session, csrf, path, domain) == ("__Host-ondol_session", "__Host-ondol_csrf", "/", "None")
    assert others == ["__Host-ondol_language", "__Host-ondol_language_choice", "__Host-ondol_known"]


def test_cookies_are_not_for_scripts_or_other_sites(english, bob):
    bob.set_password("a warm floor")
    bob.save()
    answer = english.post("/accounts/login/", {"login": bob.email, "password": "a warm floor"})
    for name in ("ondol_session",):
        cookie = answer.cookies[name]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"


def test_djangos_own_check_of_a_deployment_finds_nothing():
    """The check runs with https, as in production."""
    environment = os.environ | {"ONDOL_URL": "https://ondol.example.org", "DJANGO_SETTINGS_MODULE": "ondol.settings"}
    environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # for tests with a browser
    command = [sys.executable, "-W", "error", "-m", "django", "check", "--deploy", "--fail-level", "WARNING"]
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


def test_names_are_text_wherever_they_stand(alice, browser_of, db):
    from tests.web.conftest import person

    person("x@example.org", "PENDING", name="<script>alert(1)</script>", purpose="</textarea><b>", affiliation='"><i>')
    page = browser_of(alice).get("/admin/people/").text
    assert "<script>alert" not in page
    assert "<b>" not in page
    assert '"><i>' not in page


def test_no_page_answers_trace(client, db):
    """It would repeat the cookie to whoever reads the answer."""
    for path in (
        "/",
        "/accounts/login/",
        "/accounts/signup/",
        "/help/",
        "/machine/create/",
        "/api/instances/status",
        "/nowhere",
    ):
        answer = client.trace(path, headers={"x-canary": "floor-heating"})
        assert (answer.status_code in {404, 405}, b"floor-heating" in answer.content) == (True, False), path
    assert b"floor-heating" not in client.trace("/healthz", headers={"x-canary": "floor-heating"}).content


def test_pages_are_compressed_and_do_not_tell_by_their_length_what_is_in_them(bob, browser_of):
    """Django adds random bytes to each compressed answer, and masks the CSRF token differently each time (BREACH)."""
    browser = browser_of(bob)
    plain = len(browser.get("/").content)
    lengths = set()
    for _look in range(8):
        answer = browser.get("/", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(answer.content) < plain / 2
        lengths.add(len(answer.content))
    assert len(lengths) > 2
