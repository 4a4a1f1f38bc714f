"""Every page with nobody, three people and two hundred, in each language, theme and width: axe finds nothing, nothing
moves, nothing is cut off.

A sample is looked at in every run; `make looks` looks at all of them, and leaves pictures for people's eyes.
"""

from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from ondol import clock
from ondol.accounts.models import Approval, Role
from ondol.instances.models import StatusChange
from ondol.instances.states import Reason, Status
from tests.web.browser import become, page_of
from tests.web.conftest import machine, person
from tests.web.screens import loads
from tests.web.slow_site import in_pieces
from tests.web.test_accessibility import CUT, RUN, WCAG, told
from tests.web.test_first_screen import SHIFTS

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ADA, MINJI = "ada@example.org", "minji@example.org"
NAMES = [
    "김민지", "이서준", "박하윤", "Ada", "최도윤", "한소희", "정예준", "Yohannes", "강지우", "윤서아", "임시우",
    "Müller-Lüdenscheidt",
]  # fmt: skip
STATES = [
    (Status.RUNNING, Reason.DONE), (Status.STOPPED, Reason.IDLE), (Status.STOPPED, Reason.PERSON),
    (Status.STARTING, Reason.PERSON), (Status.RUNNING, Reason.DONE), (Status.STOPPED, Reason.BUDGET),
]  # fmt: skip
PAGES = {
    "overview": ("/admin/", ADA), "people": ("/admin/people/", ADA), "machines": ("/admin/fleet/", ADA),
    "activity": ("/admin/activity/", ADA), "costs": ("/admin/costs/", ADA), "rules": ("/admin/policy/", ADA),
    "check-up": ("/admin/doctor/", ADA), "my machine": ("/", MINJI), "my history": ("/history/", MINJI),
    "my costs": ("/costs/", MINJI), "my activity": ("/settings/activity/", MINJI), "help": ("/help/", MINJI),
}  # fmt: skip
WIDTHS = {320: 800, 1280: 900, 1920: 1080}
"""The widths and heights of windows, in pixels."""


@dataclass(frozen=True)
class Look:
    """One page in one way."""

    page: str
    language: str
    theme: str
    width: int

    def __str__(self) -> str:
        return f"{self.page} {self.language} {self.theme} {self.width}"


ALL = [Look(*each) for each in product(PAGES, ("ko", "en"), ("light", "dark"), WIDTHS)]


def furnish(people: int) -> None:
    """Make an administrator, one more person, and so many others with what they have done."""
    person(ADA, role=Role.ADMIN, name="Ada")
    minji = person(MINJI, name="김민지")
    if not people:
        return
    loads(machine(minji, minutes_ago=400), [40, 95, 99, 62, 3, 1, 0.4, 0.5, 12, 71, 70, 4, 0.3])
    for number in range(2, people):
        name = f"{NAMES[number % len(NAMES)]} {number}"
        waits = number % 8 == 2
        somebody = person(
            f"person{number}@insar.example.org", Approval.PENDING if waits else Approval.APPROVED, name=name
        )
        if waits or number % 3 == 0:
            continue
        status, reason = STATES[number % len(STATES)]
        row = machine(somebody, status, reason, minutes_ago=number * 7)
        days = [clock.now() - timedelta(days=day, minutes=number) for day in range(1, 6)]
        StatusChange.objects.bulk_create(
            StatusChange(instance=row, old=old, new=new, reason=why, at=day + timedelta(minutes=later))
            for day in days
            for old, new, why, later in (("STOPPED", "RUNNING", "PERSON", 0), ("RUNNING", "STOPPED", "IDLE", 95))
        )


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("people", [0, 3, 200])
def test_every_page_fits_everybody(site, browser, people, pytestconfig, tmp_path):
    pictures: Path | None = pytestconfig.getoption("--looks")
    looks = ALL if pictures else ALL[people % 13 :: 13]
    furnish(people)
    wrong = []
    with page_of(browser, site) as page:
        page.add_init_script(AXE_SCRIPT)
        page.add_init_script(SHIFTS)
        for look in looks:
            path, who = PAGES[look.page]
            page.emulate_media(color_scheme=look.theme)
            page.set_viewport_size({"width": look.width, "height": WIDTHS[look.width]})
            become(page, site, who, look.language)
            page.goto(path, wait_until="networkidle")
            wrong += told(page.evaluate(RUN, WCAG), f"{people} {look}")
            if (moved := page.evaluate("window.shifted")) > 0.001:
                wrong.append(f"{people} {look}: moves by {moved:.3f}: {page.evaluate('window.movers')}")
            if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
                wrong.append(f"{people} {look}: scrolls sideways")
            wrong += [f"{people} {look}: cut: {element}" for element in page.evaluate(CUT)]
            if pictures:
                name = f"{look.page} {people} {look.language} {look.theme} {look.width}".replace(" ", "-")
                page.screenshot(path=pictures / f"{name}.png", full_page=True)
    assert not wrong, "\n".join(wrong)


OTHERS = {
    "settings": ("/settings/", MINJI), "announcement": ("/admin/announcement/", ADA),
    "invite": ("/admin/people/invite/", ADA), "sign in": ("/accounts/login/", ""), "sign up": ("/accounts/signup/", ""),
}  # fmt: skip
SLOW = [
    "machines en 1280", "machines ko 320", "people en 1280", "my history ko 320", "activity ko 1280", "costs en 1280",
    "overview en 1280", "help ko 320", "rules en 1280", "my machine en 1280", "my machine ko 320", "check-up ko 1280",
    "my costs en 1280", "my activity ko 320", "settings en 1280", "settings ko 320", "announcement ko 1280",
    "sign in en 1280", "sign up ko 320", "invite en 1280", "help en 1280", "check-up en 320",
]  # fmt: skip


@pytest.mark.timeout(600)
def test_nothing_moves_while_a_page_arrives_in_pieces(site, browser):
    furnish(60)
    wrong = []
    with in_pieces(site) as slow, page_of(browser, slow) as page:
        page.add_init_script(SHIFTS)
        for look in SLOW:
            name, language, width = look.rsplit(" ", 2)
            path, who = (PAGES | OTHERS)[name]
            page.set_viewport_size({"width": int(width), "height": WIDTHS[int(width)]})
            become(page, slow, who, language)
            page.goto(path, wait_until="networkidle")
            assert page.locator("main h1").count() == 1
            if (moved := page.evaluate("window.shifted")) > 0.001:
                wrong.append(f"{look}: moves by {moved:.3f}: {page.evaluate('window.movers')}")
    assert not wrong, "\n".join(wrong)
