"""Two people do all there is by keyboard alone, and once more without JavaScript, in both languages."""

import re
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from playwright.sync_api import Page, expect

from ondol.accounts.models import Role
from ondol.instances.models import Instance
from ondol.instances.states import Status
from tests.instances.rig import Rig
from tests.web.browser import page_of
from tests.web.conftest import person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
MINJI = "minji@example.org"
PASSWORD = "따뜻한 마루와 찬 바람"
IS_FOCUSED = "element => element === document.activeElement"
HAS_RING = """element => { const style = getComputedStyle(element.matches(".visually-hidden, [type=checkbox]")
    ? element.closest("label") ?? element : element);
    return [style, getComputedStyle(element)].some(s => s.outlineStyle !== "none" || s.boxShadow !== "none"); }"""


@dataclass
class Mouse:
    """Somebody who clicks, in a browser without JavaScript."""

    page: Page
    options = {"java_script_enabled": False}

    def press(self, role, name, within=None):
        self._found(role, name, within).click()

    def write(self, label, text):
        self.page.get_by_label(label, exact=True).fill(text)

    def _found(self, role, name, within):
        return (within or self.page).get_by_role(role, name=name, exact=True).first

    def choose(self, way):
        self.press("link", way)
        expect(self.page.get_by_role("heading", name=way)).to_be_visible()

    def opens_menu(self):
        self.page.locator("#menu summary").click()

    def look(self):
        """Wait until a changing page shows what has changed; it loads itself again, at times."""
        self.page.goto(self.page.url)


@dataclass
class Keyboard(Mouse):
    """Somebody who has no mouse: Tab, Enter, Space and letters."""

    presses: int = field(default=0)
    options = {}

    def press(self, role, name, within=None):
        self._reach(self._found(role, name, within))
        self._key("Space" if role == "checkbox" else "Enter")

    def write(self, label, text):
        self._reach(self.page.get_by_label(label, exact=True))
        self.page.keyboard.insert_text(text)

    def choose(self, way):
        """Go to the tabs, and through them by arrows."""
        tabs, wanted = self.page.get_by_role("tab"), self.page.get_by_role("tab", name=way)
        self._reach(self.page.get_by_role("tab", selected=True))
        for _try in range(tabs.count()):
            if wanted.evaluate(IS_FOCUSED):
                break
            self._key("ArrowRight")
        expect(self.page.get_by_role("tabpanel", name=way)).to_be_visible()

    def opens_menu(self):
        self._reach(self.page.locator("#menu summary"))
        self._key("Enter")

    def look(self):
        """Come back to the window, which is when the page asks for news at once."""
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    def _reach(self, wanted):
        expect(wanted).to_be_visible()
        for _try in range(150):
            if wanted.evaluate(IS_FOCUSED):
                assert wanted.evaluate(HAS_RING), f"nobody sees where the keyboard is: {wanted}"
                return
            self._key("Tab")
        raise AssertionError(f"cannot be reached by Tab: {wanted}")

    def _key(self, name):
        self.page.keyboard.press(name)
        self.presses += 1


@contextmanager
def hands(kind, browser, site, email, language):
    with page_of(browser, site, email, language, **kind.options) as page:
        yield kind(page)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("kind", [Keyboard, Mouse], ids=["by keyboard", "without JavaScript"])
def test_all_there_is_can_be_done(site, browser, kind, language):
    ada = person("ada@example.org", role=Role.ADMIN)
    rig = Rig()
    with (
        translation.override(language),
        hands(kind, browser, site, "", language) as minji,
        hands(kind, browser, site, ada.email, language) as admin,
    ):
        signs_up(minji)
        admin.page.goto("/start/")
        approves(admin)
        minji.look()
        has_a_machine(minji, rig)
        works(minji, rig)
        administers(admin, rig)
    assert Instance.objects.get().status == Status.TERMINATED


def signs_up(minji):
    minji.page.goto("/")
    minji.press("link", _("Request an account"))
    minji.write(_("Email"), MINJI)
    minji.write(_("Password"), PASSWORD)
    minji.write(_("Name"), "김민지")
    minji.write(_("Affiliation"), "KIGAM")
    minji.write(_("What will you use the machine for?"), "InSAR")
    minji.press("button", _("Send the request"))
    expect(minji.page.get_by_role("heading", level=1)).to_be_visible()


def approves(admin):
    expect(admin.page.get_by_role("heading", level=1)).to_have_text(_("Overview"))
    admin.press("link", "김민지")
    admin.press("button", _("Approve"))
    expect(admin.page.locator(".approval-approved")).to_be_visible()


def has_a_machine(minji, rig):
    asks_for(minji, rig, _("Create my machine"), _("Creating"), _("Running"))
    with minji.page.expect_download() as download:
        minji.press("button", _("Download the key"))
    assert download.value.suggested_filename.endswith(".pem")


def works(minji, rig):
    for way in ("VS Code", _("macOS · Linux")):
        minji.choose(way)
    minji.press("button", _("1 hour"))
    expect(minji.page.get_by_role("button", name=_("End it now"))).to_be_visible()
    minji.press("button", _("End it now"))
    expect(minji.page.get_by_role("button", name=_("End it now"))).not_to_be_visible()
    asks_for(minji, rig, _("Stop"), _("Stopping"), _("Stopped"))
    asks_for(minji, rig, _("Start"), _("Starting"), _("Running"))
    minji.opens_menu()
    for name, path in ((_("History"), "/history/"), (_("Costs"), "/costs/"), (_("Help"), "/help/")):
        minji.press("link", name)
        expect(minji.page).to_have_url(re.compile(path + "$"))


def administers(admin, rig):
    admin.press("link", _("Machines"))
    admin.press("checkbox", _("Select %(name)s") % {"name": "김민지"})
    admin.press("button", _("Stop selected…"))
    admin.press("button", ngettext("Stop it", "Stop %(n)s machines", 1) % {"n": 1})
    expect(admin.page.locator("tbody .badge")).to_have_text(_("Stopping"))
    rig.work()
    rig.tick(2)
    admin.press("link", "김민지", admin.page.locator("tbody"))
    admin.press("link", _("Delete…"))
    admin.write(_("E-mail address of the owner"), MINJI)
    admin.press("button", _("Delete everything"))
    expect(admin.page).to_have_url(re.compile(r"/people/\d+/$"))
    rig.work()
    rig.tick(3)


def asks_for(minji, rig, button, meanwhile, at_last):
    badge = minji.page.locator(".badge").first
    minji.press("button", button)
    expect(badge).to_have_text(meanwhile)
    rig.work()
    rig.tick(2)
    minji.look()
    expect(badge).to_have_text(at_last)
