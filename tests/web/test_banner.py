"""The announcement is aligned with the page below it, and is not printed."""

from datetime import timedelta

import pytest

from ondol import clock
from ondol.accounts.models import Role, User
from ondol.announcements import acts
from ondol.announcements.models import Announcement
from tests.web.browser import page_of
from tests.web.conftest import person

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ADA = "ada@example.org"
LEFT = """selector => { const words = document.createRange();
    words.selectNodeContents(document.querySelector(selector)); return words.getBoundingClientRect().left; }"""


@pytest.fixture
def shown(db):
    ada = person(ADA, role=Role.ADMIN)
    acts.show(Announcement(text_en="Maintenance", until=clock.now() + timedelta(hours=2)), User.objects.get(pk=ada.pk))


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/admin/", ".table-card h2"), ("/", ".column h1"), ("/admin/announcement/", ".card h1"),
        ("/settings/", ".card h2"), ("/admin/costs/", ".table-card h2"),
    ],
)  # fmt: skip
def test_its_text_begins_where_that_of_the_cards_does(site, browser, shown, path, words, width):
    with page_of(browser, site, ADA, width=width) as page:
        page.goto(path)
        assert abs(page.evaluate(LEFT, "#banner p") - page.evaluate(LEFT, words)) <= 1


def test_it_is_not_printed_on_the_sheet_of_costs(site, browser, shown):
    with page_of(browser, site, ADA) as page:
        page.goto("/admin/costs/")
        assert page.locator("#banner p").is_visible()
        page.emulate_media(media="print")
        assert not page.locator("#banner p").is_visible()
        assert page.locator("h1").is_visible()
