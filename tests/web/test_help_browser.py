"""The help in a browser: commands are seen whole, or scroll beside their button, and short ones do not break."""

import pytest

from tests.web.browser import page_of
from tests.web.conftest import machine, person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
COVERED = """[...document.querySelectorAll(".code")].filter(block => {
  const text = block.querySelector("pre"), button = block.querySelector(".copy").getBoundingClientRect();
  const { right, top } = text.getBoundingClientRect();
  return right > button.left && top + parseFloat(getComputedStyle(text).paddingTop) < button.bottom;
}).map(block => block.textContent)"""
BROKEN = """[...document.querySelectorAll(".prose-page code:not(pre code, .long)")]
  .filter(code => code.getClientRects().length > 1).map(code => code.textContent)"""
CUT = """[document.querySelector("#help-config")].some(one => one.scrollHeight > one.clientHeight)"""


@pytest.mark.parametrize("language", ["en", "ko"])
def test_bob_reads_each_command_whole_and_no_button_covers_one(site, browser, language):
    machine(person("bob@example.org"))
    with page_of(browser, site, "bob@example.org", language) as page:
        for width in (320, 700, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            page.goto("/help/", wait_until="networkidle")
            assert page.locator(".code .copy:visible").count() == page.locator(".code").count() > 3
            assert page.evaluate(COVERED) == [], width
            assert page.evaluate(BROKEN) == [], width
            assert not page.evaluate(CUT), width
            assert page.evaluate("document.documentElement.scrollWidth") <= width
