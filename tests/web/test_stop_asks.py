"""Alice administrates. Before she stops somebody else's machine she reads whose it is, what runs and what is lost."""

from datetime import timedelta

import pytest
from django.urls import reverse

from ondol import clock
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance
from tests.web.conftest import machine, person
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
    done = desk.post(ASK, {"people": bob.pk, "back": page.back, "from": page.origin}, follow=True)
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
    browser_of(alice).post(ASK, {"people": people[:2]})
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
        assert "1 machine is stopping" in desk.post(ASK, {"people": [bob.pk, bob.pk]}, follow=True).text
    assert status(bob) == Status.STOPPING


@pytest.mark.parametrize("junk", ["", "x", "-1", "\x00", "9" * 400, "\u202e7", "٣", "1.5"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_nobody_stops_nothing(alice, bob, browser_of, junk, method):
    machine(bob)
    answer = getattr(browser_of(alice), method)(ASK, {"people": junk, "from": junk, "back": junk}, follow=True)
    assert answer.status_code == 200
    assert status(bob) == Status.RUNNING


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
