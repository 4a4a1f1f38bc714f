"""A budget: e-mails at 80 and at 100 per cent, once each; if it is set so, the machine stops, and nothing is lost."""

from decimal import Decimal

import pytest
from django.core import mail
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts.models import Approval, User
from ondol.costs import budget, tasks
from ondol.costs.models import Budget
from ondol.instances import actions
from ondol.instances.errors import ActionError
from ondol.instances.jobs import enqueue
from ondol.instances.models import StatusChange
from ondol.instances.states import Reason, Status
from tests.queued import own_arguments

HOUR = Decimal("0.026") + Decimal("0.005") + (30 * Decimal("0.0912") + Decimal("0.10")) / 720
"""The cost of an hour of a running t3.small, in a month of 30 days."""


def limit(hours, owner=None, stops=False):
    """Set a budget of what so many hours of June cost, and return it."""
    usd = (HOUR * hours).quantize(Decimal("0.01"))
    return Budget.objects.update_or_create(owner=owner, defaults={"usd": usd, "stops": stops})[0]


def letters():
    """Check budgets, send the e-mails that are due, and return receiver and subject of each."""
    budget.check()
    for job in ProcrastinateJob.objects.filter(task_name=budget.TASK):
        tasks.letter(**own_arguments(job))
    _forget()
    told = [(*letter.to, letter.subject) for letter in mail.outbox]
    mail.outbox.clear()
    return sorted(told)


def _forget():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


@pytest.fixture(autouse=True)
def _english(db, settings):
    settings.LANGUAGE_CODE = "en"


@pytest.fixture
def running(rig, at, alice):
    """Alice's machine runs from 1 June, 00:00."""
    User.objects.update(language="en")
    rig.running(alice)
    _forget()
    return rig.mine(alice)


def test_alice_is_told_at_80_and_everybody_concerned_at_100_once_each(running, at, alice, ada):
    User.objects.update(language="en")
    limit(100)
    at("06-04 07:00")  # 79 hours
    assert letters() == []
    at("06-04 09:00")
    assert letters() == [("alice@example.org", "[Ondol] Alice: 80% of this month's budget is used")]
    assert letters() == []
    at("06-05 05:00")
    told = "[Ondol] Alice: 100% of this month's budget is used"
    assert letters() == [("ada@example.org", told), ("alice@example.org", told)]
    at("06-09 00:00")
    assert letters() == []


def test_a_letter_says_what_happens_next_in_its_readers_language(running, at, alice):
    User.objects.update(language="ko")
    limit(100, stops=True)
    at("06-04 09:00")
    budget.check()
    tasks.letter(**own_arguments(ProcrastinateJob.objects.get(task_name=budget.TASK)))
    (letter,) = mail.outbox
    assert letter.subject == "[Ondol] Alice 님: 이번 달 예산의 80% 사용"
    assert "100%에 이르면 머신이 중지됩니다." in letter.body
    assert "/costs/" in letter.body


def test_both_levels_at_once_are_one_letter(running, at):
    at("06-09 00:00")
    limit(100)
    assert letters() == [("alice@example.org", "[Ondol] Alice: 100% of this month's budget is used")]
    assert letters() == []


def test_a_raised_budget_and_a_new_month_are_told_anew(running, at):
    limit(100)
    at("06-05 05:00")
    assert len(letters()) == 1
    limit(125)
    assert letters() == [("alice@example.org", "[Ondol] Alice: 80% of this month's budget is used")]
    limit(100)
    at("07-05 05:00")
    assert letters() == [("alice@example.org", "[Ondol] Alice: 100% of this month's budget is used")]


def test_ones_own_budget_counts_before_that_of_everybody(running, at, alice):
    limit(1)
    limit(1000, owner=alice)
    at("06-05 05:00")
    assert letters() == []


def test_somebody_suspended_gets_no_letter(running, at, alice):
    User.objects.filter(pk=alice.pk).update(approval=Approval.SUSPENDED)
    limit(100)
    at("06-04 09:00")
    assert letters() == []


def test_without_a_budget_nothing_is_reckoned(running, django_assert_num_queries):
    with django_assert_num_queries(1):
        budget.check()


def test_a_start_without_a_budget_that_stops_is_one_question(alice, django_assert_num_queries):
    limit(1)
    with django_assert_num_queries(1):
        budget.require_room(alice)


def test_a_budget_that_only_warns_stops_nothing(rig, running, at, alice):
    limit(1)
    at("06-02 00:00")
    letters()
    rig.work()
    assert rig.mine(alice).status == Status.RUNNING


def test_a_budget_that_stops_stops_and_keeps_the_disk(rig, running, at, alice):
    limit(10, stops=True)
    at("06-02 00:00")
    letters()
    assert rig.mine(alice).status == Status.STOPPING
    budget.check()  # twice is once
    enqueue(running)
    rig.work()
    rig.tick(2)
    instance = rig.mine(alice)
    assert (instance.status, instance.status_reason) == (Status.STOPPED, Reason.BUDGET)
    assert rig.live(alice) == [instance.instance_id]
    assert len(rig.cloud.world.volumes) == 1
    change = StatusChange.objects.get(new=Status.STOPPING)
    assert (change.reason, change.by) == (Reason.BUDGET, None)


def test_what_aws_did_not_stop_at_once_is_asked_again(rig, running, at, alice):
    """Unlike a stop that somebody else has asked for."""
    limit(10, stops=True)
    at("06-02 00:00")
    budget.check()
    rig.work()
    rig.cloud.world.change(running.instance_id, type(rig.cloud.ec2_instances()[0].state).RUNNING)
    rig.tick()
    assert rig.cloud.asked("stop") == 2


def test_beyond_the_budget_nothing_starts_until_it_is_raised_or_the_month_is_over(rig, running, at, alice):
    limit(10, stops=True)
    at("06-02 00:00")
    budget.check()
    rig.work()
    rig.tick(2)
    with pytest.raises(ActionError) as refused:
        actions.start(alice)
    assert (refused.value.code, refused.value.status) == ("budget", 409)
    assert "1 Jul 2026" in refused.value.hint
    at("07-01 00:00")
    assert actions.start(alice).status == Status.STARTING


def test_a_raised_budget_lets_it_start(rig, running, at, alice):
    limit(10, stops=True)
    at("06-02 00:00")
    budget.check()
    rig.work()
    rig.tick(2)
    limit(1000, stops=True)
    assert actions.start(alice).status == Status.STARTING


def test_a_machine_is_not_made_anew_beyond_the_budget(rig, running, at, alice, ada):
    limit(10, stops=True)
    at("06-02 00:00")
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(3)
    assert rig.mine(alice).status == Status.TERMINATED
    with pytest.raises(ActionError, match="budget"):
        actions.create(alice)


def test_what_runs_already_may_go_on_until_the_next_look(running, at, alice):
    limit(10, stops=True)
    at("06-02 00:00")
    assert actions.start(alice).status == Status.RUNNING
