"""docs/images anew, from a real trial at speed: real pages of real machines, with what their processors really did."""

import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.journey.site import Person, Site
from tests.journey.test_browser import CHROMIUM

IMAGES = Path(__file__).resolve().parents[1] / "docs/images"
LANGUAGES = ("ko", "en")
Theme = Literal["light", "dark"]
PASSWORD = "warm floors in winter"  # noqa: S105  of a trial that is thrown away
LOADS = ((20, ""), (25, "while :; do :; done"), (10, ""), (15, "while :; do sleep 0.002; done"), (20, ""))
"""Real seconds, minutes of the trial's clock, and what a processor does meanwhile."""


def main() -> None:
    """Make them all."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Site(Path(folder) / "home", "--speed", "60").start()
        try:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
            _story(browser, site, Path(folder))
            browser.close()
        finally:
            site.stop()


def _story(browser: Browser, site: Site, folder: Path) -> None:
    minji, ada = _add(site, "minji", "김민지", "--approved"), _add(site, "ada", "한지원", "--admin")
    junho = _add(site, "junho", "이준호", "--approved")
    _add(site, "seoyeon", "박서연")
    _as_administrator(browser, site, ada)
    _pictures(browser, site, minji, "none", "dark")
    minji.create()
    junho.create()
    _work(minji, folder)
    _pictures(browser, site, minji, "running", "light", height=1180)
    _pictures(browser, site, minji, "warned", "dark", height=620, wait_for="#soon .note")
    minji.wait_for("STOPPED", seconds=120)
    _pictures(browser, site, minji, "stopped", "dark", height=1050)
    _pictures(browser, site, minji, "history", "light", path="/history/")
    _pictures(browser, site, minji, "costs", "light", path="/costs/", height=1000)
    _pictures(browser, site, ada, "people", "light", path="/admin/people/")
    _pictures(browser, site, ada, "machines", "dark", path="/admin/fleet/")
    _pictures(browser, site, ada, "policy", "light", path="/admin/policy/", height=1100)


def _add(site: Site, name: str, shown: str, *flags: str) -> Person:
    email = f"{name}@example.org"
    site.command("user", "add", email, "--name", shown, "--password-stdin", *flags, text=PASSWORD + "\n")
    return Person(site, name, site.command("token", "create", email).splitlines()[-1])


def _as_administrator(browser: Browser, site: Site, ada: Person) -> None:
    """A rate of the won, and a budget."""
    page = browser.new_page()
    _sign_in(page, site, ada.email, "en")
    page.goto(f"{site.url}/admin/costs/")
    page.locator("[name=krw]").fill("1387.5")
    page.locator("form:has([name=krw]) button[type=submit]").click()
    page.locator("[name=usd]").fill("20")
    page.locator("form:has([name=usd]) button[type=submit]").click()
    page.close()


def _work(person: Person, folder: Path) -> None:
    key = person.key(folder)
    for seconds, what in LOADS:
        load = f"timeout {seconds} sh -c '{what}'; true" if what else f"sleep {seconds}"
        person.ssh(key, load, seconds=seconds + 20)


def _pictures(
    browser: Browser,
    site: Site,
    who: Person,
    name: str,
    theme: Theme,
    path: str = "/",
    height: int = 780,
    wait_for: str = "main",
) -> None:
    """One page in both languages."""
    for language in LANGUAGES:
        context = browser.new_context(
            viewport={"width": 1100, "height": height},
            color_scheme=theme,
            timezone_id="Asia/Seoul",
            locale=language,
        )
        page = context.new_page()
        _sign_in(page, site, who.email, language)
        page.goto(site.url + path)
        page.locator(wait_for).wait_for(timeout=60_000)
        page.screenshot(path=IMAGES / f"{name}-{language}.png")
        context.close()


def _sign_in(page: Page, site: Site, email: str, language: str) -> None:
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
