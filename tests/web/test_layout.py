"""Where things stand on administrators' pages: inside their cards, on one line, whole."""

import pytest

from tests.web.browser import page_of
from tests.web.conftest import ALICE, machine, person
from tests.web.screens import loads

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
OTTO = "otto.mueller@insar.example.org"
MACHINES, PEOPLE, ACTIVITY, OVERVIEW = "/admin/fleet/", "/admin/people/", "/admin/activity/", "/admin/"
LINES = "element => { const r = document.createRange(); r.selectNodeContents(element); \
return new Set([...r.getClientRects()].map(one => Math.round(one.top))).size; }"
CUT = "all => all.map(one => { const r = document.createRange(), text = one.firstChild; r.setStart(text, 0); \
r.setEnd(text, text.data.search(/[\\s\\u00a0]|$/)); return r.getClientRects().length > 1; })"
BASELINE = "element => { const mark = document.createElement('span'); mark.style.display = 'inline-block'; \
element.append(mark); const at = mark.getBoundingClientRect().bottom; mark.remove(); return at; }"


@pytest.fixture
def otto(alice):
    """Return Otto, whose name and address are long; his machine has been idle since yesterday."""
    otto = person(OTTO, name="Otto Müller-Lüdenscheidt")
    loads(machine(otto, minutes_ago=1500), [40, 95, 99, 1, 0.4, 0.5, 0.3])
    return otto


@pytest.mark.parametrize("width", [1280, 1920])
def test_the_table_of_machines_ends_inside_its_card(site, browser, otto, width):
    with page_of(browser, site, ALICE, width=width) as page:
        page.goto(MACHINES)
        card = page.locator(".table-card").bounding_box()
        table = page.locator(".fleet-table").bounding_box()
        assert table["x"] + table["width"] <= card["x"] + card["width"] - 16
        assert page.locator(".fleet-table tbody th .two").evaluate(LINES) == 1


def test_pills_and_words_of_a_row_stand_on_one_line(site, browser, otto):
    with page_of(browser, site, ALICE, width=1920) as page:
        page.goto(MACHINES)
        row = page.locator(".fleet-table tbody tr")
        parts = [".badge", "td:nth-child(3) .soft", "td:nth-child(5)"]
        heights = [row.locator(part).first.evaluate(BASELINE) for part in parts]
        assert max(heights) - min(heights) < 1.5, heights


@pytest.mark.parametrize("path", [MACHINES, PEOPLE])
def test_boxes_of_rows_stand_below_that_of_the_head_and_end_with_the_card(site, browser, otto, path):
    with page_of(browser, site, ALICE) as page:
        page.goto(path)
        boxes = [page.locator(f".table {part} .box input").first for part in ("thead", "tbody")]
        head, row = [box.bounding_box() for box in boxes]
        assert head["x"] == row["x"]
        page.set_viewport_size({"width": 320, "height": 800})
        row, table = boxes[1].bounding_box(), page.locator(".table").bounding_box()
        assert row["x"] + row["width"] == table["x"] + table["width"]


def test_an_address_is_whole_in_the_record(site, browser, otto):
    with page_of(browser, site, ALICE) as page:
        page.goto(ACTIVITY)
        whole = page.locator(".record-table .two").filter(has_text=OTTO).first
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 800})
            assert whole.evaluate(LINES) == 1, width
        assert "On whom" in page.locator("[data-label]").evaluate_all("all => all.map(one => one.dataset.label)")


def test_names_and_addresses_break_late_on_narrow_screens(site, browser, otto):
    person("waits.so.long@insar.example.org", "PENDING")
    with page_of(browser, site, ALICE, width=320) as page:
        page.goto(PEOPLE)
        assert page.locator(".people tbody a").filter(has_text="Otto").evaluate(LINES) == 1
        page.goto(OVERVIEW)
        cut = page.locator(".queue-who .soft").evaluate_all(CUT)
        assert cut
        assert not any(cut)


def test_amounts_and_words_start_at_the_left_on_narrow_screens(site, browser, otto):
    with page_of(browser, site, ALICE, width=320) as page:
        page.goto(PEOPLE)
        cells = page.locator(".people tbody td.amount, .people tbody td.nowrap")
        assert set(cells.evaluate_all("all => all.map(one => getComputedStyle(one).textAlign)")) == {"left"}


def test_nothing_is_done_with_nobody_selected(site, browser, otto):
    with page_of(browser, site, ALICE) as page:
        page.goto(MACHINES)
        hours = page.locator("#awake-hours")
        assert hours.is_disabled()
        page.goto(PEOPLE)
        folded = page.locator(".bulk-bar details")
        assert folded.evaluate("one => one.inert")
        page.locator(".people tbody [data-select]").first.check()
        assert not folded.evaluate("one => one.inert")
        folded.locator("summary").click()
        assert page.get_by_role("button", name="Suspend selected").is_enabled()


def test_buttons_of_one_row_have_one_size(site, browser, otto):
    person("waits@example.org", "PENDING")
    person("waits.too@example.org", "PENDING")
    with page_of(browser, site, ALICE) as page:
        page.goto(PEOPLE)
        buttons = page.locator(".queue-row .acts").first.locator("> *")
        assert len(set(buttons.evaluate_all("all => all.map(one => one.offsetHeight)"))) == 1
        boxes = [page.locator(".queue-row .box input").first, page.locator(".pick-all input")]
        assert len({box.bounding_box()["x"] for box in boxes}) == 1
        invite = page.locator(".card-head .button").first.bounding_box()
        page.goto(MACHINES)
        assert page.locator(".card-head summary").bounding_box()["height"] == invite["height"]
