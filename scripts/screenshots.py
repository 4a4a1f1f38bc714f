"""Take the pictures in docs/images from a real trial at speed: real pages of real machines, with their real CPU."""

import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.chromium import launch
from tests.journey.site import Person, Site

IMAGES = Path(__file__).resolve().parents[1] / "docs/images"
LANGUAGES = ("ko", "en")
Theme = Literal["light", "dark"]
PASSWORD = "warm floors in winter"  # noqa: S105  of a trial that is thrown away
LOADS = ((20, ""), (25, "while :; do :; done"), (10, ""), (15, "while :; do sleep 0.002; done"), (8, ""))
"""The real seconds, minutes of the trial's clock, and what a processor does meanwhile."""


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Site(Path(folder) / "home", "--speed", "60").start()
        try:
            browser = launch(playwright)
            _story(browser, site, Path(folder))
            browser.close()
        finally:
            site.stop()


def _story(browser: Browser, site: Site, folder: Path) -> None:
    minji, ada = _add(site, "minji", "김민지", "--approved"), _add(site, "ada", "한지원", "--admin")
    junho = _add(site, "junho", "이준호", "--approved")
    _account(site, "seoyeon", "박서연")
    hers, administration = _signed_in(browser, site, minji), _signed_in(browser, site, ada)
    _set_rate_and_budget(administration, site)
    _pictures(hers, site, "none", "dark", height=900)
    minji.create()
    junho.create()
    _work(minji, folder)
    _pictures(hers, site, "running", "light", height=1080)
    _pictures(administration, site, "overview", "light", path="/admin/", height=760)
    _pictures(administration, site, "machines", "dark", path="/admin/fleet/", height=560)
    _pictures(hers, site, "warned", "dark", height=620, wait_for="#soon .note")
    minji.wait_for("STOPPED", seconds=120)
    _pictures(hers, site, "stopped", "dark", height=980)
    _pictures(hers, site, "history", "light", path="/history/")
    _pictures(hers, site, "costs", "light", path="/costs/", height=1000)
    _pictures(administration, site, "people", "light", path="/admin/people/")
    _pictures(administration, site, "policy", "light", path="/admin/policy/", height=1100)


def _account(site: Site, name: str, shown: str, *flags: str) -> str:
    email = f"{name}@example.org"
    site.command("user", "add", email, "--name", shown, "--password-stdin", *flags, text=PASSWORD + "\n")
    return email


def _add(site: Site, name: str, shown: str, *flags: str) -> Person:
    email = _account(site, name, shown, *flags)
    return Person(site, name, site.command("token", "create", email).splitlines()[-1])


def _set_rate_and_budget(page: Page, site: Site) -> None:
    for name, value in (("krw", "1387.5"), ("usd", "20")):
        page.goto(f"{site.url}/admin/costs/")
        page.locator(f"[name={name}]").fill(value)
        page.locator(f"form:has([name={name}]) button[type=submit]").click()
        page.wait_for_load_state()


def _work(person: Person, folder: Path) -> None:
    key = person.key(folder)
    for seconds, what in LOADS:
        load = f"timeout {seconds} sh -c '{what}'; true" if what else f"sleep {seconds}"
        person.ssh(key, load, seconds=seconds + 20)


def _pictures(
    page: Page, site: Site, name: str, theme: Theme, path: str = "/", height: int = 780, wait_for: str = "main"
) -> None:
    """Take one page in each language."""
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": 1280, "height": height})
    page.goto(site.url + path)
    page.locator(wait_for).wait_for(timeout=90_000)
    for language in LANGUAGES:
        page.request.post(
            f"{site.url}/language/",
            form={
                "language": language,
                "csrfmiddlewaretoken": page.locator("[name=csrfmiddlewaretoken]").first.input_value(),
            },
            headers={"Referer": site.url},
        )
        page.goto(site.url + path)
        page.screenshot(path=IMAGES / f"{name}-{language}.png")


def _signed_in(browser: Browser, site: Site, who: Person) -> Page:
    page = browser.new_context(timezone_id="Asia/Seoul").new_page()
    page.goto(f"{site.url}/accounts/login/")
    page.locator("input[name=login]").fill(who.email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(lambda url: "/accounts/" not in url)
    return page


if __name__ == "__main__":
    main()
