"""axe-core finds no violation of WCAG 2.2 AA, on any screen, in any state and theme."""

import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.conf import settings

from ondol.accounts.models import User
from tests.web.browser import become, page_of
from tests.web.screens import furnish

pytestmark = pytest.mark.django_db
WCAG = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
COLOURS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}

RUN = "options => axe.run(document, options)"
WIDTHS = (320, 1280)
"""The widths in pixels; the last one is that of `page_of`."""

SMALL_TARGETS = """() =>
    [...document.querySelectorAll("button, summary, .button, input:not([type=hidden]), select")]
    .map(element => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0 && (box.width < 24 || box.height < 24)).map(([html]) => html)"""

# Administrators' navigation moves sideways in a narrow window: tests/web/test_administrators_bar.py.
CUT = """() =>
    [...document.querySelectorAll("a, button, summary, input, select, time, .badge, .approval")]
    .filter(element => element.checkVisibility() && !element.closest(".bar-admin, .slides"))
    .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map(element => element.outerHTML.slice(0, 80))"""

OFF_CENTRE = """() => [...document.querySelectorAll(
    "button:not(.menu-list *), .button, .pop > summary")].flatMap(element => {
    const box = element.getBoundingClientRect(), words = document.createRange();
    const shown = [...element.childNodes].filter(node => !node.classList?.contains("visually-hidden"));
    if (!box.width || !shown.length) return [];
    words.setStartBefore(shown[0]);
    words.setEndAfter(shown[shown.length - 1]);
    const boxes = [...words.getClientRects()].filter(part => part.width > 1);
    const left = Math.min(...boxes.map(part => part.left)), right = Math.max(...boxes.map(part => part.right));
    return Math.abs((left - box.left) - (box.right - right)) > 2 ? [element.outerHTML.slice(0, 120)] : [];
})"""


def told(results, where):
    return [
        f"{where}: {violation['id']}: {node['html'][:160]}"
        for violation in results["violations"]
        for node in violation["nodes"]
    ]


def misfits(page, where):
    """Return what does not fit, at the widths of a phone and of a desk."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            yield f"{where} {width}: scrolls sideways"
        for what, found in {"cut": CUT, "small": SMALL_TARGETS, "off-centre": OFF_CENTRE}.items():
            yield from (f"{where} {width}: {what}: {element}" for element in page.evaluate(found))


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.django_db(transaction=True)
def test_every_screen_is_accessible_in_light_and_dark_and_fits_its_window(site, browser):
    """Nothing is cut off or scrolls sideways; buttons are large enough, and their words in the middle."""
    wrong = []
    with page_of(browser, site, color_scheme="light") as page:
        page.add_init_script(AXE_SCRIPT)
        for screen in furnish():
            become(page, site, screen.who, "ko")
            page.goto(screen.path)
            wrong += told(page.evaluate(RUN, WCAG), f"{screen.name} light")
            page.emulate_media(color_scheme="dark")
            wrong += told(page.evaluate(RUN, COLOURS), f"{screen.name} dark")
            page.emulate_media(color_scheme="light")
            wrong += misfits(page, screen.name)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_screen_says_its_language_and_its_title(client, browser_of, language):
    """What axe sees in Korean is so in English, too: structure, names and colours do not depend on the language."""
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    for screen in furnish():
        browser = browser_of(User.objects.get(email=screen.who), language) if screen.who else client
        page = browser.get(screen.path).text
        assert f'<html lang="{language}"' in page, screen.name
        assert re.search(r"<title>[^<]+</title>", page), screen.name
