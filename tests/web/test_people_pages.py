"""Administration: Alice decides about people and their machines."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from ondol import clock
from ondol.accounts import proof
from ondol.accounts.models import Approval, Role, User
from ondol.accounts.people import add_user
from ondol.config import config
from ondol.instances.models import Instance
from ondol.instances.record import Record, Size
from ondol.instances.states import Reason, Status
from tests.web.conftest import confirmed, machine, person


def approval_of(user):
    return User.objects.get(pk=user.pk).approval


def test_those_who_wait_are_on_top_with_what_they_want(alice, bob, carol, browser_of):
    User.objects.filter(pk=carol.pk).update(purpose="Landslides around Pohang")
    page = browser_of(alice).get(reverse("admin_people")).text
    assert "1 request waiting" in page
    assert page.index("Landslides around Pohang") < page.index('id="everybody-title"')


def test_one_click_approves(alice, carol, browser_of):
    answer = browser_of(alice).post(reverse("admin_decide"), {"decision": "approve", "people": carol.pk}, follow=True)
    assert approval_of(carol) == Approval.APPROVED
    assert "1 person approved." in answer.text


def test_rejecting_asks_for_a_reason_and_loses_nothing(alice, carol, browser_of):
    browser = browser_of(alice)
    answer = browser.post(reverse("admin_decide"), {"decision": "reject", "people": carol.pk, "reason": " "})
    field = re.search(r'<textarea name="reason"[^>]*>', answer.text)[0]
    assert 'aria-invalid="true"' in field
    assert 'aria-describedby="id_reason_error"' in field
    assert re.search(r'<ul class="errorlist" id="id_reason_error"><li>Give a reason', answer.text)
    assert answer.text.count("Give a reason") == 1
    assert approval_of(carol) == Approval.PENDING
    browser.post(reverse("admin_decide"), {"decision": "reject", "people": carol.pk, "reason": "Unknown."})
    assert User.objects.get(pk=carol.pk).decision_reason == "Unknown."


def test_reject_leads_to_the_open_form_which_says_at_its_field_that_it_needs_a_reason(alice, bob, carol, browser_of):
    browser = browser_of(alice)
    people = browser.get(reverse("admin_people")).text
    link = re.search(r'<a class="button quiet small" href="([^"]*)">Reject…', people)[1]
    page = browser.get(link).text
    assert re.search(r'<details class="pop" open>\s*<summary>Reject…', page)
    field = re.search(r'<textarea name="reason"[^>]*>', page)[0]
    assert " autofocus" in field
    assert " required" in field
    assert "(optional)" not in page
    assert " autofocus" not in browser.get(reverse("admin_person", args=[carol.pk])).text
    assert "(optional)" in browser.get(reverse("admin_person", args=[bob.pk])).text, "a suspension needs none"
    for wrong, told in ((" ", "Give a reason"), ("long " * 300, "1000 characters")):
        page = browser.post(reverse("admin_reject", args=[carol.pk]), {"reason": wrong}).text
        assert re.search(rf'<ul class="errorlist" id="id_reason_error"><li>[^<]*{told}', page)
        assert page.count(told) == 1
    assert approval_of(carol) == Approval.PENDING


@pytest.mark.parametrize("name", ["account", "admin_announcement", "admin_invite"])
def test_no_form_calls_optional_what_it_asks_for(alice, browser_of, name):
    page = browser_of(alice).get(reverse(name)).text
    labels = re.findall(r'<label for="id_(\w+)">(.*?)</label>', page, re.DOTALL)
    optional = {field for field, label in labels if "(optional)" in label}
    assert (
        optional
        == {"account": {"affiliation", "label", "until"}, "admin_announcement": set(), "admin_invite": {"language"}}[
            name
        ]
    )


def test_a_decision_that_is_refused_leaves_the_list_as_it_was(alice, bob, carol, browser_of):
    data = {"decision": "reject", "people": [bob.pk, carol.pk], "reason": "", "back": "?q=bo&sort=-name"}
    page = browser_of(alice).post(reverse("admin_decide"), data).text
    for pk, times in ((bob.pk, 1), (carol.pk, 1)):  # Carol is in the queue, and the search leaves her out of the table
        boxes = re.findall(rf'<input type="checkbox" name="people" value="{pk}"[^>]*>', page)
        assert [" checked" in box for box in boxes] == [True] * times
    assert 'value="bo"' in page
    assert 'name="back" value="?q=bo&amp;sort=-name"' in page
    assert "“bo”: 1 person" in page
    assert not re.search(r'(href|action)="\?', page), "links of the table lead to the list"
    assert f'href="{reverse("admin_people")}?q=bo' in page


def test_the_heading_says_what_is_shown(alice, bob, carol, browser_of):
    browser = browser_of(alice)

    def heading(**query):
        page = browser.get(reverse("admin_people"), query).text
        return " ".join(re.search(r'id="everybody-title">(.*?)</h2>', page, re.DOTALL)[1].split())

    assert heading() == heading(sort="-name") == heading(approval="x") == "Everybody"
    assert heading(approval="APPROVED") == "Approved: 2 people"
    assert heading(approval="PENDING", q="<car>") == "Waiting, “&lt;car&gt;”: 0 people"
    assert heading(q="bob") == "“bob”: 1 person"


def test_a_whole_class_is_approved_at_once(alice, db, browser_of):
    students = [person(f"student{n}@example.org", Approval.PENDING) for n in range(5)]
    browser_of(alice).post(
        reverse("admin_decide"), {"decision": "approve", "people": [student.pk for student in students[:4]]}
    )
    assert [approval_of(student) for student in students] == [Approval.APPROVED] * 4 + [Approval.PENDING]


def test_the_list_tells_hours_and_money_of_this_month_and_why_somebody_is_out(
    alice, bob, dan, browser_of, machines_clock
):
    machines_clock.freeze(datetime(2027, 3, 10, 3, tzinfo=UTC))  # not in the first hour of a month
    row = machine(bob, minutes_ago=60)
    row.changes.update(detail=Record(Size("t3.small", 30)).to_json())
    page = browser_of(alice).get(reverse("admin_people")).text
    assert re.search(r"\$0\.0\d <span class=\"soft\">1\.0 h", page)
    assert "Not one of us." in page


def test_hours_are_left_out_where_there_are_none(alice, bob, browser_of):
    machine(bob, minutes_ago=0)
    page = browser_of(alice).get(reverse("admin_people")).text
    assert "0.0 h" not in page


@pytest.mark.parametrize("data", [{}, {"decision": "approve"}, {"decision": "x", "people": "1"}, {"people": "abc"}])
def test_nonsense_decides_nothing(alice, carol, browser_of, data):
    assert browser_of(alice).post(reverse("admin_decide"), data).status_code == 200
    assert approval_of(carol) == Approval.PENDING


def test_a_reason_that_is_too_long_is_kept_on_the_page(alice, carol, browser_of):
    data = {"decision": "reject", "people": carol.pk, "reason": "long " * 300}
    answer = browser_of(alice).post(reverse("admin_decide"), data)
    assert "long long long" in answer.text
    assert approval_of(carol) == Approval.PENDING


def test_search_and_filter_find_people(alice, bob, carol, dan, browser_of):
    browser = browser_of(alice)

    def found(**query):
        return {entry.person.name for entry in browser.get(reverse("admin_people"), query).context["page"].entries}

    assert found(q="BOB@") == {"Bob"}
    assert found(approval="PENDING") == {"Carol"}
    assert found(q="kigam", approval="REJECTED") == {"Dan"}
    assert found(q="nobody\x00'; --") == set()
    assert len(found(approval="nonsense", page="999999999999999999999")) == 4


def test_many_people_come_in_pages(alice, browser_of):
    User.objects.bulk_create(
        User(email=f"p{n}@example.org", name=f"P{n:03}", approval=Approval.APPROVED, password="!") for n in range(60)
    )
    first = browser_of(alice).get(reverse("admin_people"))
    assert len(first.context["page"].entries) == 50
    assert "1 / 2" in first.text


def test_the_list_asks_as_often_for_many_as_for_few(alice, browser_of, django_assert_max_num_queries):
    for n in range(20):
        machine(person(f"p{n}@example.org"))
    browser = browser_of(alice)
    browser.get(reverse("admin_costs"))  # which prepares the costs
    with django_assert_max_num_queries(19):  # one is about the announcement
        browser.get(reverse("admin_people"))


def test_alice_stops_the_machine_of_bob(alice, bob, browser_of):
    row = machine(bob)
    desk, ask = browser_of(alice), f"{reverse('admin_stop')}?people={bob.pk}&amp;from=person"
    assert f'href="{ask}"' in desk.get(reverse("admin_person", args=[bob.pk])).text
    answer = desk.post(reverse("admin_stop"), confirmed(bob) | {"from": "person"})
    assert answer.url == reverse("admin_person", args=[bob.pk])
    row.refresh_from_db()
    assert (row.status, row.status_reason) == (Status.STOPPING, Reason.ADMIN)


def test_terminating_names_what_is_lost_and_asks_for_the_address(alice, bob, browser_of):
    row = machine(bob)
    page = browser_of(alice).get(reverse("admin_terminate", args=[bob.pk])).text
    for words in ("Bob", "30\xa0GiB", row.instance_id, "cannot be undone"):
        assert words in page


def test_the_wrong_address_ends_nothing(alice, bob, browser_of):
    row = machine(bob)
    answer = browser_of(alice).post(reverse("admin_terminate", args=[bob.pk]), {"email": "alice@example.org"})
    assert "Nothing was deleted." in answer.text
    row.refresh_from_db()
    assert row.status == Status.RUNNING


def test_the_right_address_ends_it(alice, bob, browser_of):
    machine(bob)
    browser_of(alice).post(reverse("admin_terminate", args=[bob.pk]), {"email": " Bob@Example.org "})
    assert Instance.objects.get().status == Status.TERMINATING


def test_suspending_stops_the_machine_and_the_page_says_so(alice, bob, browser_of):
    machine(bob)
    page = browser_of(alice).post(reverse("admin_suspend", args=[bob.pk]), {"reason": "Left."}, follow=True).text
    assert approval_of(bob) == Approval.SUSPENDED
    assert "a machine of theirs stops" in page
    assert "account suspended" in page
    assert Instance.objects.get().status == Status.STOPPING


def test_the_suspended_come_back(alice, erin, browser_of):
    browser_of(alice).post(reverse("admin_approve", args=[erin.pk]))
    assert approval_of(erin) == Approval.APPROVED


def test_roles_change(alice, bob, browser_of):
    browser_of(alice).post(reverse("admin_role", args=[bob.pk]), {"role": "ADMIN"})
    assert User.objects.get(pk=bob.pk).role == Role.ADMIN


@pytest.mark.parametrize(("action", "data"), [("suspend", {}), ("role", {"role": "MEMBER"})])
def test_the_last_administrator_cannot_leave(alice, browser_of, action, data):
    answer = browser_of(alice).post(reverse(f"admin_{action}", args=[alice.pk]), data)
    assert "This is the last administrator." in answer.text
    assert User.objects.get(pk=alice.pk).is_admin


@pytest.mark.parametrize("pk", ["0", "999999", "99999999999999999999999999"])
def test_nobody_is_not_found(alice, browser_of, pk):
    assert browser_of(alice).get(f"/admin/people/{pk}/").status_code == 404


def test_activity_tells_what_was_done_on_the_command_line(alice, browser_of):
    add_user("fay@example.org", approved=True)
    page = " ".join(re.sub("<[^>]+>", " ", browser_of(alice).get(reverse("admin_activity")).text).split())
    assert "command line Person added Approved fay fay@example.org" in page


def test_activity_tells_who_did_what(alice, bob, carol, browser_of):
    machine(bob, Status.STOPPED, Reason.IDLE)
    browser = browser_of(alice)
    browser.post(reverse("admin_approve", args=[carol.pk]))
    page = browser.get(reverse("admin_activity")).text
    assert "approved" in page
    assert "machine: Stopped" in page
    assert "(idle)" in page


def test_a_history_has_one_clock_and_says_which(alice, carol, browser_of, machines_clock):
    browser = browser_of(alice)
    machines_clock.be_real()
    assert "trial’s clock" not in browser.get(reverse("admin_activity")).text
    machines_clock.set(datetime(2120, 6, 1, tzinfo=UTC))
    browser.post(reverse("admin_approve", args=[carol.pk]))
    machine(User.objects.get(pk=carol.pk))
    page = browser.get(reverse("admin_person", args=[carol.pk])).text
    history = page[page.index("history-title") :]
    years = re.findall(r'datetime="(\d{4})', history)
    assert set(years) == {str(clock.now().year)}
    assert len(years) == 3
    assert "Times are on this trial’s clock." in history


def test_an_address_that_is_not_proven_is_shown_apart_and_approving_it_asks_again(alice, carol, browser_of, proving):
    proof.mark(alice)
    zoe = person("zoe@example.org", Approval.PENDING)
    proof.mark(zoe)
    browser = browser_of(alice)
    page = browser.get(reverse("admin_people")).text
    apart = page[page.index('id="unproven-title"') : page.index('id="everybody-title"')]
    assert "carol@example.org" in apart
    assert "zoe@example.org" not in apart
    assert "1 request waiting" in page
    browser.post(reverse("admin_decide"), {"decision": "approve", "people": [carol.pk]})
    refused = browser.post(reverse("admin_approve", args=[carol.pk]))
    assert "Nobody has proven that carol@example.org is theirs" in refused.text
    assert approval_of(carol) == Approval.PENDING
    assert "Nobody has proven" in browser.get(reverse("admin_person", args=[carol.pk])).text
    done = browser.post(reverse("admin_approve", args=[carol.pk]), {"vouches": "on"}, follow=True)
    assert approval_of(carol) == Approval.APPROVED
    assert "vouched for the address" in done.text
    assert "Proven: by" in done.text


def test_without_a_mail_server_administrators_are_told_to_ask(alice, carol, browser_of, monkeypatch):
    monkeypatch.setattr(config(), "cloud", "aws")
    assert "Ask each person by another way" in browser_of(alice).get(reverse("admin_people")).text
