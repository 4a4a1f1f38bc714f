"""An event is one line of activity: steps of a move and letters of an act are not lines of their own."""

import csv
import io

from django.core.cache import cache
from django.http import QueryDict
from django.urls import reverse

from ondol import clock
from ondol.accounts import mail, people
from ondol.accounts.invitations import invite
from ondol.accounts.invited_rows import rows_of as rows_of_people
from ondol.accounts.models import User
from ondol.audit.actions import Action
from ondol.audit.models import Entry
from ondol.audit.record import write
from ondol.instances import moves
from ondol.instances.record import NOTHING
from ondol.instances.states import OURS, Reason, Status
from ondol.web.activity import kinds
from ondol.web.activity.entries import rows_of
from ondol.web.activity.filters import FilterForm
from ondol.web.activity.terms import LETTERS
from ondol.web.activity.words import told_of
from tests.web.activity_page import FILE, PAGE, acts
from tests.web.conftest import machine


def test_an_event_is_one_line_and_its_steps_are_there_if_asked_for(alice, bob, browser_of):
    row, browser = machine(bob, Status.STOPPED), browser_of(alice)
    before = len(acts(browser))
    moves.move(row, Status.STARTING, Reason.PERSON, by=bob)
    write(Action.AWS, on=bob, service="ec2", operation="StartInstances")
    moves.move(row, Status.RUNNING, Reason.DONE)
    assert acts(browser)[: len(acts(browser)) - before] == ["Start requested"]
    moves.move(row, Status.STOPPING, Reason.PERSON, by=bob)
    moves.move(row, Status.STOPPED, Reason.PERSON)
    assert acts(browser)[:2] == ["Stop requested", "Start requested"]
    moves.move(row, Status.STARTING, Reason.PERSON, by=bob)
    moves.move(row, Status.RUNNING, Reason.DONE)
    moves.move(row, Status.STOPPING, Reason.UNKNOWN)
    moves.move(row, Status.STOPPED, Reason.IDLE)
    assert acts(browser)[:2] == ["Automatic stop", "Start requested"]
    assert "idle" in browser.get(PAGE).text
    assert len(acts(browser, kind=kinds.WITH_STEPS)) == before + 9
    assert acts(browser, kind="aws") == ["Change in AWS"]


def test_the_filter_for_stops_has_each_once_with_its_true_cause(alice, bob, browser_of):
    row, browser = machine(bob, Status.RUNNING), browser_of(alice)
    for first, last, by in [
        (Reason.PERSON, Reason.PERSON, bob),
        (Reason.UNKNOWN, Reason.IDLE, None),
        (Reason.BUDGET, Reason.BUDGET, None),
        (Reason.SCHEDULE, Reason.SCHEDULE, None),
        (Reason.UNKNOWN, Reason.INSIDE, None),
    ]:
        moves.move(row, Status.STOPPING, first, by=by)
        moves.move(row, Status.STOPPED, last)
        moves.move(row, Status.STARTING, Reason.PERSON, by=bob)
        moves.move(row, Status.RUNNING, Reason.DONE)
    moves.write_line(row, Status.STOPPED, Status.STOPPED, Reason.RESIZED, NOTHING, at=clock.now())
    # Moves come from the worker, and in tests from no job: that is the command line.
    told = rows_of(FilterForm(QueryDict("kind=machine.stop")).found(Entry.objects.order_by("id")))
    assert [(one.who, one.act, one.told.partition(" · ")[0]) for one in told] == [
        ("", "Stop requested", row.instance_id),
        ("AWS", "Automatic stop", "idle"),
        ("command line", "Automatic stop", "budget used up"),
        ("command line", "Automatic stop", "hours over"),
        ("the machine itself", "Machine stopped", "from inside"),
    ]
    assert len(acts(browser, kind="machine.stop")) == 5
    _heads, *lines = csv.reader(io.StringIO(browser.get(FILE, {"kind": "machine.stop"}).text))
    assert len(lines) == 10, "a file has each step"
    assert [line[2:4] for line in lines if line[4].startswith("idle")] == [["AWS", "Automatic stop"]]
    assert not [line for line in lines if "AWS does not say why" in line[4]]


def test_a_stop_that_ondol_asks_for_is_one_line_whatever_its_reason(alice, bob, browser_of):
    row, browser = machine(bob, Status.RUNNING), browser_of(alice)
    for reason in OURS - {Reason.IDLE}:  # a stop that AWS begins
        before = len(acts(browser, kind="machine.stop"))
        moves.move(row, Status.STOPPING, reason)
        moves.move(row, Status.STOPPED, reason)
        assert len(acts(browser, kind="machine.stop")) == before + 1, reason
        moves.move(row, Status.STARTING, Reason.PERSON, by=bob)
        moves.move(row, Status.RUNNING, Reason.DONE)


def test_thirty_people_who_are_invited_are_thirty_lines_and_the_file_has_each_row(alice, browser_of):
    browser = browser_of(alice)
    before = acts(browser)
    for row in rows_of_people("\n".join(f"guest{number}@example.org,Guest,KIGAM" for number in range(3))):
        invite(row, alice)
    for guest in User.objects.filter(email__startswith="guest"):
        write(Action.LETTER, on=guest, letter="invitation")
    assert acts(browser) == ["Person invited"] * 3 + before
    assert acts(browser, kind=kinds.WITH_STEPS) == ["E-mail sent"] * 3 + ["Person invited"] * 3 + before
    assert acts(browser, kind="mail") == ["E-mail sent"] * 3
    for query in ({}, {"kind": kinds.WITH_STEPS}):
        told = [row[3] for row in csv.reader(io.StringIO(browser.get(FILE, query).text))]
        assert (told.count("Person invited"), told.count("E-mail sent")) == (3, 3)


def test_an_email_that_nobody_has_asked_for_is_a_line_of_its_own(alice, bob, browser_of):
    alone = {*LETTERS} - {*kinds.LETTERS_OF_ACTS}
    for letter in alone:
        write(Action.LETTER, on=bob, letter=letter)
    write(Action.LETTER, on=bob)
    assert acts(browser_of(alice)).count("E-mail sent") == len(alone) + 1
    assert {*kinds.LETTERS_OF_ACTS} < {*LETTERS}


def test_each_link_to_confirm_an_address_has_its_line(alice, bob, browser_of):
    browser, his = browser_of(alice), browser_of(bob)
    before = len(acts(browser))
    for act in ("action_add", "action_send", "action_send"):
        cache.clear()  # three minutes later
        his.post(reverse("account_email"), {"email": "robert@example.org", act: ""})
        write(Action.LETTER, on=bob, letter="email_confirmation", to="robert@example.org")
    assert acts(browser)[: len(acts(browser)) - before] == ["Change of e-mail address requested"] * 3
    write(Action.LETTER, on=bob, letter="email_confirmation")
    assert acts(browser)[0] == "E-mail sent", "to his own address, without another act"


def test_a_day_has_the_form_of_all_pages(alice, browser_of):
    write(Action.RATE, by=alice, krw="1400", as_of="2026-06-03")
    write(Action.ANNOUNCE_END, by=alice, text_en="Maintenance", kind="WARNING")
    page = browser_of(alice).get(PAGE).text
    assert "of 3 Jun 2026" in page
    assert "Warning · “Maintenance”" in page


def test_a_start_that_comes_to_nothing_is_told(alice, bob, browser_of):
    row, browser = machine(bob, Status.STARTING), browser_of(alice)
    moves.move(row, Status.STOPPED, Reason.TOO_LATE)
    assert acts(browser)[0] == "Machine stopped"


def test_a_letter_that_was_sent_is_told(bob, alice, browser_of):
    people.suspend(bob.pk, alice)
    bob.refresh_from_db()
    mail.send("decision", bob, bob)
    sent = Entry.objects.get(action=Action.LETTER)
    assert (sent.on_id, told_of(sent)) == (bob.pk, "decision about the account")
    assert acts(browser_of(alice), kind="mail") == ["E-mail sent"]
