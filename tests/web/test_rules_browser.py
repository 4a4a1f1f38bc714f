"""The form of rules in a real browser: hours appear when they are chosen, and the preview can be read by everybody."""

from datetime import timedelta

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from ondol import clock
from ondol.accounts.models import Role
from ondol.autostop.forecast import PERIOD, floor
from ondol.autostop.models import CpuReading
from ondol.instances.models import Run
from ondol.instances.states import Reason, Status
from ondol.policy.models import Policy
from tests.web.browser import page_of
from tests.web.conftest import machine, person
from tests.web.test_accessibility import COLOURS, RUN, WCAG, misfits, told

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ADA = "ada@example.org"


@pytest.fixture
def ada(db):
    """Return Ada, who administrates; Bob's machine has worked for an hour, idled for one and worked again yesterday."""
    row = machine(person("bob@example.org", name="가나다라마바사아자차카타파하"), Status.STOPPED, Reason.IDLE)
    Run.objects.filter(instance=row).update(launched_at=None)
    began = floor(clock.now() - timedelta(days=1))
    Run.objects.create(
        instance=row, began_at=began, launched_at=began, ended_at=began + timedelta(hours=4), end_reason="IDLE"
    )
    for n in range(48):
        CpuReading.objects.create(instance=row, at=began + n * PERIOD, percent=40 if n < 12 or 18 <= n < 30 else 0.5)
    return person(ADA, role=Role.ADMIN)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_preview_and_mistakes_are_accessible_and_fit(site, browser, ada, language):
    wrong = []
    with page_of(browser, site, ADA, language, color_scheme="light") as page:
        page.add_init_script(AXE_SCRIPT)
        page.goto("/admin/policy/")
        assert not page.locator("[name=zone]").is_visible()
        page.check("[name=hours][value=yes]")
        assert page.locator("[name=zone]").is_visible()
        page.fill("[name=idle_minutes]", "15")
        page.click("button[name=preview]")
        page.wait_for_url("**/#preview")
        assert page.locator(".preview").is_visible()
        assert page.evaluate("document.querySelector('.preview').getBoundingClientRect().top") < 400
        page.locator(".preview summary").click()
        for state in ("preview", "mistakes"):
            if state == "mistakes":
                page.fill("[name=disk_mbs]", "viel")
                page.fill("[name=opens_at]", "")
                page.click(".rules .primary")
                page.wait_for_load_state()
                expect(page.locator("[name=disk_mbs]")).to_be_focused()
            wrong += told(page.evaluate(RUN, WCAG), f"{state} light")
            page.emulate_media(color_scheme="dark")
            wrong += told(page.evaluate(RUN, COLOURS), f"{state} dark")
            page.emulate_media(color_scheme="light")
            wrong += misfits(page, state)
            page.set_viewport_size({"width": 1280, "height": 800})
    assert not wrong, "\n".join(wrong)
    assert not Policy.objects.exists()


def test_without_scripts_the_form_previews_saves_and_undoes(site, browser, ada):
    with page_of(browser, site, ADA, java_script_enabled=False) as page:
        page.goto("/admin/policy/")
        page.fill("[name=idle_minutes]", "45")
        page.click("button[name=preview]")
        assert "Stops" in page.inner_text(".preview-sum")
        page.click(".rules .primary")
        assert "idle minutes default → 45" in page.inner_text(".last-change")
        page.click(".last-change button")
        assert "Undone." in page.inner_text("#messages")
        assert page.input_value("[name=idle_minutes]") == ""
    assert Policy.objects.get().idle_minutes is None
