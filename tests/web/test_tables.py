"""Tables of administrators: sorting, filters, pages, and acts on several rows."""

import csv
import io
import re
from itertools import product

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ondol.accounts import admin_messages
from ondol.accounts.models import Approval, Role, User
from ondol.audit.models import Entry
from ondol.instances import admin_letters
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.web.machines import page as machines
from ondol.web.people import page as people
from tests.web.conftest import confirmed, machine, person

PAGES = [("admin_people", people), ("admin_fleet", machines)]


def queries_of(browser, address):
    with CaptureQueriesContext(connection) as caught:
        assert browser.get(address).status_code == 200
    return len(caught)


def test_each_order_and_filter_takes_the_same_few_queries_for_many_as_for_few(alice, browser_of):
    browser = browser_of(alice)
    addresses = []
    for name, table in PAGES:
        sorts = [f"{sign}{one.key}" for one in table.COLUMNS if one.order for sign in ("", "-")]
        chips = [f"{one.key}={choice.value}" for one in table.FILTERS for choice in one.choices]
        addresses += [f"{reverse(name)}?sort={sort}&page=2" for sort in sorts]
        addresses += [f"{reverse(name)}?{chip}&q=example" for chip in chips]
    _some(2)
    for address in addresses:  # what is read once and kept
        browser.get(address)
    few = [queries_of(browser, address) for address in addresses]
    _some(60)
    browser.get(reverse("admin_costs"))  # which prepares the costs
    many = [queries_of(browser, address) for address in addresses]
    assert len(addresses) > 25
    assert [(address, a, b) for address, a, b in zip(addresses, few, many, strict=True) if b > max(a, max(few))] == []
    assert max(many) <= 26


def _some(count):
    states = [Status.RUNNING, Status.STOPPED, Status.STARTING, Status.FAILED]
    for n in range(count):
        machine(person(f"row{count}-{n}@example.org"), states[n % 4], key=False)
        person(f"wait{count}-{n}@example.org", [Approval.PENDING, Approval.REJECTED, Approval.SUSPENDED][n % 3])


def test_what_no_column_knows_is_left_aside(alice, bob, carol, browser_of):
    machine(bob)
    browser = browser_of(alice)
    odd = ["password", "-", "--name", "owner__password", "name\x00", "\ud55c"]
    for (name, _table), sort, page in product(PAGES, odd, ["0", "-1", "x", "9" * 30]):
        query = {"sort": sort, "page": page, "approval": "x", "status": "'", "q": "\x00"}
        assert browser.get(reverse(name), query).status_code == 200


def test_heads_sort_both_ways_and_say_so(alice, bob, carol, browser_of):
    page = browser_of(alice).get(reverse("admin_people"), {"sort": "-name"})
    assert [entry.person.name for entry in page.context["page"].entries] == ["Carol", "Bob", "Alice"]
    assert 'aria-sort="descending"' in page.text
    assert 'href="?sort=name#table"' in page.text
    assert page.text.count("aria-sort") == 1


@pytest.mark.parametrize(("name", "table"), PAGES)
def test_every_column_but_the_first_can_be_left_out_and_links_keep_that(name, table, alice, browser_of):
    machine(alice)
    browser = browser_of(alice)
    for number, column in enumerate(table.COLUMNS, 1):
        page = browser.get(reverse(name), {"hide": f"{column.key}.nothing", "q": "Alice"})
        is_optional = number > 1 and not column.is_hidden
        assert (f'data-without="{number}"' in page.text) == is_optional
        assert all(
            ("hide=" in url) == is_optional for url in re.findall(r'columnheader[^>]*>\s*<a href="([^"]*)', page.text)
        )
        assert ('name="hide"' in page.text) == is_optional


def test_bulk_acts_take_each_person_once_and_say_what_was_not_done(alice, bob, carol, dan, browser_of):
    browser = browser_of(alice)
    chosen = [carol.pk, carol.pk, dan.pk, bob.pk, 10**6, 10**30, "x"]
    page = browser.post(reverse("admin_decide"), {"decision": "reject", "people": chosen, "reason": "No."}, follow=True)
    assert "Only a waiting request can be rejected" in page.text
    assert "Bob:" in page.text
    assert "There is no such person." in page.text
    assert User.objects.get(pk=carol.pk).approval == Approval.REJECTED
    assert User.objects.get(pk=bob.pk).approval == Approval.APPROVED
    assert Entry.objects.filter(action="person.reject", on_id=carol.pk, outcome="done").count() == 1
    assert Entry.objects.get(action="person.reject", on_id=bob.pk).code == "not_waiting"


def test_the_administrator_cannot_suspend_or_reject_herself(alice, bob, browser_of):
    User.objects.filter(pk=bob.pk).update(role=Role.ADMIN)
    browser = browser_of(alice)
    for decision in ("suspend", "reject"):
        data = {"decision": decision, "people": [alice.pk], "reason": "Tired."}
        browser.post(reverse("admin_decide"), data)
        browser.post(reverse(f"admin_{decision}", args=[alice.pk]), data)
    assert User.objects.get(pk=alice.pk).approval == Approval.APPROVED


def test_machines_of_several_are_stopped_started_and_kept_awake_and_owners_are_told(alice, bob, carol, browser_of):
    dora = person("dora@example.org")
    machine(bob)
    machine(dora, Status.STOPPED)
    browser, act = browser_of(alice), reverse("admin_fleet_act")
    page = browser.post(act, {"act": "awake", "hours": "4", "people": [bob.pk, dora.pk, carol.pk]}, follow=True).text
    assert "1 machine is kept awake until " in page
    assert "Dora: the machine is not running" in page
    assert "Carol: has no machine" in page or "Carol: is not approved" in page
    page = browser.post(act, {"act": "start", "people": [bob.pk, dora.pk]}, follow=True).text
    assert Instance.objects.get(owner=dora).status == Status.STARTING
    page = browser.post(reverse("admin_stop"), confirmed(bob, alice), follow=True).text
    assert "1 machine is stopping" in page
    assert "Alice: has no machine" in page
    change = Instance.objects.get(owner=dora).changes.last()
    assert (change.by, change.reason) == (alice, "ADMIN")
    admin_letters.tell("machine.start", dora.pk, alice.pk)
    assert mail.outbox[0].to == ["dora@example.org"]
    assert "Alice (alice@example.org)" in mail.outbox[0].body


def test_creating_for_somebody_goes_by_their_approval_and_names_the_administrator(alice, bob, carol, browser_of):
    browser, create = browser_of(alice), reverse("admin_fleet_create")
    assert "There is no account" in browser.post(create, {"email": "x@example.org"}).text
    browser.post(create, {"email": "carol@example.org"})
    browser.post(create, {"email": " BOB@example.org"})
    row = Instance.objects.get()
    assert (row.owner, row.run.by, row.changes.get().by) == (bob, alice, alice)
    assert Entry.objects.get(action="machine.create", outcome="done").by_id == alice.pk


def test_a_message_is_one_letter_each_with_nothing_injected_and_a_limit(alice, bob, carol, browser_of):
    browser = browser_of(alice)
    data = {"people": [bob.pk, bob.pk], "subject": "Hello\r\nBcc: eve@example.org", "text": "Power cut on Friday."}
    refused = browser.post(reverse("admin_message"), data)
    assert not Entry.objects.filter(action="person.message").exists() or "Bcc" not in refused.text
    data["subject"] = "Power cut"
    for _ in range(6):
        last = browser.post(reverse("admin_message"), data, follow=True)
    rows = Entry.objects.filter(action="person.message", on_id=bob.pk)
    assert rows.filter(outcome="done").count() == 5
    assert rows.get(outcome="refused").code == "too_many_messages"
    assert "Too many messages" in last.text
    admin_messages.send(rows.filter(outcome="done").first().pk)
    assert mail.outbox[0].to == ["bob@example.org"]
    assert "Power cut on Friday." in mail.outbox[0].body
    assert "alice@example.org" in mail.outbox[0].body


def test_the_selected_are_exported_without_formulas(alice, bob, browser_of):
    User.objects.filter(pk=bob.pk).update(name="=cmd()")
    browser = browser_of(alice)
    found = browser.post(reverse("admin_people_csv"), {"people": [bob.pk]}).content.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(found)))
    assert [row[1] for row in rows[1:]] == ["bob@example.org"]
    assert rows[1][0] == "'=cmd()"


@pytest.mark.parametrize("name", ["admin_overview", "admin_month", "admin_find", "admin_people_csv"])
def test_researchers_get_none_of_it(bob, browser_of, name):
    assert browser_of(bob).get(reverse(name)).status_code == 403


def test_the_palette_finds_people_and_their_machines(alice, bob, browser_of):
    row = machine(bob)
    browser = browser_of(alice)
    for words in ("bob@", "BOB", row.instance_id):
        (found,) = browser.get(reverse("admin_find"), {"q": words}).json()["people"]
        assert (found["name"], found["state"]) == ("Bob", "Running")
    assert browser.get(reverse("admin_find"), {"q": "\x00"}).json() == {"people": []}


def test_the_overview_tells_who_waits_what_runs_and_what_needs_a_look(alice, bob, carol, browser_of):
    machine(bob, armed_at=None)
    page = browser_of(alice).get(reverse("admin_overview")).text
    for words in ("1 request waiting", "1 machine running, $0.031/h", "1 running machine is not armed", "Saved by"):
        assert words in page


def test_administrators_without_a_machine_begin_at_the_overview(alice, bob, carol, browser_of):
    def where(user):
        return browser_of(user).get(reverse("landing")).url

    assert (where(alice), where(bob), where(carol)) == (reverse("admin_overview"), "/", "/")
    machine(alice)
    assert where(alice) == "/"
