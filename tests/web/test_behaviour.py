"""What pages do in a browser: swaps, focus, tabs, copying, input methods."""

import pytest
from playwright.sync_api import expect

from ondol.instances.models import Instance
from ondol.instances.states import Status
from tests.web.browser import page_of
from tests.web.conftest import machine, person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_a_click_becomes_a_machine_without_a_new_page_and_focus_stays(site, browser):
    person("bob@example.org")
    with page_of(browser, site, "bob@example.org") as page:
        page.goto("/")
        page.evaluate("window.same = true")
        button = page.get_by_role("button", name="Create my machine")
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="My machine")).to_be_focused()
        expect(page.locator("#announcement")).to_have_text("Your machine is being created")
        assert page.evaluate("window.same")
        row = Instance.objects.get()
        Instance.objects.filter(pk=row.pk).update(status=Status.RUNNING, public_ip="203.0.113.9", instance_id="i-1")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page.locator(".badge")).to_have_text("Running")
        assert "every" not in page.locator("#machine").get_attribute("hx-trigger")
        expect(page.get_by_role("tab", name="VS Code")).to_be_visible()


def test_two_tabs_end_in_the_same_state(site, browser):
    machine(person("bob@example.org"))
    with page_of(browser, site, "bob@example.org") as page:
        page.goto("/")
        other = page.context.new_page()
        other.goto("/")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".badge")).to_have_text("Stopping")
        other.get_by_role("button", name="Stop").click()
        expect(other.locator(".badge")).to_have_text("Stopping")


def test_tabs_work_by_keyboard_and_are_remembered(site, browser):
    machine(person("bob@example.org"))
    with page_of(browser, site, "bob@example.org") as page:
        page.goto("/")
        page.get_by_role("tab", selected=True).focus()
        page.keyboard.press("End")
        expect(page.get_by_role("tab", name="PuTTY")).to_be_focused()
        expect(page.get_by_role("tabpanel", name="PuTTY")).to_be_visible()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name="Windows PowerShell")).to_be_focused()
        page.get_by_role("tab", name="VS Code").click()
        page.reload()
        expect(page.get_by_role("tabpanel", name="VS Code")).to_be_visible()


def test_commands_are_copied_whole(site, browser):
    machine(person("bob@example.org"))
    options = {"permissions": ["clipboard-read", "clipboard-write"]}
    with page_of(browser, site, "bob@example.org", **options) as page:
        page.goto("/")
        page.get_by_role("tab", name="macOS · Linux").click()
        page.get_by_role("button", name="Commands for macOS and Linux").click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("(\numask 077")
        assert copied.endswith(") && ssh ondol")


def test_everything_is_there_without_javascript(site, browser):
    machine(person("bob@example.org"))
    with page_of(browser, site, "bob@example.org", java_script_enabled=False) as page:
        page.goto("/")
        for way in ("Windows PowerShell", "macOS · Linux", "VS Code", "PuTTY"):
            page.get_by_role("link", name=way, exact=True).click()
            expect(page.get_by_role("heading", name=way)).to_be_visible()
        page.get_by_role("button", name="Stop").click()
        expect(page.locator(".badge")).to_have_text("Stopping")


def test_enter_while_composing_sends_nothing(site, browser):
    with page_of(browser, site) as page:
        page.goto("/accounts/login/")
        prevented = page.evaluate(
            """() => { const event = new KeyboardEvent("keydown",
                {key: "Enter", isComposing: true, bubbles: true, cancelable: true});
                document.querySelector("#id_login").dispatchEvent(event); return event.defaultPrevented; }"""
        )
        assert prevented


def test_the_keyboard_is_where_a_refused_form_is_to_be_mended(site, browser):
    with page_of(browser, site) as page:
        page.goto("/accounts/signup/")
        expect(page.get_by_text("10 or more characters.")).to_be_visible()
        page.get_by_role("button", name="Send the request").click()
        expect(page.locator("[aria-invalid=true]").first).to_be_focused()
        page.goto("/accounts/login/")
        page.get_by_label("Email").fill("nobody@example.org")
        page.get_by_label("Password").fill("not the right one")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.locator("form .note-failed")).to_be_focused()


def test_a_password_can_be_looked_at(site, browser):
    with page_of(browser, site) as page:
        page.goto("/accounts/login/")
        page.get_by_label("Password").fill("a warm floor")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#id_password")).to_have_attribute("type", "text")


def test_a_key_download_leaves_the_page_usable(site, browser):
    machine(person("bob@example.org"))
    with page_of(browser, site, "bob@example.org") as page:
        page.goto("/")
        for _ in range(2):
            with page.expect_download() as download:
                page.get_by_role("button", name="Download the key").click()
            stem = f"ondol-bob-{str(Instance.objects.get().pk)[:8]}"
            assert download.value.suggested_filename == f"{stem}.pem"
