"""Activity: what the record tells people, how it is narrowed, and what it costs however long it is."""

import csv
import io
import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ondol import clock
from ondol.accounts.models import User
from ondol.audit.actions import Action, Source
from ondol.audit.models import Entry
from ondol.audit.record import write
from ondol.instances.models import StatusChange
from ondol.web.activity.page import PER_PAGE
from tests.web.activity_page import FILE, MINE, PAGE, acts
from tests.web.conftest import machine, person


def test_people_are_found_by_name_and_address_also_of_former_accounts(alice, bob, carol, browser_of):
    browser = browser_of(alice)
    User.objects.filter(pk=bob.pk).update(name="이준호")
    write(Action.KEY_READ, by=bob, on=bob)
    write(Action.BUDGET, by=alice, on=carol, usd="10")
    carol.delete()
    page = browser.get(PAGE).text
    assert "이준호" in page
    assert "bob@example.org" in page
    assert "former account" in page
    assert acts(browser, q="준호", kind="access") == ["Private key downloaded"]
    assert acts(browser, q="BOB@", kind="access") == ["Private key downloaded"]
    assert acts(browser, q="carol", kind="rules") == ["Budget changed"]
    assert acts(browser, q="nobody") == []
    assert "Nothing matches." in browser.get(PAGE, {"q": "nobody"}).text


def test_of_more_people_than_a_thousand_with_one_name_nobody_is_left_out(alice, browser_of):
    User.objects.bulk_create(User(email=f"u{n}@insar.example.org", name=f"Radar {n}") for n in range(1001))
    them = User.objects.filter(name__startswith="Radar")
    for user in (them.earliest("pk"), them.latest("pk")):
        Entry.objects.create(action=Action.KEY_READ, source="page", on_id=user.pk, on_email="old@example.org")
    assert acts(browser_of(alice), q="Radar") == ["Private key downloaded"] * 2


def test_an_ip_address_finds_what_came_from_there(alice, browser_of):
    Entry.objects.create(action=Action.SIGN_IN, source="page", address="203.0.113.9")
    Entry.objects.create(action=Action.SIGN_OUT, source="page", address="203.0.113.90")
    assert acts(browser_of(alice), q="203.0.113.9") == ["Sign-in"]


WRONG = [
    *({"since": day} for day in ("x", "2026-13-01", "9999-12-31", "0001-01-01", "03.06.2026", "１")),
    *({"kind": "x"}, {"kind": "machine.fly"}, {"outcome": "DONE"}, {"q": "a" * 300}, {"q": "a\x00b"}),
    {"since": "2026-06-04", "until": "2026-06-03"},
    {"kind": ["", "x"]},
]


@pytest.mark.parametrize("query", WRONG, ids=str)
def test_a_wrong_filter_says_so_and_exports_nothing(alice, bob, browser_of, query):
    browser = browser_of(alice)
    write(Action.KEY_READ, by=bob, on=bob)
    page = browser.get(PAGE, query)
    assert page.status_code == 200
    assert "field-wrong" in page.text
    assert "Nothing was looked for" in page.text
    assert "Download as CSV" not in page.text
    before = Entry.objects.count()
    answer = browser.get(FILE, query)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "field-wrong" in answer.text
    assert "bob@example.org" not in answer.text
    assert Entry.objects.count() == before


def test_a_file_has_exactly_what_is_looked_for(alice, bob, browser_of):
    browser = browser_of(alice)
    write(Action.TOKEN_MAKE, by=bob, on=bob, name="=1+1", days=90)
    write(Action.TOKEN_MAKE, by=bob, on=bob, name="a;=2+2", days=90)
    write(Action.RATE, by=alice, krw="1400")
    told = browser.get(FILE, {"kind": "token.make", "page": "7"}).text
    heads, *rows = csv.reader(io.StringIO(told.removeprefix("\ufeff")))
    assert (len(heads), [row[3] for row in rows]) == (15, ["API token created"] * 2)
    assert json.loads(rows[1][12]) == {"name": "=1+1", "days": 90}
    cells = [part for row in rows for cell in row for part in re.split(r"[;\t]", cell)]
    assert not [cell for cell in cells if re.match(r"\s*[=+@]", cell)]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_no_two_columns_of_the_file_have_one_name(alice, browser_of, language):
    told = browser_of(alice, language).get(FILE).text
    heads = next(csv.reader(io.StringIO(told.removeprefix("\ufeff"))))
    assert len({*heads}) == len(heads) == 15
    assert {"en": "Details (JSON)", "ko": "상세 내용(JSON)"}[language] in heads


def test_a_day_is_a_day_of_this_place(alice, browser_of):
    day = timezone.localdate(clock.now()) - timedelta(days=3)
    begin = timezone.make_aware(timezone.datetime(day.year, day.month, day.day))
    for minutes in (-1, 0, 1439, 1440):
        Entry.objects.create(action=Action.RATE, source="page", at=begin + timedelta(minutes=minutes))
    assert len(acts(browser_of(alice), since=str(day), until=str(day))) == 2


def test_pages_go_back_and_forth_with_their_filters(alice, bob, browser_of):
    browser = browser_of(alice)
    for number in range(2 * PER_PAGE + 3):
        write(Action.TOKEN_USE, by=bob, on=bob, name=f"n{number}")
        write(Action.SIGN_IN, by=bob, on=bob)
    seen, address = [], f"{PAGE}?kind=token.use"
    while address:
        page = browser.get(address).text
        seen.append(re.findall(r"“n(\d+)”", page))
        found = re.search(r'href="(\?[^"]*before=[^"]*)#table"', page)
        address = f"{PAGE}{found[1].replace('&amp;', '&')}" if found else ""
    assert [len(one) for one in seen] == [PER_PAGE, PER_PAGE, 3]
    assert [int(one) for page in seen for one in page] == list(reversed(range(2 * PER_PAGE + 3)))
    newer = re.search(r'href="(\?[^"]*after=[^"]*)#table"', page)[1].replace("&amp;", "&")
    assert re.findall(r"“n(\d+)”", browser.get(f"{PAGE}{newer}").text) == seen[1]
    for wrong in ("x", "-1", "9" * 30, "１", "", "\x00"):
        assert re.findall(r"“n(\d+)”", browser.get(PAGE, {"kind": "token.use", "before": wrong}).text) == seen[0]
    assert acts(browser, kind="token.use", before="0") == [], "there is nothing before it"


def test_a_page_takes_the_same_few_queries_for_many_rows_as_for_few(alice, bob, browser_of):
    browser = browser_of(alice)
    counts = []
    for number in (3, PER_PAGE):
        for n in range(number):
            write(Action.KEY_READ, by=person(f"p{number}-{n}@example.org"), on=bob, machine=str(machine_of(bob).pk))
        with CaptureQueriesContext(connection) as caught:
            browser.get(f"{PAGE}?kind=key.read")
        counts.append(len(caught))
    assert counts[1] <= counts[0] <= 16
    assert not [one["sql"] for one in caught if "COUNT(" in one["sql"] and "audit_entry" in one["sql"]]


def machine_of(user):
    return user.instances.first() or machine(user)


def test_what_is_older_than_the_record_is_at_its_end(alice, bob, browser_of):
    row, browser = machine(bob), browser_of(alice)
    long_ago = clock.now() - timedelta(days=900)
    StatusChange.objects.create(instance=row, old="RUNNING", new="STOPPED", reason="IDLE", at=long_ago)
    assert "Before the record began" in browser.get(PAGE).text
    assert "Before the record began" not in browser.get(PAGE, {"kind": "people"}).text
    for _ in range(PER_PAGE + 1):
        write(Action.RATE, krw="1400")
    assert "Before the record began" not in browser.get(PAGE).text


def test_people_read_their_own_part_without_where_others_came_from(alice, bob, carol, browser_of):
    for number, (by, on) in enumerate([(bob, bob), (alice, bob), (carol, carol)]):
        Entry.objects.create(
            action=Action.KEY_READ, source=Source.PAGE, address=f"203.0.113.{number}", agent="Firefox Linux",
            by_id=by.pk, by_email=by.email, on_id=on.pk, on_email=on.email,
        )  # fmt: skip
    page = browser_of(bob).get(MINE).text
    assert "203.0.113.0" in page
    assert "203.0.113.1" not in page
    assert "203.0.113.2" not in page
    assert "/admin/" not in page
    assert "carol@example.org" not in browser_of(bob).get(MINE, {"q": "carol"}).text
    assert acts(browser_of(bob), MINE, kind="sign_out") == []
    assert "field-wrong" in browser_of(bob).get(MINE, {"kind": "x"}).text


def test_bob_is_not_named_in_his_own_part_but_others_are(alice, bob, browser_of):
    write(Action.KEY_READ, by=bob, on=bob)
    page = browser_of(bob).get(MINE).text
    assert "Private key downloaded" in page
    assert "bob@example.org" not in page
    assert "On whom" not in page
    write(Action.ROLE, by=alice, on=bob, role="ADMIN")
    assert "by Alice" in browser_of(bob).get(MINE).text
    write(Action.BUDGET, by=bob, on=alice, usd="10")
    assert "On whom: Alice" in browser_of(bob).get(MINE).text


@pytest.mark.parametrize(("path", "menu"), [(MINE, "/settings/"), ("/history/", "/")])
def test_pages_below_an_item_of_the_menu_lead_back_to_it(bob, browser_of, path, menu):
    page = browser_of(bob).get(path).text
    assert re.search(rf'<a href="{menu}"\s+aria-current="true"', page)
    assert re.search(rf'class="crumb"><a href="{menu}"', page)
    assert 'body class="wide"' not in page, "the header would stand elsewhere"
