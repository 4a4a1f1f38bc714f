"""Words in a browser are neither cut, covered nor torn: buttons, tabs, navigation, code, sums, what fields inherit."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from ondol.accounts.models import Role
from ondol.config import config
from tests.web.browser import page_of
from tests.web.conftest import machine, person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ADA, BOB = "ada@example.org", "bob@example.org"
NOON = datetime(2026, 6, 20, 12, tzinfo=ZoneInfo("Asia/Seoul"))
LINES = """element => { const range = document.createRange(); range.selectNodeContents(element);
    return new Set([...range.getClientRects()].map(box => Math.round(box.bottom / 8))).size; }"""
"""Counts the lines on which the words of an element are."""
ROWS = "links => new Set(links.map(link => Math.round(link.getBoundingClientRect().bottom / 8))).size"
CONTRAST = """element => {
    const light = text => {
        const [r, g, b] = text.match(/[\\d.]+/g).map(n => n / 255)
            .map(n => n <= 0.04045 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const word = getComputedStyle(element, "::placeholder");
    const both = [word.color, getComputedStyle(element).backgroundColor].map(light);
    return word.opacity * (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05); }"""


@pytest.mark.parametrize("width", [320, 1280])
def test_the_copy_button_covers_no_letter_and_the_last_line_is_whole(site, browser, width):
    machine(person(BOB), minutes_ago=1)
    with page_of(browser, site, BOB, width=width) as page:
        page.goto("/?way=unix")
        code = page.locator(".code:visible").first
        button, text = code.locator(".copy").bounding_box(), code.locator("pre").bounding_box()
        assert button["y"] + button["height"] <= text["y"]
        lines = code.locator("pre").evaluate("pre => pre.clientHeight / parseFloat(getComputedStyle(pre).lineHeight)")
        assert lines == pytest.approx(round(lines), abs=0.05)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_type_has_its_price_on_a_second_row(site, browser, language, monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("t3.large", "t3.medium"))
    person(BOB)
    with page_of(browser, site, BOB, language) as page:
        page.goto("/")
        for card in page.locator(".choice").all():
            assert card.locator(".choice-words > .soft").evaluate(LINES) == 1
            name, price = card.locator("strong").bounding_box(), card.locator(".choice-price").bounding_box()
            assert price["y"] >= name["y"] + name["height"]
        page.set_viewport_size({"width": 320, "height": 800})
        assert page.locator("button.big").evaluate(LINES) == 1


@pytest.mark.parametrize("language", ["ko", "en"])
def test_tabs_and_navigation_are_one_row_each_and_fade_where_there_is_more(site, browser, language):
    machine(person(BOB), minutes_ago=1)
    with page_of(browser, site, BOB, language, width=320) as page:
        page.goto("/?way=putty", wait_until="networkidle")
        for row in (".bar-nav", ".tabs"):
            assert page.locator(f"{row} a").evaluate_all(ROWS) == 1
        assert page.locator(".bar-nav a").last.evaluate("link => link.getBoundingClientRect().right") <= 320
        tabs = page.locator(".tabs")
        assert tabs.get_attribute("data-more").split() == ["before"], "PuTTY, the last, is in sight"
        page.locator(".tabs a").last.focus()
        page.keyboard.press("Home")
        # A function to wait for would be evaluated in the page, whose policy forbids that once it has to wait.
        expect(page.locator(".tabs")).to_have_attribute("data-more", re.compile(r"^\s*after\s*$"))


def test_what_a_field_inherits_can_be_read_in_light_and_dark(site, browser):
    person(ADA, role=Role.ADMIN)
    for scheme in ("light", "dark"):
        with page_of(browser, site, ADA, color_scheme=scheme) as page:
            for path, field in (("/admin/policy/", "[name=idle_minutes]"), ("/admin/people/", "#q")):
                page.goto(path)
                assert page.locator(field).evaluate(CONTRAST) >= 4.5


def test_inputs_beside_each_other_are_level_and_units_beside_their_box(site, browser):
    person(ADA, role=Role.ADMIN)
    with page_of(browser, site, ADA) as page:
        for width in (1280, 1920):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto("/admin/policy/")
            tops = [
                page.locator(f"[name={name}]").bounding_box()["y"]
                for name in ("network_kbs", "disk_mbs", "lease_hours")
            ]
            assert len(set(tops)) == 1
        page.set_viewport_size({"width": 320, "height": 900})
        box = page.locator("[name=ssh_addresses]").bounding_box()
        assert page.locator("[name=ssh_addresses] + span").bounding_box()["y"] < box["y"] + box["height"]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_total_of_a_month_has_its_word_beside_its_amount(site, browser, language, machines_clock):
    machines_clock.freeze(NOON)
    person(ADA, role=Role.ADMIN)
    machine(person(BOB), minutes_ago=600)
    with page_of(browser, site, ADA, language, width=320) as page:
        page.goto("/admin/costs/")
        amounts = page.locator("tfoot td[data-label]")
        rows = [amount.bounding_box() for amount in amounts.all()]
        assert len(rows) == 4
        assert all(row["height"] < 32 and row["width"] > 200 for row in rows)
        assert len({row["y"] for row in rows}) == 4
