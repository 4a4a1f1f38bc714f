"""axe-core finds no violation of WCAG 2.2 AA, on any screen, in any state, language and theme."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.web.browser import launch, page_of
from tests.web.screens import furnish

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
WCAG = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
COLOURS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        found = launch(playwright)
        yield found
        found.close()


def told(results, where):
    return [
        f"{where}: {violation['id']}: {node['html'][:160]}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_screen_is_accessible_in_light_and_dark(site, browser, language):
    axe, wrong = Axe(), []
    for screen in furnish():
        with page_of(browser, site, screen.who, language, color_scheme="light") as page:
            page.goto(screen.path)
            wrong += told(axe.run(page, options=WCAG), f"{screen.name} light")
            page.emulate_media(color_scheme="dark")
            page.reload()
            wrong += told(axe.run(page, options=COLOURS), f"{screen.name} dark")
    assert not wrong, "\n".join(wrong)


def test_every_screen_fits_320_pixels_and_its_targets_are_large_enough(site, browser):
    wide, small = [], []
    for screen in furnish():
        with page_of(browser, site, screen.who, "ko", width=320) as page:
            page.goto(screen.path)
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                wide.append(screen.name)
            small += page.evaluate(
                """name => [...document.querySelectorAll("button, summary, .button, input:not([type=hidden]), select")]
                .map(e => [name, e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
                .filter(([, , r]) => r.width > 0 && (r.width < 24 || r.height < 24)).map(([n, h]) => n + " " + h)""",
                screen.name,
            )
    assert not wide
    assert not small
