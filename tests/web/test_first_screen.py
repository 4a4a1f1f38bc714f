"""The first screen of the machine's page in a browser: connecting comes first, nothing moves, focus stays."""

from datetime import time

import pytest
from playwright.sync_api import expect

from ondol.policy.models import Policy
from tests.web.browser import page_of
from tests.web.conftest import machine, person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SHIFTS = """window.shifted = 0; window.movers = []; new PerformanceObserver(list => list.getEntries().forEach(entry => {
    if (entry.hadRecentInput) return;
    window.shifted += entry.value;
    for (const {node, previousRect: from, currentRect: to} of entry.sources) window.movers.push(
        `${(node?.outerHTML ?? node?.textContent ?? "").slice(0, 80)} ${from.x},${from.y} to ${to.x},${to.y}`);
    })).observe({type: "layout-shift", buffered: true});"""
"""Counts how much a page moves while nobody does anything, and notes what moves, from where to where."""
PRIMARY = """() => { const probe = document.createElement("i");
    probe.style.color = "var(--primary)"; document.body.append(probe);
    const primary = getComputedStyle(probe).color; probe.remove();
    return [...document.querySelectorAll("#machine button, #machine a")].filter(element =>
        element.checkVisibility() && getComputedStyle(element).backgroundColor === primary).length; }"""


def top(page, selector):
    return page.locator(selector).first.bounding_box()["y"]


def test_leaving_out_a_closing_time_is_announced_and_leaves_the_focus_on_what_takes_it_back(site, browser):
    machine(person("bob@example.org"), minutes_ago=60)
    hours = {"opens_at": time(9), "closes_at": time(22), "weekends": True, "zone": "Asia/Seoul"}
    Policy.objects.create(owner=None, has_hours=True, **hours)
    with page_of(browser, site, "bob@example.org") as page:
        page.goto("/")
        for word, said in [
            ("Not this time", "It does not stop when the hours end"),
            ("Stop it then as planned", "It stops when the hours end, as planned."),
        ]:
            page.get_by_role("button", name=word).focus()
            page.keyboard.press("Enter")
            expect(page.locator("#announcement")).to_contain_text(said)
            expect(page.locator("#wish-closing")).to_be_focused()
            expect(page.get_by_role("button", name=word)).to_have_count(0)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_on_the_first_run_the_command_is_on_the_first_screen_and_nothing_moves(site, browser, language):
    """It stands beside the rest at 1280 × 900 and below the machine at 320. Copying it is the one primary act."""
    machine(person("bob@example.org"), minutes_ago=0.5)
    with page_of(browser, site, "bob@example.org", language) as page:
        page.add_init_script(SHIFTS)
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto("/")
        copy = page.locator(".ways .code .copy:visible").first.bounding_box()
        assert top(page, "#connect-title") < 600
        assert copy["y"] + copy["height"] < 900
        assert page.locator("#cpu").bounding_box()["x"] > 640
        assert page.evaluate(PRIMARY) == 1
        page.set_viewport_size({"width": 320, "height": 900})
        page.goto("/")
        assert top(page, "#connect-title") < top(page, "#cpu-title")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.wait_for_timeout(300)
        assert page.evaluate("window.shifted") <= 0.001


def test_keeping_it_awake_leaves_the_focus_on_its_chip_and_is_announced(site, browser):
    machine(person("bob@example.org"), minutes_ago=60)
    with page_of(browser, site, "bob@example.org") as page:
        page.goto("/")
        page.locator("#awake-1h").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#announcement")).to_contain_text("Kept awake until")
        expect(page.locator("#awake-1h")).to_be_focused()
        page.get_by_role("button", name="End it now").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#announcement")).to_contain_text("It is no longer kept awake.")
        expect(page.locator("#awake-1h")).to_be_focused()
        page.locator("#menu summary").click()
        expect(page.get_by_role("link", name="Replace the key").or_(page.locator(".menu-list a").first)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#menu summary")).to_be_focused()
