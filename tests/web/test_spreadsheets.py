"""Whoever downloads a table leaves a row in the record, and nothing in the file is a formula."""

import csv
import io
import re
from pathlib import Path

import pytest
from django.urls import reverse

import ondol
from ondol.accounts.models import User
from ondol.audit.models import Entry
from ondol.audit.record import Action, write
from ondol.web.activity.words import told_of
from ondol.web.spreadsheet import cell
from tests.web.conftest import person
from tests.web.routes import routes
from tests.web.test_costs_pages import NOON, ran

HOSTILE = [
    *("=1+1", "+1", "-2", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1+1", "＠x", "a;=1", "a\t+1", "a\n@x"),
    *('Carol;"=HYPERLINK(1);', "Lab;\"=cmd|'/c calc'!A0;", 'a\t"+1', 'a\n""@x', 'a; " "-2', '"=1', '""＝1', ' "+1'),
]
_BEGINS = re.compile(r"\s*[=+@\-＝＋－＠]|[\t\r]")
_CALCULATES = re.compile(r'[\s"]*[=+@\-＝＋－＠]')
"""Read with another separator, the end of a line may be the beginning of a cell: that is no formula yet."""


def lines_of(answer, delimiter=","):
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=delimiter))


@pytest.fixture
def hostile(alice, machines_clock):
    """People whose names and affiliations a spreadsheet would calculate, with machines and rows in the record."""
    machines_clock.freeze(NOON)
    people = []
    for number, text in enumerate(HOSTILE):
        whose = person(f"h{number}@example.org")
        ran(whose)
        User.objects.filter(pk=whose.pk).update(name=text, affiliation=text)
        write(Action.TOKEN_MAKE, by=whose, on=whose, name=text)
        people.append(whose)
    return people


def test_every_table_that_is_downloaded_is_in_the_record_and_has_no_formula(alice, hostile, browser_of):
    found = set()
    for route in routes():
        if route.is_api:
            continue
        before = Entry.objects.filter(action=Action.EXPORT).count()
        answer = browser_of(alice).get(route.path(hostile[0].pk), {"month": "2026-06"})
        if not answer.headers.get("Content-Type", "").startswith("text/csv"):
            assert Entry.objects.filter(action=Action.EXPORT).count() == before
            continue
        found.add(route.name)
        noted = Entry.objects.filter(action=Action.EXPORT).order_by("-id")
        assert noted.count() == before + 1, route.name
        assert (noted[0].by_id, noted[0].details["rows"]) == (alice.pk, len(lines_of(answer)) - 1)
        cells = [part for line in lines_of(answer) for part in line]
        parts = [part for whole in cells for part in (whole, *re.split(r"[;\t\n]", whole)[1:])]
        assert [part for part in parts if _BEGINS.match(part)] == [], route.name
        assert any(part.startswith("'=1+1") for part in parts), route.name
        for delimiter in ";\t":  # as spreadsheets of other countries read the same file
            assert [part for line in lines_of(answer, delimiter) for part in line if _CALCULATES.match(part)] == []
    assert found == {"admin_people_csv", "admin_activity_csv", "admin_costs_csv"}, "nothing else was found"


@pytest.mark.parametrize("words", ["text/csv; charset", "csv.writer("])
def test_no_other_code_makes_such_a_file(words):
    root = Path(ondol.__file__).parent
    assert [file.relative_to(root) for file in root.rglob("*.py") if words in file.read_text()] == [
        Path("web/spreadsheet.py")
    ]


@pytest.mark.parametrize(
    ("name", "query", "wanted"),
    [
        ("admin_people_csv", {}, {"what": "people"}),
        ("admin_people_csv", {"q": "h1@", "sort": "-cost"}, {"what": "people", "filter": "q=h1%40", "rows": 1}),
        ("admin_people_csv", {"approval": "PENDING", "role": "x"}, {"filter": "approval=PENDING", "rows": 0}),
        ("admin_costs_csv", {"month": "2026-06"}, {"what": "costs", "month": "2026-06", "rows": len(HOSTILE)}),
        ("admin_costs_csv", {"month": "2026-06", "q": "h1@"}, {"filter": "q=h1%40", "month": "2026-06", "rows": 1}),
        ("admin_activity_csv", {"kind": "token.make", "q": "h1@"}, {"filter": "q=h1%40&kind=token.make", "rows": 1}),
    ],
)
def test_the_row_says_what_was_looked_for_and_how_much_was_taken(alice, hostile, browser_of, name, query, wanted):
    assert browser_of(alice).get(reverse(name), query).status_code == 200
    row = Entry.objects.get(action=Action.EXPORT)
    assert wanted.items() <= row.details.items()
    assert ("filter" in row.details) is ("filter" in wanted)
    assert ("a part of it" in told_of(row)) is ("filter" in wanted)


def test_a_file_of_the_selected_says_so_and_nobody_selected_is_no_file(alice, hostile, browser_of):
    browser = browser_of(alice)
    browser.post(reverse("admin_people_csv"), {"people": [hostile[0].pk, hostile[1].pk]})
    row = Entry.objects.get(action=Action.EXPORT)
    assert (row.details["selected"], row.details["rows"]) == (True, 2)
    answer = browser.post(reverse("admin_people_csv"), {"back": "?q=h"}, follow=True)
    assert "Select at least one row." in answer.text
    assert answer.redirect_chain == [(f"{reverse('admin_people')}?q=h", 302)]
    assert Entry.objects.filter(action=Action.EXPORT).count() == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_begins_no_formula_and_stays_readable(text):
    assert cell(text).replace("'", "") == text.replace("'", "")
    assert not _BEGINS.match(cell(text))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_no_formula_whatever_separates_the_cells_of_its_reader(text, delimiter):
    file = io.StringIO(newline="")
    csv.writer(file).writerows([[cell(text), cell(text)], [cell(text)]])
    read = csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=delimiter)
    assert [part for line in read for part in line if _CALCULATES.match(part)] == []
