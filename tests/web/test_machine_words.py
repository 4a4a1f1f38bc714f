"""The words about a machine: steps, reasons, problems."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from ondol import clock
from ondol.accounts.models import Approval, User
from ondol.cloud.aws_errors import TABLE
from ondol.cloud.errors import NoCapacity, Quota, Refused
from ondol.instances.models import Instance, Run
from ondol.instances.states import MOVES, Reason, Status
from ondol.web.badge import STYLES
from ondol.web.machine.card import present
from ondol.web.machine.notices import notice_of, trouble_of
from ondol.web.machine.steps import steps_of
from tests.web.conftest import machine

NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)


def row(status, reason=Reason.PERSON, **fields):
    fields = {"instance_type": "t3.small", "volume_gib": 30, "status_since": NOW, **fields}
    fields |= {"owner": User(approval=Approval.APPROVED), "status": status, "status_reason": reason}
    return Instance(run=Run(), **fields)


def states(instance, *, has_key=False, now=NOW):
    return [step.state for step in steps_of(instance, has_key=has_key, now=now)]


def test_a_new_machine_begins_with_the_network():
    assert states(row(Status.PENDING)) == ["current", "todo", "todo", "todo", "todo"]


def test_each_step_is_read_from_the_row():
    made = row(Status.PENDING, security_group_id="sg-1", instance_id="i-1", seen_view="pending", seen_since=NOW)
    assert states(made, has_key=True) == ["done", "done", "done", "current", "todo"]
    made.run.armed_at = NOW
    assert states(made, has_key=True) == ["done", "done", "done", "done", "current"]


def test_a_start_is_armed_first():
    made = row(Status.STARTING, instance_id="i-1", seen_view="stopped", seen_launched_at=NOW)
    assert states(made) == ["current", "todo", "todo"]
    made.run.armed_at = NOW
    assert states(made) == ["done", "current", "todo"]
    made.seen_view = "pending"
    assert states(made) == ["done", "done", "current"]


@pytest.mark.parametrize("status", [Status.RUNNING, Status.STOPPED, Status.FAILED, Status.STOPPING])
def test_other_states_have_no_steps(status):
    assert states(row(status)) == []


def test_a_step_that_takes_twice_its_usual_time_says_so():
    instance = row(Status.PENDING, security_group_id="sg-1")
    assert not any(step.slow for step in steps_of(instance, has_key=True, now=NOW + timedelta(seconds=29)))
    slow = [step.name for step in steps_of(instance, has_key=True, now=NOW + timedelta(seconds=31)) if step.slow]
    assert slow == ["server"]


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("status", Status)
def test_every_state_for_every_reason_is_said_in_whole_sentences(status, language):
    with translation.override(language):
        for reason in Reason:
            if notice := notice_of(row(status, reason)):
                assert notice.cause.endswith("."), reason
                assert "%" not in notice.cause.replace("10%", ""), reason
                assert (notice.kept + notice.next_step).endswith(".") or not notice.next_step, reason


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.DONE])
def test_who_asks_an_administrator_has_a_reference_number(reason):
    notice = notice_of(row(Status.FAILED, reason, error_ref="K7F3M2QP"))
    assert notice.reference == "K7F3M2QP"
    assert notice.next_step


def test_failed_says_whether_everything_is_cleaned_up():
    assert "nothing is left that costs money" in notice_of(row(Status.FAILED, Reason.QUOTA, is_clean=True)).kept
    assert "being removed" in notice_of(row(Status.FAILED, Reason.QUOTA, is_clean=False)).kept


def test_idle_names_the_rule():
    assert (
        notice_of(row(Status.STOPPED, Reason.IDLE)).cause
        == "It was idle: its CPU stayed below 10% of one core for 30 minutes."
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [(Reason.IDLE, "It was idle"), (Reason.INSIDE, "from inside"), (Reason.OUTSIDE, "outside Ondol")],
)
def test_a_stop_that_nobody_asked_ondol_for_says_why_while_it_is_under_way(reason, words):
    notice = notice_of(row(Status.STOPPING, reason))
    assert words in notice.cause
    assert notice.kept == "The disk and everything on it is kept."


def test_trouble_is_told_when_it_lasts():
    soon = NOW + timedelta(seconds=30)
    assert trouble_of(row(Status.PENDING)) == ""
    assert trouble_of(row(Status.PENDING, next_at=soon, tries=1, error_code="InvalidGroup.NotFound")) == ""
    assert "slow down" in trouble_of(row(Status.PENDING, next_at=soon, tries=3, error_code="RequestLimitExceeded"))
    assert "keeps trying" in trouble_of(row(Status.PENDING, next_at=soon, tries=3, error_code="unreachable"))


def test_every_status_has_a_look_and_stopped_is_never_red():
    assert set(STYLES) == set(MOVES)
    assert STYLES[Status.STOPPED].tone == "cool"
    assert STYLES[Status.RUNNING].tone == "warm"


def test_the_version_changes_with_what_is_shown_and_not_with_time(bob):
    instance = machine(bob, Status.PENDING)
    first = present(instance)
    assert present(instance, clock.now() + timedelta(seconds=5)).version == first.version
    instance.security_group_id = "sg-1"
    assert present(instance).version != first.version


@pytest.mark.parametrize("code", sorted({code for code, kind in TABLE.items() if kind in {NoCapacity, Quota, Refused}}))
@pytest.mark.parametrize("status", [Status.FAILED, Status.STOPPED])
def test_every_refusal_of_aws_has_a_cause_a_next_step_and_a_reference(status, code):
    reason = {NoCapacity: Reason.NO_CAPACITY, Quota: Reason.QUOTA, Refused: Reason.REFUSED}[TABLE[code]]
    for language in ("en", "ko"):
        with translation.override(language):
            notice = notice_of(row(status, reason, error_code=code, error_ref="K7F3M2QP"))
            assert notice.cause
            assert notice.kept
            assert notice.next_step
            assert notice.reference == "K7F3M2QP"
            assert code not in notice.cause


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        ("InsufficientFreeAddressesInSubnet", Reason.QUOTA, "no free address"),
        ("InstanceLimitExceeded", Reason.QUOTA, "limit of running servers"),
        ("MaxIOPSLimitExceeded", Reason.QUOTA, "limit of disks"),
        ("OptInRequired", Reason.REFUSED, "not activated"),
        ("InvalidVpcID.NotFound", Reason.REFUSED, "not in this AWS account or region"),
        ("Unsupported", Reason.REFUSED, "does not offer the type t3.small"),
        ("Client.InternalError", Reason.LAUNCH_FAILED, "encrypts"),
    ],
)
def test_what_only_an_administrator_can_mend_is_named(code, reason, words):
    assert words in notice_of(row(Status.FAILED, reason, error_code=code)).cause


def test_while_a_failed_one_is_cleaned_up_the_page_waits_and_offers_nothing(db):
    cleaning = present(row(Status.FAILED, Reason.QUOTA, is_clean=False, status_since=clock.now()))
    assert (cleaning.button, cleaning.poll_seconds) == ("", 1)
    clean = present(row(Status.FAILED, Reason.QUOTA, is_clean=True))
    assert (clean.button, clean.poll_seconds) == ("create", None)
