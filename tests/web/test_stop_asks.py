"""Alice administrates. Before she stops somebody else's machine she reads whose it is, what runs and what is lost."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ondol import clock
from ondol.audit.models import Entry
from ondol.autostop.awake import keep_awake
from ondol.instances import moves
from ondol.instances.models import Instance
from ondol.instances.states import Reason, Status
from ondol.web.machines.stop import mark_of
from tests.web.conftest import confirmed, machine, person
from tests.web.screens import loads

pytestmark = pytest.mark.django_db
ACT, ASK = "/admin/fleet/act/", "/admin/fleet/stop/"


def status(owner):
    return Instance.objects.get(owner=owner).status


@pytest.mark.parametrize(
    ("said", "back"),
    [
        ({"stop": "{pk}", "from": "machines", "back": "?sort=-cost&q=x"}, "/admin/fleet/?sort=-cost&amp;q=x"),
        ({"act": "stop", "people": "{pk}", "from": "machines"}, "/admin/fleet/"),
        ({"stop": "{pk}", "from": "overview"}, "/admin/"),
        ({"stop": "{pk}", "from": "person"}, "/admin/people/{pk}/"),
        ({"stop": "{pk}", "back": "https://evil.example/\x00"}, "/admin/fleet/?https%3A%2F%2Fevil.example%2F="),
    ],
)
def test_the_machine_of_bob_is_not_stopped_before_alice_has_read_what_is_lost(alice, bob, browser_of, said, back):
    row = machine(bob, minutes_ago=90, awake_until=clock.now() + timedelta(hours=2))
    loads(row, [40, 71])
    desk = browser_of(alice)
    answer = desk.post(ACT, {name: value.format(pk=bob.pk) for name, value in said.items()}, follow=True)
    assert status(bob) == Status.RUNNING
    for words in [
        *("Stop the machine of Bob?", "bob@example.org", "t3.small", "CPU now 142% of one core", "It is working."),
        *("Kept awake until", "that ends, too", "the programs that run there", "The disk and everything on it is kept"),
        f'href="{back.format(pk=bob.pk)}"',
    ]:
        assert words in answer.text
    page = answer.context["page"]
    done = desk.post(ASK, confirmed(bob) | {"back": page.back, "from": page.origin}, follow=True)
    assert status(bob) == Status.STOPPING
    assert "1 machine is stopping. Its disk is kept." in done.text


def test_several_are_named_and_those_that_do_not_run_are_counted(alice, bob, carol, browser_of):
    dora, erin = person("dora@example.org"), person("erin@example.org")
    machine(bob)
    machine(dora)
    machine(erin, Status.STOPPED)
    people = [bob.pk, dora.pk, erin.pk, carol.pk]
    answer = browser_of(alice).post(ACT, {"act": "stop", "people": people}, follow=True)
    assert "Stop 2 machines?" in answer.text
    assert "2 of the selected people have no running machine" in answer.text
    assert [entry.instance.owner for entry in answer.context["page"].entries] == [bob, dora]
    assert {status(bob), status(dora)} == {Status.RUNNING}
    browser_of(alice).post(ASK, confirmed(bob, dora))
    assert {status(bob), status(dora)} == {Status.STOPPING}


def test_alice_stops_her_own_machine_with_one_click(alice, bob, browser_of):
    machine(alice)
    desk = browser_of(alice)
    assert ">Stop<" in desk.get(reverse("admin_person", args=[alice.pk])).text
    desk.post(ACT, {"stop": str(alice.pk), "from": "person"})
    assert status(alice) == Status.STOPPING


def test_among_others_her_own_is_asked_about_too(alice, bob, browser_of):
    machine(alice)
    machine(bob)
    answer = browser_of(alice).post(ACT, {"act": "stop", "people": [alice.pk, bob.pk]}, follow=True)
    assert "Stop 2 machines?" in answer.text
    assert status(alice) == Status.RUNNING


def test_what_does_not_run_is_not_asked_about(alice, bob, carol, browser_of):
    machine(bob, Status.STOPPED)
    desk = browser_of(alice)
    assert "Carol: has no machine" in desk.post(ACT, {"stop": str(carol.pk)}, follow=True).text
    answer = desk.get(ASK, {"people": bob.pk, "from": "person"})
    assert "None of these machines is running." in answer.text
    assert f'href="{reverse("admin_person", args=[bob.pk])}">Back<' in answer.text


def test_a_machine_that_has_stopped_meanwhile_and_a_second_click_are_fine(alice, bob, carol, browser_of):
    row = machine(bob)
    desk = browser_of(alice)
    Instance.objects.filter(pk=row.pk).update(status=Status.STARTING)
    answer = desk.post(ASK, {"people": [bob.pk, carol.pk]}, follow=True)
    assert "Bob: the machine is starting" in answer.text
    assert "Carol: has no machine" in answer.text
    Instance.objects.filter(pk=row.pk).update(status=Status.RUNNING)
    for _click in range(2):
        assert "1 machine is stopping" in desk.post(ASK, confirmed(bob, bob), follow=True).text
    assert status(bob) == Status.STOPPING


@pytest.mark.parametrize("junk", ["", "x", "-1", "\x00", "9" * 400, "\u202e7", "٣", "1.5"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_nobody_stops_nothing(alice, bob, browser_of, junk, method):
    machine(bob)
    answer = getattr(browser_of(alice), method)(ASK, {"people": junk, "from": junk, "back": junk}, follow=True)
    assert answer.status_code == 200
    assert status(bob) == Status.RUNNING


def form_of(answer):
    """Return the fields of the form on this page."""
    return {name: re.findall(f'name="{name}" value="([^"]*)"', answer.text) for name in ("people", "read", "from")}


def is_started_again(row):
    moves.move(row, Status.STOPPING, Reason.IDLE)
    moves.move(row, Status.STOPPED, Reason.IDLE)
    moves.move(row, Status.STARTING, Reason.PERSON)
    moves.move(row, Status.RUNNING, Reason.DONE)


def is_kept_awake(row):
    keep_awake(row.owner, clock.now() + timedelta(hours=4))


@pytest.mark.parametrize("changed", [is_started_again, is_kept_awake])
def test_a_confirmation_is_about_what_alice_has_read(alice, bob, carol, browser_of, changed):
    dan = person("dan@example.org")
    machine(bob)
    row = machine(dan)
    desk = browser_of(alice)
    form = form_of(desk.get(ASK, {"people": [bob.pk, dan.pk], "from": "overview"}))
    changed(row)
    again = desk.post(ASK, form, follow=True)
    assert (status(bob), status(dan)) == (Status.STOPPING, Status.RUNNING)
    for words in ("1 machine is stopping", "Dan: the machine was started meanwhile, or is", "Stop the machine of Dan?"):
        assert words in again.text
    assert not Entry.objects.exclude(outcome="done").exists()
    done = desk.post(ASK, form_of(again), follow=True)
    assert done.redirect_chain == [("/admin/", 302)]
    assert status(dan) == Status.STOPPING


def test_a_thousand_machines_are_confirmed_by_a_form_that_a_new_sign_in_keeps(alice, bob):
    fields = [("people", "1" * 6), ("read", f"{mark_of(machine(bob))} ")]
    assert 1000 * sum(len(name) + len(value) for name, value in fields) < 50_000


def test_with_nobody_selected_alice_is_told_so(alice, browser_of):
    answer = browser_of(alice).post(ASK, {"from": "overview"}, follow=True)
    assert answer.redirect_chain == [("/admin/", 302)]
    assert "Select at least one row." in answer.text


@pytest.mark.parametrize("path", [ACT, ASK])
def test_from_the_page_of_nobody_alice_comes_to_the_list(alice, browser_of, path):
    answer = browser_of(alice).post(path, {"act": "start", "people": 999, "from": "person"}, follow=True)
    assert answer.redirect_chain == [("/admin/fleet/", 302)]
    assert "999: There is no such person." in answer.text


def test_no_bill_is_made_that_nobody_sees(alice, bob, browser_of):
    machine(bob)
    with CaptureQueriesContext(connection) as caught:
        assert "Stop the machine of Bob?" in browser_of(alice).get(ASK, {"people": bob.pk}).text
    assert not [one["sql"] for one in caught if 'FROM "costs_' in one["sql"] and "exchangerate" not in one["sql"]]


def test_bob_is_not_asked(alice, bob, browser_of):
    machine(alice)
    for method in ("get", "post"):
        assert getattr(browser_of(bob), method)(ASK, {"people": alice.pk}).status_code == 403
    assert status(alice) == Status.RUNNING


def test_in_korean(alice, bob, browser_of):
    machine(bob)
    page = browser_of(alice, "ko").get(ASK, {"people": bob.pk}).text
    for words in ("Bob 님의 머신을 중지하시겠습니까?", "실행 중인 프로그램과 메모리에만 있는 내용은 사라집니다."):
        assert words in page
