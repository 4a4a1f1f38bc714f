"""docs/images anew, from a real trial: real pages of a real machine."""

import tempfile
from pathlib import Path
from typing import Any, Literal

import requests
from playwright.sync_api import Browser, Page, sync_playwright

from tests.journey.site import Site, until
from tests.journey.test_browser import CHROMIUM

IMAGES = Path(__file__).resolve().parents[1] / "docs/images"
LANGUAGES = ("ko", "en")
THEMES: dict[str, Literal["light", "dark"]] = {"none": "dark", "running": "light", "stopped": "dark", "people": "light"}
PASSWORD = "warm floors in winter"  # noqa: S105  of a trial that is thrown away


def main() -> None:
    """Make them all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Site(Path(folder) / "home").start()
        try:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
            add(site, "minji", "김민지", "--approved")
            add(site, "junho", "이준호", "--approved")
            add(site, "seoyeon", "박서연")
            add(site, "ada", "한지원", "--admin")
            every(browser, site, "minji", "none")
            token = site.command("token", "create", "minji@example.org").splitlines()[-1]
            click(site, token, "")
            every(browser, site, "minji", "running", "RUNNING", token)
            click(site, token, "/stop")
            every(browser, site, "minji", "stopped", "STOPPED", token)
            every(browser, site, "ada", "people", path="/admin/people/")
            browser.close()
        finally:
            site.stop()


def add(site: Site, name: str, shown: str, *flags: str) -> None:
    site.command(
        "user", "add", f"{name}@example.org", "--name", shown, "--password-stdin", *flags, text=PASSWORD + "\n"
    )


def call(site: Site, token: str, method: str, path: str) -> Any:
    return requests.request(
        method, f"{site.url}/api/instances{path}", headers={"Authorization": f"Bearer {token}"}, timeout=20
    )


def click(site: Site, token: str, path: str) -> None:
    call(site, token, "POST", path).raise_for_status()


def every(
    browser: Browser, site: Site, who: str, name: str, status: str = "", token: str = "", path: str = "/"
) -> None:
    """One page in both languages."""
    if status:
        until(lambda: call(site, token, "GET", "/status").json()["instance"]["status"] == status, 60, status)
    for language in LANGUAGES:
        context = browser.new_context(
            viewport={"width": 1100, "height": 780},
            color_scheme=THEMES[name],
            timezone_id="Asia/Seoul",
            locale=language,
        )
        page = context.new_page()
        sign_in(page, site, f"{who}@example.org", language)
        page.goto(site.url + path)
        page.screenshot(path=IMAGES / f"{name}-{language}.png")
        context.close()


def sign_in(page: Page, site: Site, email: str, language: str) -> None:
    page.goto(f"{site.url}/accounts/login/")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(site.url + "/")
    page.request.post(
        f"{site.url}/language/",
        form={
            "language": language,
            "csrfmiddlewaretoken": page.locator("[name=csrfmiddlewaretoken]").first.input_value(),
        },
        headers={"Referer": site.url},
    )


if __name__ == "__main__":
    main()
