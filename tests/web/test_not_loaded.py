"""A request of a page that fails says so where the reader is, and can be repeated."""

from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from ondol.accounts.models import Role
from ondol.web.overview import page as overview
from tests.web.browser import become
from tests.web.conftest import machine, person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
AWAY = "Ondol does not answer at the moment."
MONTH = "**/admin/month/"


@contextmanager
def page_of(browser, site, email):
    """Return a page of this person; htmx logs each failure to its console."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=site)
    page = context.new_page()
    become(page, site, email, "en")
    yield page
    context.close()


FAILURES = {
    "stopped": (lambda route: route.abort("connectionrefused"), AWAY),
    "503": (lambda route: route.fulfill(status=503, body="<h1>Ondol is unavailable</h1>"), AWAY),
    "refused": (lambda route: route.fulfill(status=403, body="no"), "Reload the page and try again."),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_button_that_failed_says_so_in_the_window_and_works_again(site, browser, kind):
    fail, said = FAILURES[kind]
    machine(person("bob@example.org"))
    with page_of(browser, site, "bob@example.org") as page:
        page.goto("/")
        page.route("**/machine/stop/*", fail)
        stop = page.get_by_role("button", name="Stop", exact=True)
        page.evaluate("window.scrollTo(0, 400)")
        stop.dispatch_event("click")
        expect(page.locator("#offline")).to_contain_text(said)
        expect(page.locator("#offline")).to_be_in_viewport()
        expect(stop).to_be_enabled()
        page.unroute("**/machine/stop/*")
        stop.click()
        expect(page.locator(".badge")).to_have_text("Stopping")
        expect(page.locator("#offline")).to_be_hidden()


@pytest.mark.parametrize("kind", FAILURES)
def test_the_month_of_the_overview_says_that_it_did_not_come_and_comes_when_asked(site, browser, monkeypatch, kind):
    fail, said = FAILURES[kind]
    monkeypatch.setattr(overview, "AT_ONCE", -1)
    person("ada@example.org", role=Role.ADMIN)
    machine(person("bob@example.org"))
    with page_of(browser, site, "ada@example.org") as page:
        page.route(MONTH, fail)
        page.goto("/admin/")
        expect(page.get_by_text("This could not be loaded.")).to_be_visible()
        expect(page.get_by_text("Adding up the costs")).to_be_hidden()
        expect(page.locator("#offline")).to_contain_text(said)
        page.unroute(MONTH)
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("Month-end estimate")).to_be_visible()
        expect(page.locator("#offline")).to_be_hidden()


def test_an_answer_that_does_not_come_ends_the_waiting(site, browser):
    machine(person("bob@example.org"))
    with page_of(browser, site, "bob@example.org") as page:
        page.goto("/")
        page.evaluate("htmx.config.timeout = 300")
        page.route("**/machine/stop/*", lambda route: None)
        stop = page.get_by_role("button", name="Stop", exact=True)
        stop.click()
        expect(page.locator("#offline")).to_contain_text(AWAY)
        expect(stop).to_be_enabled()
