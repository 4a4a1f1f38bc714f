"""The whole product as Minji uses it: in Korean, in Chromium, and with OpenSSH's client."""

import re
import subprocess
from pathlib import Path

import pytest
from django.utils import translation
from playwright.sync_api import Page, expect, sync_playwright

from tests.journey.site import Site, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PASSWORD = "따뜻한 온돌방 2026"


def ko(text: str) -> str:
    """Return a text as the pages show it in Korean."""
    with translation.override("ko"):
        return str(translation.gettext(text))


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium):
    """Return a function that opens one person's browser, in Korean; nothing may go wrong in its console."""
    contexts, troubles = [], []

    def make() -> Page:
        context = chromium.new_context(locale="ko-KR", timezone_id="Asia/Seoul", accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
        return page

    yield make
    for context in contexts:
        context.close()
    assert troubles == []


def press(page: Page, text: str) -> None:
    page.get_by_role("button", name=ko(text), exact=True).first.click()


def sign_in(page: Page, site: Site, email: str, password: str) -> None:
    page.goto(f"{site.url}/accounts/login/")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(password)
    press(page, "Sign in")


def status_is(page: Page, text: str, seconds: float = 60) -> None:
    """Wait until the badge shows it, without a reload."""
    expect(page.locator("#machine .badge")).to_contain_text(ko(text), timeout=seconds * 1000)


def test_minji_signs_up_is_approved_and_works_on_her_machine(site, new_page, tmp_path):
    minji, admin = new_page(), new_page()
    minji.goto(site.url)
    minji.goto(f"{site.url}/accounts/signup/")
    expect(minji.locator("html")).to_have_attribute("lang", "ko")
    for name, value in {
        "name": "김민지", "email": "minji@example.org", "password1": PASSWORD,
        "affiliation": "한국건설기술연구원", "purpose": "SAR 영상 처리",
    }.items():  # fmt: skip
        minji.locator(f"[name={name}]").fill(value)
    press(minji, "Send the request")
    expect(minji.get_by_role("heading", level=1)).to_be_visible()
    assert minji.locator("#machine").count() == 0

    until(lambda: site.letters(about="김민지"), 60, "the administrators get an e-mail about her")
    sign_in(admin, site, *Path(site.home, "admin.txt").read_text().split())
    admin.goto(f"{site.url}/admin/people/")
    approve = admin.get_by_role("button", name=re.compile(f"{ko('Approve')}.*김민지"))
    approve.click()
    expect(approve).to_have_count(0)  # her address was there before
    expect(admin.get_by_text("minji@example.org").first).to_be_visible()

    minji.goto(site.url)
    press(minji, "Make my machine")
    status_is(minji, "Creating", 10)
    status_is(minji, "Running")
    with minji.expect_download() as download:
        press(minji, "Download the key")
    key = tmp_path / download.value.suggested_filename
    assert key.name == "ondol-minji.pem"
    download.value.save_as(key)
    key.chmod(0o600)
    assert key.read_bytes().startswith(b"-----BEGIN")
    assert b"\r" not in key.read_bytes()

    address = minji.locator("#address").inner_text()
    shown = minji.locator("#code-unix").text_content() or ""
    command = [word for line in shown.splitlines() if line.startswith("ssh ") for word in line.split()]
    assert f"ubuntu@{address}" in command
    port = command[command.index("-p") + 1]
    ssh = ["ssh", "-F", "none", "-i", str(key), "-p", port, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
           "-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={tmp_path / 'known'}"]  # fmt: skip
    told = subprocess.run(
        [*ssh, f"ubuntu@{address}", "echo $USER; echo 안녕 > 인사.txt"], capture_output=True, text=True, timeout=20
    )
    assert told.stdout == "ubuntu\n", told.stderr

    press(minji, "Stop")
    status_is(minji, "Stopped", 60)
    press(minji, "Start")
    status_is(minji, "Running", 60)
    again = minji.locator("#address").inner_text()
    assert again != address
    kept = subprocess.run([*ssh, f"ubuntu@{again}", "cat 인사.txt"], capture_output=True, text=True, timeout=20)
    assert kept.stdout == "안녕\n", kept.stderr

    admin.goto(f"{site.url}/admin/people/?q=minji")
    admin.get_by_role("link", name=re.compile("김민지")).first.click()
    admin.get_by_role("link", name=ko("Terminate…")).click()
    admin.locator("main input:not([type=hidden])").fill("minji@example.org")
    press(admin, "Terminate and delete everything")
    minji.goto(site.url)
    expect(minji.get_by_role("button", name=ko("Make my machine"))).to_be_visible(timeout=60_000)
