"""Alice gets an e-mail before her machine stops: once, in time, and only if it will stop."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import clock
from ondol.accounts.models import Approval, User
from ondol.autostop import awake, tasks, warnings
from ondol.autostop.models import CpuReading, StopWarning
from ondol.instances import actions
from ondol.instances.errors import ActionError
from ondol.instances.models import Run
from ondol.policy.models import Policy
from tests.autostop.conftest import kst
from tests.committed import committed as committed
from tests.committed import together
from tests.instances.rig import person

IDLE = ["[Ondol] Your machine stops between 12:40 and 12:45 KST"]


@pytest.fixture
def running(rig, alice):
    """Alice's machine since Monday noon; idle, it stops at 12:40 or a little later."""
    User.objects.update(language="en")
    rig.running(alice)
    return rig.mine(alice)


def letters():
    """Search for stops, send the e-mails that are due, and return their subjects."""
    warnings.check()
    send()
    told = [letter.subject for letter in mail.outbox]
    mail.outbox.clear()
    return told


def enqueued():
    """Return the jobs of e-mails that wait, and take them from the queue."""
    waiting = list(ProcrastinateJob.objects.filter(task_name=warnings.TASK))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs WHERE task_name = %s", [warnings.TASK])
    return waiting


def send(waiting=None):
    for job in enqueued() if waiting is None else waiting:
        tasks.letter(**job.args)


def cpu(row, percents):
    for text, percent in percents.items():
        CpuReading.objects.create(instance=row, at=kst(text), percent=percent)


def closes_at(time, idle_minutes=720):
    Policy.objects.create(
        owner=None, has_hours=True, opens_at="08:00", closes_at=time, zone="Asia/Seoul", idle_minutes=idle_minutes
    )


def warned(row):
    return StopWarning.objects.create(instance=row, launched_at=row.run.launched_at, stops_at=kst("Mon 12:40"))


def refused(action, *args):
    with pytest.raises(ActionError) as refusal:
        action(*args)
    return refusal.value.code, refusal.value.status


def test_she_is_written_to_12_minutes_before_the_earliest_stop_and_once(running, at):
    at("Mon 12:28")  # some milliseconds less
    assert letters() == []
    at("Mon 12:29")
    assert letters() == IDLE
    for time in ("Mon 12:30", "Mon 12:40", "Mon 13:30"):
        at(time)
        assert letters() == []


def test_a_letter_says_when_why_what_is_kept_and_how_to_keep_it_awake(running, at):
    at("Mon 12:30")
    warnings.check()
    send()
    (letter,) = mail.outbox
    assert letter.to == ["alice@example.org"]
    for told in (
        "If it stays idle, it will be stopped between 12:40 and 12:45 KST.",
        "The rule: its CPU is below 10% of one core for 30 minutes.",
        "The disk and everything on it is kept.",
        f"/awake/{warnings.token_of(StopWarning.objects.get())}/\n",
    ):
        assert told in letter.body


def test_in_korean(running, at):
    User.objects.update(language="ko")
    at("Mon 12:30")
    warnings.check()
    send()
    (letter,) = mail.outbox
    assert letter.subject == "[Ondol] 12:40~12:45 KST 사이에 머신이 중지됩니다"
    assert "30분 동안 CPU 사용률이 코어 하나의 10% 미만이면" in letter.body
    assert "디스크와 그 안의 모든 것은 보관됩니다." in letter.body


def test_before_the_hours_are_over_even_while_it_works(running, at, rig):
    closes_at("22:00")
    rig.tick(2)
    cpu(running, {"Mon 21:35": 90, "Mon 21:40": 90})
    at("Mon 21:47")
    assert letters() == []
    at("Mon 21:48")
    warnings.check()
    send()
    (letter,) = mail.outbox
    assert letter.subject == "[Ondol] Your machine stops at 22:00 KST"
    assert "The rule" not in letter.body
    assert StopWarning.objects.get().is_closing


def test_nothing_to_somebody_who_said_not_tonight(running, at, alice, rig):
    closes_at("22:00")
    cpu(running, {"Mon 21:40": 90})
    at("Mon 21:30")
    awake.not_tonight(alice)
    rig.work()
    at("Mon 21:50")
    assert letters() == []


def test_nothing_while_it_works(running, at):
    cpu(running, {"Mon 12:00": 1, "Mon 12:15": 80, "Mon 12:20": 60})
    at("Mon 12:30")
    assert letters() == []


def test_readings_decide_when(running, at):
    cpu(running, {"Mon 12:00": 80, "Mon 12:05": 80, "Mon 12:10": 80, "Mon 12:15": 1})
    at("Mon 12:33")
    assert letters() == []
    at("Mon 12:34")
    assert letters() == ["[Ondol] Your machine stops between 12:46 and 12:51 KST"]


def test_anew_when_it_was_kept_awake_meanwhile(running, at, alice, rig):
    at("Mon 12:30")
    assert letters() == IDLE
    awake.keep_awake(alice, kst("Mon 14:00"))
    rig.work()
    assert letters() == []
    at("Mon 13:50")
    assert letters() == ["[Ondol] Your machine stops between 14:00 and 14:05 KST"]


def test_a_stop_that_is_put_off_by_less_is_no_news(running, at, alice, rig):
    at("Mon 12:30")
    assert letters() == IDLE
    awake.keep_awake(alice, kst("Mon 12:54"))
    rig.work()
    for time in ("Mon 12:44", "Mon 12:53"):
        at(time)
        assert letters() == []


def test_each_run_has_its_own(running, at, alice, rig):
    at("Mon 12:30")
    assert letters() == IDLE
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    actions.start(alice)
    rig.work()
    rig.tick(2)
    at("Mon 13:00")
    assert letters() == ["[Ondol] Your machine stops between 13:10 and 13:15 KST"]


def test_a_letter_that_waited_until_it_was_out_of_date_is_not_sent_and_the_next_one_is(running, at, alice, rig):
    at("Mon 12:30")
    warnings.check()
    waiting = enqueued()
    awake.keep_awake(alice, kst("Mon 12:50"))
    rig.work()
    send(waiting)
    assert mail.outbox == []
    at("Mon 12:40")
    assert letters() == ["[Ondol] Your machine stops between 12:50 and 12:55 KST"]


def test_a_letter_about_a_machine_that_has_stopped_is_not_sent(running, at, alice):
    at("Mon 12:30")
    warnings.check()
    actions.stop(alice)
    send()
    assert mail.outbox == []


@pytest.mark.parametrize("fields", [{"approval": Approval.SUSPENDED}, {"is_active": False}])
def test_nobody_suspended_is_written_to(running, at, fields):
    at("Mon 12:30")
    warnings.check()
    User.objects.update(**fields)
    send()
    assert letters() == []
    User.objects.update(approval=Approval.APPROVED, is_active=True)
    assert letters() == IDLE


def test_where_nobody_may_keep_awake_there_is_no_link(running, at):
    Policy.objects.create(owner=None, awake_hours=0)
    at("Mon 12:30")
    warnings.check()
    send()
    (letter,) = mail.outbox
    assert "/awake/" not in letter.body


def test_it_asks_once_while_nothing_runs_and_thrice_for_many(running, rig, at, django_assert_num_queries):
    for number in range(5):
        rig.running(person(f"heidi{number}"))
    at("Mon 12:30")
    warnings.check()
    with django_assert_num_queries(1):
        warnings.check()
    StopWarning.objects.all().delete()
    cpu(running, {"Mon 12:25": 80})
    Run.objects.exclude(instance=running).update(armed_at=None)
    with django_assert_num_queries(2):
        warnings.check()
    CpuReading.objects.update(at=kst("Mon 12:10"))
    at("Mon 12:33")
    with django_assert_num_queries(3):
        warnings.check()


@pytest.mark.usefixtures("committed")
def test_two_workers_at_once_write_one_letter(transactional_db, running, at):
    at("Mon 12:30")
    together(warnings.check, warnings.check)
    assert StopWarning.objects.count() == 1
    assert ProcrastinateJob.objects.filter(task_name=warnings.TASK).count() == 1


def test_its_link_keeps_awake_for_an_hour_once(running, at, alice, rig):
    warning = warned(running)
    at("Mon 12:35")
    warnings.use(warnings.warning_of(warnings.token_of(warning)))
    until = rig.mine(alice).run.awake_until
    assert abs(until - kst("Mon 13:35")) < timedelta(seconds=1)
    assert refused(warnings.use, warnings.warning_of(warnings.token_of(warning))) == ("used_link", 410)
    assert rig.mine(alice).run.awake_until == until
    rig.work()
    assert rig.mine(alice).is_armed


def test_it_does_not_shorten_a_longer_wish(running, alice, rig):
    awake.keep_awake(alice, kst("Mon 18:00"))
    warnings.use(warned(running))
    assert rig.mine(alice).run.awake_until == kst("Mon 18:00")


@pytest.mark.usefixtures("committed")
def test_used_twice_at_once_it_works_once(transactional_db, running):
    token = warnings.token_of(warned(running))

    def use():
        try:
            return warnings.use(warnings.warning_of(token)) and "kept"
        except ActionError as error:
            return error.code

    assert sorted(together(use, use)) == ["kept", "used_link"]


def test_a_refused_use_does_not_use_it_up(running, alice):
    warning = warned(running)
    Policy.objects.create(owner=None, awake_hours=0)
    assert refused(warnings.use, warning) == ("not_allowed", 403)
    Policy.objects.all().delete()
    warnings.use(warning)
    assert StopWarning.objects.get().used_at


def test_an_hour_after_the_stop_it_has_expired(running, at):
    warning = warned(running)
    at("Mon 13:39")
    warnings.require_usable(warning)
    at("Mon 13:41")
    assert refused(warnings.use, warning) == ("expired_link", 410)


def test_it_is_for_this_run_alone(running, at, alice, rig):
    warning = warned(running)
    actions.stop(alice)
    assert refused(warnings.use, warning) == ("not_running", 409)
    rig.work()
    rig.tick(2)
    actions.start(alice)
    rig.work()
    at("Mon 12:05")
    rig.tick(2)
    assert refused(warnings.use, warning) == ("other_run", 409)
    assert rig.mine(alice).run.awake_until is None


def test_it_does_nothing_for_somebody_suspended(running):
    warning = warned(running)
    User.objects.update(approval=Approval.SUSPENDED)
    assert refused(warnings.use, StopWarning.objects.select_related("instance__owner").get(pk=warning.pk)) == (
        "not_approved",
        403,
    )


def test_a_forged_one_is_not_known(running):
    token = warnings.token_of(warned(running))
    number, signature = token.split(".")
    for forged in (f"{int(number) + 1}.{signature}", f"{number}.", number, f"{token}x", "…", "."):
        assert refused(warnings.warning_of, forged) == ("unknown_link", 404)
    StopWarning.objects.all().delete()
    assert refused(warnings.warning_of, token) == ("unknown_link", 404)


def test_the_clock_is_the_machines(running, at):
    at("Mon 12:30")
    warnings.check()
    assert abs(StopWarning.objects.get().at - clock.now()) < timedelta(seconds=1)
