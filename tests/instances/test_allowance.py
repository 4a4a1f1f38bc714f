"""So many starts, new machines and changes of type in 24 hours, by the rules; what was in vain does not count."""

from datetime import timedelta

import pytest

from ondol import clock
from ondol.instances import actions
from ondol.instances.errors import ActionError
from ondol.instances.models import Instance, StatusChange
from ondol.instances.moves import move
from ondol.instances.record import Record, Size
from ondol.instances.resizing import change_size, start_as
from ondol.instances.states import Reason, Status
from ondol.policy.models import Policy
from tests.instances.rig import made, person

pytestmark = pytest.mark.django_db
S = Status


@pytest.fixture
def alice(machines_clock):
    machines_clock.freeze(clock.now())
    user = person("alice")
    rules = {"starts_a_day": 3, "creations_a_day": 2, "type_changes_a_day": 2}
    Policy.objects.create(owner=user, instance_types=["t3.small", "t3.medium", "t3.large"], **rules)
    return user


@pytest.fixture
def row(alice):
    return made(alice, status=Status.STOPPED, client_token="t", instance_id="i-1")


def refusal(wish):
    with pytest.raises(ActionError) as refused:
        wish()
    return refused.value


def ran(row, alice, *way):
    """Let Alice start her machine, and what comes after it."""
    actions.start(alice)
    row.refresh_from_db()
    for status, reason in way:
        assert move(row, status, reason)


RUN_AND_STOPPED = [(S.RUNNING, Reason.DONE), (S.STOPPING, Reason.PERSON), (S.STOPPED, Reason.PERSON)]


def test_the_fourth_start_of_a_day_is_refused_with_how_many_and_when(row, alice, machines_clock):
    began = clock.now()
    for hour in range(3):
        machines_clock.freeze(began + timedelta(hours=hour))
        ran(row, alice, *RUN_AND_STOPPED)
    refused = refusal(lambda: actions.start(alice))
    assert (refused.code, refused.status, refused.retry_after) == ("too_many_starts", 429, 22 * 3600)
    assert "3" in refused.message
    assert Instance.objects.get().status == Status.STOPPED
    assert refusal(lambda: start_as(alice, "t3.medium")).code == "too_many_starts"
    assert Instance.objects.get().instance_type == "t3.small", "all or nothing"
    machines_clock.freeze(began + timedelta(hours=24))
    actions.start(alice)


IN_VAIN = {
    "AWS has none left": [(S.STOPPED, Reason.NO_CAPACITY)],
    "the quota is used up": [(S.STOPPED, Reason.QUOTA)],
    "AWS refuses": [(S.STOPPED, Reason.REFUSED)],
    "AWS takes too long": [(S.STOPPED, Reason.TOO_LATE)],
    "AWS takes it back": [(S.STOPPED, Reason.START_UNDONE)],
}


@pytest.mark.parametrize("way", IN_VAIN.values(), ids=IN_VAIN)
def test_a_start_in_vain_does_not_count(row, alice, way):
    for _time in range(5):
        ran(row, alice, *way)
    actions.start(alice)


OTHERS = {
    "stopped by its owner at once": [(S.STOPPING, Reason.PERSON), (S.STOPPED, Reason.PERSON)],
    "ran": RUN_AND_STOPPED,
    "shut down from inside": [(S.STOPPED, Reason.INSIDE)],
}


@pytest.mark.parametrize("way", OTHERS.values(), ids=OTHERS)
def test_any_other_start_counts(row, alice, way):
    for _time in range(3):
        ran(row, alice, *way)
    assert refusal(lambda: actions.start(alice)).code == "too_many_starts"


def test_what_nobody_or_somebody_else_has_started_does_not_count(row, alice):
    ada, now = person("ada", admin=True), clock.now()
    for by, reason in [(None, Reason.PERSON), (ada, Reason.ADMIN), (None, Reason.OUTSIDE)] * 3:
        StatusChange.objects.create(instance=row, old=S.STOPPED, new=S.STARTING, reason=reason, by=by, at=now)
    StatusChange.objects.create(instance=row, old=S.STOPPED, new=S.RUNNING, reason=Reason.OUTSIDE, at=now)
    actions.start(alice)


def test_a_click_on_what_starts_already_does_not_count(row, alice):
    for _click in range(10):
        actions.start(alice)
    assert StatusChange.objects.filter(new=S.STARTING).count() == 1


def test_bobs_starts_are_not_alices(row, alice):
    bob = person("bob")
    Policy.objects.create(owner=bob, starts_a_day=1)
    bobs = made(bob, status=Status.STOPPED, client_token="b", instance_id="i-2")
    ran(bobs, bob, *RUN_AND_STOPPED)
    assert refusal(lambda: actions.start(bob)).code == "too_many_starts"
    actions.start(alice)


def ended(alice):
    row = Instance.objects.exclude(status=S.TERMINATED).get(owner=alice)
    move(row, S.RUNNING, Reason.DONE)
    move(row, S.TERMINATING, Reason.ADMIN)
    move(row, S.TERMINATED, Reason.DONE)


def test_the_third_new_machine_of_a_day_is_refused(alice):
    for _time in range(2):
        actions.create(alice)
        ended(alice)
    refused = refusal(lambda: actions.create(alice))
    assert (refused.code, refused.retry_after) == ("too_many_creations", 24 * 3600)


@pytest.mark.parametrize("reason", [Reason.NO_CAPACITY, Reason.QUOTA, Reason.LAUNCH_FAILED, Reason.TOO_LATE])
def test_a_machine_that_could_not_be_made_does_not_count(alice, reason):
    for _time in range(5):
        row = actions.create(alice)
        row.refresh_from_db()
        assert move(row, S.FAILED, reason, is_clean=True)
    actions.create(alice)


def test_where_a_rule_says_none_there_is_no_next_time(alice, row):
    Policy.objects.update(starts_a_day=0)
    refused = refusal(lambda: actions.start(alice))
    assert (refused.status, refused.retry_after) == (403, None)


def resized(row, instance_type, at):
    record = Record(size=Size(instance_type, 30), status_reason=Reason.PERSON)
    StatusChange.objects.create(
        instance=row, old=S.STOPPED, new=S.STOPPED, reason=Reason.RESIZED, detail=record.to_json(), at=at
    )


def test_the_third_change_of_type_is_refused_and_a_bigger_disk_is_none(alice, row):
    now = clock.now()
    for hours, kind in [(100, "t3.small"), (3, "t3.medium"), (2, "t3.medium"), (1, "t3.large")]:
        resized(row, kind, now - timedelta(hours=hours))
    refused = refusal(lambda: change_size(alice, "t3.medium"))
    assert (refused.code, refused.retry_after) == ("too_many_type_changes", 21 * 3600)
    Policy.objects.update(type_changes_a_day=3)
    change_size(alice, "t3.medium")


def test_what_ada_starts_for_alice_uses_up_none_of_her_starts_and_needs_one(row, alice):
    ada = person("ada", admin=True)

    def start_by_ada():
        actions.start(alice, by=ada)
        row.refresh_from_db()
        for status, reason in RUN_AND_STOPPED:
            assert move(row, status, reason)

    for _ in range(5):
        start_by_ada()
    for _ in range(3):
        ran(row, alice, *RUN_AND_STOPPED)
    assert refusal(lambda: actions.start(alice)).code == "too_many_starts"
    assert refusal(start_by_ada).code == "too_many_starts"


def test_what_ada_creates_for_alice_uses_up_none_of_her_new_machines(alice):
    ada = person("ada", admin=True)
    for times in range(5):
        row = actions.create(alice, by=ada if times < 3 else None)
        for status in (S.TERMINATING, S.TERMINATED):
            assert move(row, status, Reason.ADMIN, by=ada)
    assert refusal(lambda: actions.create(alice)).code == "too_many_creations"
