"""Ada's list in a browser: what is too large is said before it is sent, the preview fits and has no violation."""

import re

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from ondol.accounts.models import User
from tests.web.browser import page_of
from tests.web.conftest import person
from tests.web.test_accessibility import RUN, WCAG

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LARGE = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"x" * 1_000_001}
SMALL = {"name": "people.csv", "mimeType": "text/csv", "buffer": b"dan@example.org,Dan\nno address\n"}


@pytest.fixture
def ada(site):
    return person("ada@example.org", role="ADMIN")


def test_what_is_too_large_is_not_sent_and_a_smaller_file_is(site, browser, ada):
    with page_of(browser, site, ada.email) as page:
        page.goto("/admin/people/invite/")
        file, preview = page.get_by_label("CSV file"), page.get_by_role("button", name="Preview")
        file.set_input_files(LARGE)
        preview.click()
        assert page.url.endswith("/admin/people/invite/")
        assert file.evaluate("field => field.validationMessage") == "This is larger than 1 MB."
        expect(page.get_by_role("heading", name="Invite people")).to_be_visible()
        file.set_input_files([])
        text = page.get_by_label("Or paste the rows")
        text.fill("가" * 500_001)
        text.blur()
        preview.click()
        assert text.evaluate("field => field.validationMessage") == "This is larger than 1 MB."
        text.fill("")
        text.blur()
        file.set_input_files(SMALL)
        preview.click()
        expect(page.get_by_role("heading", name="Preview of the invitations")).to_be_visible()


@pytest.mark.parametrize("width", [320, 1280])
def test_the_preview_fits_has_no_violation_and_keeps_the_list(site, browser, ada, width):
    with page_of(browser, site, ada.email, width=width) as page:
        page.goto("/admin/people/invite/")
        page.get_by_label("CSV file").set_input_files(SMALL)
        page.get_by_role("button", name="Preview").click()
        page.get_by_label("Language: dan@example.org").select_option("en")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate(AXE_SCRIPT)
        assert page.evaluate(RUN, WCAG)["violations"] == []
        page.get_by_role("button", name="Change the list").click()
        expect(page.get_by_label("Or paste the rows")).to_have_value(SMALL["buffer"].decode())
        page.get_by_role("button", name="Preview").click()
        page.get_by_label("Language: dan@example.org").select_option("en")
        page.get_by_role("button", name=re.compile("Invite 1 person")).click()
        expect(page.get_by_text("1 person invited.")).to_be_visible()
    dan = User.objects.get(email="dan@example.org")
    assert (dan.language, dan.invitation.language_is_chosen) == ("en", True)


def test_the_reason_that_is_missing_has_the_focus(site, browser, ada):
    person("carol@example.org", "PENDING")
    with page_of(browser, site, ada.email) as page:
        page.goto("/admin/people/?q=car")
        page.get_by_label("Select Carol").first.check()
        page.get_by_text("Reject or suspend…").click()
        page.get_by_role("button", name="Reject selected").click()
        reason = page.get_by_label("Reason (sent to each person)")
        expect(reason).to_be_focused()
        page.evaluate(AXE_SCRIPT)
        assert page.evaluate(RUN, WCAG)["violations"] == []
        reason.fill("Unknown.")
        page.get_by_role("button", name="Reject selected").click()
        expect(page.get_by_text("1 request rejected.")).to_be_visible()
        assert "q=car" in page.url
