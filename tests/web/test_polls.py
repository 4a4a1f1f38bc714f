"""What an open page asks all the time is answered with few queries, as the middlewares would answer it, or by them."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from ondol import clock
from ondol.accounts.models import User
from ondol.api.throttle import PER_PERSON
from ondol.autostop.models import CpuReading
from ondol.instances.states import Status
from tests.signed_in import session_of
from tests.web.conftest import machine

HTMX = {"HX-Request": "true"}
STATUS, FRAGMENT = "/api/instances/status", "/machine/"
WITHOUT = [name for name in settings.MIDDLEWARE if name != "ondol.web.polls.polls"]
_PASSING = {"X-Request-ID", "Expires"}
"""Headers that are others in each answer."""
_PASSING_TEXT = re.compile(r'value="\w{64}"|data-until="\d+"')
"""Tokens of forms, and moments of the real clock, against which a frozen clock moves."""


def poll_of(browser: Client) -> str:
    found = re.search(r'hx-get="(/machine/[^"]+)"', browser.get("/").text)
    assert found
    return found[1].replace("&amp;", "&") + "&banner="


def plainly(browser: Client, path: str, **more: str):
    """Return the answer of the middlewares alone."""
    with override_settings(MIDDLEWARE=WITHOUT):
        other = Client()
        other.cookies = browser.cookies
        return other.get(path, headers=HTMX | more)


def shown(answer) -> tuple[int, str, dict[str, object]]:
    headers = {name: value for name, value in answer.headers.items() if name not in _PASSING}
    headers["Content-Security-Policy"] = sorted(str(headers["Content-Security-Policy"]).split("; "))
    headers["Vary"] = sorted(str(headers.get("Vary", "")).split(", "))
    return answer.status_code, _PASSING_TEXT.sub("", answer.text), headers


@pytest.mark.parametrize("status", [Status.PENDING, Status.RUNNING, Status.STOPPED, None])
@pytest.mark.parametrize("language", ["ko", "en"])
def test_it_is_answered_as_the_middlewares_would(bob, browser_of, machines_clock, status, language):
    machines_clock.freeze()
    if status:
        machine(bob, status)
    browser = browser_of(bob, language)
    for path in (poll_of(browser), "/machine/?v=old", STATUS):
        answer = browser.get(path, headers=HTMX)
        assert answer.headers.get("Content-Language", language) == language
        assert shown(answer) == shown(plainly(browser, path)), path


@pytest.mark.parametrize("readings", [1, 100])
def test_no_more_is_asked_of_the_database_for_a_longer_past(bob, browser_of, readings):
    row, browser = machine(bob, Status.RUNNING), browser_of(bob)
    now = clock.now()
    CpuReading.objects.bulk_create(
        CpuReading(instance=row, at=now - number * timedelta(minutes=5), percent=3) for number in range(readings)
    )
    counts = {}
    for path in (poll_of(browser), STATUS):
        browser.get(path, headers=HTMX)
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(path, headers=HTMX).status_code in {200, 204}
        counts[path.partition("?")[0]] = len(asked)
    assert counts[FRAGMENT] <= 4
    assert counts[STATUS] <= 6


def approval_withdrawn(bob: User, browser: Client) -> None:
    User.objects.filter(pk=bob.pk).update(approval="SUSPENDED")


def not_active(bob: User, browser: Client) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)


def another_password(bob: User, browser: Client) -> None:
    bob.set_password("a warmer floor")
    bob.save()


def signed_out(bob: User, browser: Client) -> None:
    Session.objects.filter(pk=session_of(browser).session_key).delete()


def expired(bob: User, browser: Client) -> None:
    Session.objects.update(expire_date=datetime.now(UTC) - timedelta(seconds=1))


def signed_in_long_ago(bob: User, browser: Client) -> None:
    session = session_of(browser)
    records = [{"method": "password", "at": time.time() - settings.SESSION_COOKIE_AGE - 1}]
    session["account_authentication_methods"] = records
    session.save()


def somebody_elses(bob: User, browser: Client) -> None:
    """The list of sessions says that it is his, and the session itself does not."""
    session = session_of(browser)
    session["_auth_user_id"] = str(bob.pk + 1)
    session.save()


ENDS = [approval_withdrawn, not_active, another_password, signed_out, expired, signed_in_long_ago, somebody_elses]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("path", [FRAGMENT, STATUS])
def test_whoever_may_no_more_is_told_at_the_next_request(bob, browser_of, end, path):
    machine(bob, Status.RUNNING)
    browser = browser_of(bob)
    asked = poll_of(browser) if path == FRAGMENT else STATUS
    assert browser.get(asked, headers=HTMX).status_code in {200, 204}
    end(bob, browser)
    answer = browser.get(asked, headers=HTMX)
    assert answer.status_code in {401, 403} if path == STATUS else answer.headers["HX-Redirect"]
    assert bob.email not in answer.text
    assert "ssh_command" not in answer.text


def test_a_host_that_is_not_ours_is_refused(bob, browser_of):
    assert browser_of(bob).get(STATUS, headers={"Host": "elsewhere.example"}).status_code == 400


def test_a_token_decides_alone(bob, browser_of):
    """Else the session would answer for a token that was revoked."""
    machine(bob, Status.RUNNING)
    assert browser_of(bob).get(STATUS, headers={"Authorization": "Bearer ondol_none"}).status_code == 401


def test_too_many_are_refused(bob, browser_of):
    browser = browser_of(bob)
    codes = [browser.get(STATUS).status_code for _number in range(PER_PERSON.reads + 2 * PER_PERSON.batch)]
    assert codes[0] == 200
    assert 429 in codes


def test_a_session_that_allauth_does_not_list_counts_as_before(bob):
    browser = Client()
    browser.force_login(bob, settings.AUTHENTICATION_BACKENDS[0])
    session = browser.session
    session.cycle_key()
    session.save()
    browser.cookies[settings.SESSION_COOKIE_NAME] = session.secret
    assert browser.get(STATUS).json() == {"instance": None}
