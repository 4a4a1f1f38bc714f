"""Administrators' navigation: one row at a desk, a row that moves sideways on a phone, all of it by keyboard."""

import pytest

from ondol.accounts.models import Approval, Role
from tests.web.browser import page_of
from tests.web.conftest import person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ADA = "ada@example.org"
SHIFTS = """window.shifted = 0; new PerformanceObserver(list => list.getEntries().forEach(entry => {
    if (entry.sources.some(({node}) => node?.parentElement?.closest("header"))) window.shifted += entry.value;
})).observe({type: "layout-shift", buffered: true});"""
"""Counts what moves in the header; a long page may arrive in pieces on a busy computer."""
ROWS = """() => new Set([...document.querySelectorAll(".bar-nav a")]
    .map(link => Math.round(link.getBoundingClientRect().bottom / 8))).size"""
IS_SEEN = """link => { const box = link.getBoundingClientRect(), row = link.parentElement.getBoundingClientRect();
    return box.left >= row.left - 1 && box.right <= Math.min(row.right, window.innerWidth) + 1; }"""


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("path", ["/admin/", "/admin/doctor/", "/settings/"])
def test_it_is_one_row_at_a_desk_and_two_on_a_phone(site, browser, language, path):
    person(ADA, role=Role.ADMIN)
    for number in range(3):
        person(f"waits{number}@example.org", Approval.PENDING)
    with page_of(browser, site, ADA, language) as page:
        page.add_init_script(SHIFTS)
        for width, rows in ((1280, 1), (320, 2)):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(path, wait_until="networkidle")
            assert page.evaluate(ROWS) == rows
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator(".bar-nav [aria-current]").evaluate(IS_SEEN)
            assert page.evaluate("window.shifted") <= 0.001


def test_its_links_are_in_sight_when_the_keyboard_is_on_them(site, browser):
    person(ADA, role=Role.ADMIN)
    with page_of(browser, site, ADA, width=320) as page:
        page.goto("/admin/doctor/")
        links = page.locator(".bar-admin a")
        page.locator(".brand").focus()
        for number in range(links.count()):
            page.keyboard.press("Tab")
            assert links.nth(number).evaluate("link => link === document.activeElement")
            assert links.nth(number).evaluate(IS_SEEN)
