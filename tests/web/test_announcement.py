"""Ada's announcement: everybody sees it until they dismiss it or its time is over; after a change they see it again."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from ondol import clock
from ondol.accounts.models import User
from ondol.announcements.models import Announcement
from ondol.audit.models import Entry
from tests.web.conftest import machine

TEXT = "Maintenance on Friday, see https://radar.kr/notice <b>"


def until(hours=2):
    return f"{timezone.localtime(clock.now()) + timedelta(hours=hours):%Y-%m-%dT%H:%M}"


def show(browser, **fields):
    form = {"text_en": TEXT, "kind": "INFORMATION", "until": until(), **fields}
    return browser.post(reverse("admin_announcement"), form, follow=True)


def english(browser, *people):
    User.objects.update(language="en")
    browser.cookies["django_language"] = "en"
    return browser


def dismiss(browser, page, **fields):
    """Press the button of this page."""
    version = re.search(r'name="version" value="([^"]*)"', page.text)[1]
    return browser.post(reverse("announcement_dismiss"), {"version": version, **fields})


@pytest.fixture
def ada(alice, browser_of):
    return browser_of(alice)


def test_everybody_who_has_signed_in_reads_it_as_plain_text_with_a_link(ada, bob, carol, dan, browser_of):
    assert "The announcement is shown on all pages now." in show(ada).text
    for person in (bob, carol, dan):
        page = browser_of(person).get("/", follow=True).text
        assert 'Maintenance on Friday, see <a href="https://radar.kr/notice" rel="nofollow">' in page
        assert "&lt;b&gt;" in page
        assert page.index("Maintenance") > page.index('id="banner" role="status"')
    assert "Maintenance" not in Client().get("/accounts/login/").text


def test_the_sign_in_page_has_it_if_ada_says_so_and_other_open_pages_do_not(ada):
    show(ada, on_sign_in="on")
    stranger = Client()
    assert "Maintenance" in stranger.get("/accounts/login/").text
    assert "Maintenance" not in stranger.get("/help/").text


def test_each_reads_their_language_or_the_only_one_with_its_name(ada, bob, browser_of):
    show(ada, text_ko="금요일 점검")
    browser = browser_of(bob)
    User.objects.filter(pk=bob.pk).update(language="ko")
    browser.cookies.pop("django_language", None)
    assert "금요일 점검" in browser.get("/").text
    show(ada)
    page = browser.get("/").text
    assert '<p lang="en">' in page
    assert "Maintenance" in page


def test_bob_dismisses_it_and_sees_it_again_once_its_text_has_changed(ada, bob, browser_of):
    show(ada)
    browser = browser_of(bob)
    answer = dismiss(browser, browser.get("/"), next="/help/?a=b")
    assert answer.url == "/help/?a=b"
    assert "Maintenance" not in browser.get("/").text
    show(ada, until=until(5))
    assert "Maintenance" not in browser.get("/").text, "it only lasts longer"
    show(ada, kind="WARNING")
    assert "Maintenance" in browser.get("/").text


def test_bob_who_dismisses_an_open_page_still_reads_what_ada_has_shown_since(ada, bob, browser_of):
    show(ada)
    browser = browser_of(bob)
    page = browser.get("/")
    show(ada, text_en="Everything stops at noon")
    dismiss(browser, page)
    assert "Everything stops at noon" in browser.get("/").text
    dismiss(browser, browser.get("/"))
    assert "Everything stops at noon" not in browser.get("/").text


@pytest.mark.parametrize(
    "version", ["", "x", "1", "1.5", "1" * 13 + ".000000", "１.000000", "1.000000\n", "1.000000; Secure", "\x00"]
)
def test_what_is_no_version_dismisses_nothing(ada, bob, browser_of, version):
    show(ada)
    browser = browser_of(bob)
    answer = browser.post(reverse("announcement_dismiss"), {"version": version})
    assert (answer.status_code, dict(answer.cookies)) == (302, {})
    assert "Maintenance" in browser.get("/").text


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "", "\x00", "dashboard"]
)
def test_dismissing_leads_nowhere_else(ada, bob, browser_of, target):
    assert browser_of(bob).post(reverse("announcement_dismiss"), {"next": target}).url == "/"


def test_it_goes_when_its_time_is_over_also_on_a_page_that_is_open(ada, bob, browser_of, machines_clock):
    row = machine(bob)
    show(ada)
    browser = browser_of(bob)
    page = browser.get("/")
    version = page.context["board"].announcement.version
    poll = {"v": page.context["page"].version, "s": row.status, "banner": version}
    assert browser.get(reverse("machine"), poll).status_code == 204
    machines_clock.advance(timedelta(hours=3))
    swapped = browser.get(reverse("machine"), poll | {"v": "other"}).text
    assert '<div id="banner" hx-swap-oob="innerHTML">' in swapped
    assert "Maintenance" not in swapped
    poll["v"] = browser.get("/").context["page"].version
    assert browser.get(reverse("machine"), poll).status_code == 200
    assert browser.get(reverse("machine"), poll | {"banner": ""}).status_code == 204
    assert "Maintenance" not in browser.get("/").text


@pytest.mark.parametrize(
    ("page", "path"),
    [
        ("http://testserver/admin/?x=1", "/admin/?x=1"),
        ("http://testserver/", "/"),
        ("https://evil.example/admin/", "/"),
        ("", "/"),
    ],
)
def test_one_that_comes_while_a_page_is_open_is_dismissed_on_that_page(ada, page, path):
    show(ada)
    headers = {"HX-Request": "true", "HX-Current-URL": page}
    swapped = ada.get(reverse("admin_overview"), {"v": "", "banner": ""}, headers=headers)
    assert f'name="next" value="{path}"' in swapped.text
    assert dismiss(ada, swapped, next=path).url == path


def test_who_waits_with_the_page_open_hears_of_it(ada, carol, browser_of):
    browser = browser_of(carol)
    poll = {"shown": "PENDING", "banner": ""}
    headers = {"HX-Request": "true"}
    assert browser.get("/", poll, headers=headers).status_code == 204
    show(ada)
    assert browser.get("/", poll, headers=headers).headers["HX-Redirect"] == "/"


def test_it_costs_one_query(ada, bob, browser_of):
    browser = browser_of(bob)
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            browser.get("/help/")
        assert sum("announcements_announcement" in query["sql"] for query in queries) == 1
        show(ada)


def test_each_act_has_its_row_and_the_same_twice_has_one(ada, alice):
    end = until()
    for _ in range(2):
        show(ada, until=end)
    show(ada, text_en="Other", until=end)
    for _ in range(2):
        ada.post(reverse("admin_announcement_end"))
    rows = Entry.objects.filter(action__startswith="announcement").order_by("pk")
    assert [(row.action, row.details.get("changed")) for row in rows] == [
        ("announcement", False), ("announcement", True), ("announcement.end", None),
    ]  # fmt: skip
    assert {row.by_email for row in rows} == {alice.email}
    assert rows[0].details["text_en"] == TEXT
    assert rows[2].details["text_en"] == "Other"
    assert not Announcement.objects.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text_en": " "}, "Write a text in one language at least."),
        ({"text_en": "a\x00b"}, "ull character"),
        ({"text_en": "a\u202eb"}, "U+202E"),
        ({"text_en": "a" * 301}, "300"),
        ({"until": "2000-01-01T00:00"}, "within a year"),
        ({"until": "9999-12-31T23:59"}, "within a year"),
        ({"until": "0001-01-01T00:00"}, ""),
        ({"until": "soon"}, "valid date"),
        ({"kind": "LOUD"}, "valid choice"),
    ],
)
def test_what_cannot_be_shown_gets_a_sentence_and_changes_nothing(ada, fields, said):
    answer = show(english(ada), **fields)
    assert answer.status_code == 200
    assert said in answer.text
    assert not Announcement.objects.exists()


def test_bob_shows_and_ends_nothing(ada, bob, browser_of):
    show(ada)
    assert show(browser_of(bob), text_en="Mine").status_code == 403
    assert browser_of(bob).post(reverse("admin_announcement_end")).status_code == 403
    assert Announcement.objects.get().text_en == TEXT
