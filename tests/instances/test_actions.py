"""What people may ask of their machine, in every state of it, and who may ask."""

from contextlib import suppress

import pytest
from django.db import connection
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts.models import Approval, User
from ondol.instances import actions, names, ssh
from ondol.instances.errors import ActionError
from ondol.instances.jobs import RECONCILE, enqueue
from ondol.instances.key_file import take_key
from ondol.instances.models import Instance, SshKey, StatusChange
from ondol.instances.moves import move
from ondol.instances.states import Reason, Status
from tests.committed import committed, together  # noqa: F401  a fixture
from tests.instances.keys import PEM, keep
from tests.instances.rig import made, person

pytestmark = pytest.mark.django_db

# Status → what comes of it, or why it cannot be.
CREATE = {
    Status.PENDING: "PENDING", Status.RUNNING: "already_there", Status.STOPPING: "already_there",
    Status.STOPPED: "already_there", Status.STARTING: "already_there", Status.TERMINATING: "terminating",
    Status.FAILED: "PENDING",
}  # fmt: skip
START = {
    Status.PENDING: "PENDING", Status.RUNNING: "RUNNING", Status.STOPPING: "stopping", Status.STOPPED: "STARTING",
    Status.STARTING: "STARTING", Status.TERMINATING: "terminating", Status.FAILED: "failed",
}  # fmt: skip
STOP = {
    Status.PENDING: "starting", Status.RUNNING: "STOPPING", Status.STOPPING: "STOPPING", Status.STOPPED: "STOPPED",
    Status.STARTING: "starting", Status.TERMINATING: "terminating", Status.FAILED: "failed",
}  # fmt: skip
TERMINATE = dict.fromkeys(CREATE, "TERMINATING")
WISHES = [
    (wish, status, result)
    for wish, table in (("create", CREATE), ("start", START), ("stop", STOP), ("terminate", TERMINATE))
    for status, result in table.items()
]


def machine(owner, status=Status.RUNNING, **fields):
    return made(owner, status=status, **fields)


def ask(wish, owner, ada=None):
    if wish == "terminate":
        return actions.terminate(owner, by=ada or person("ada", admin=True))
    return getattr(actions, wish)(owner)


def jobs(row):
    return ProcrastinateJob.objects.filter(task_name=RECONCILE, args__row=str(row.pk)).count()


# --- wishes ----------------------------------------------------------------------------------------------------------
def test_every_state_has_an_answer_to_every_wish():
    for table in (CREATE, START, STOP, TERMINATE):
        assert set(table) == set(Status) - {Status.TERMINATED}


@pytest.mark.parametrize(("wish", "status", "result"), WISHES)
def test_a_wish_is_met_or_explained(alice, wish, status, result):
    row = machine(alice, status)
    if result in set(Status):
        assert ask(wish, alice).status == result
        assert jobs(row) == 1
    else:
        with translation.override("en"), pytest.raises(ActionError) as error:
            ask(wish, alice)
        assert (error.value.code, error.value.status) == (result, 409)
        assert error.value.message.endswith(".")
        assert jobs(row) == 0
    row.refresh_from_db()
    assert row.status == (result if result in set(Status) else status)


@pytest.mark.parametrize(("wish", "status", "result"), WISHES)
def test_a_change_is_written_down_with_who_asked(alice, ada, wish, status, result):
    row = machine(alice, status)
    with suppress(ActionError):
        ask(wish, alice, ada)
    changes = list(StatusChange.objects.filter(instance=row).values_list("old", "new", "reason", "by__name"))
    changed = result in set(Status) and result != status
    who = ("ADMIN", "Ada") if wish == "terminate" else ("PERSON", "Alice")
    assert changes == ([(status, result, *who)] if changed else [])


@pytest.mark.parametrize("wish", ["start", "stop", "terminate"])
@pytest.mark.parametrize("history", [False, True])
def test_without_a_machine_there_is_nothing_to_ask(alice, wish, history):
    if history:
        machine(alice, Status.TERMINATED)
    with pytest.raises(ActionError) as error:
        ask(wish, alice)
    assert (error.value.code, error.value.status) == ("no_machine", 404)


def test_a_first_machine_is_as_the_settings_say(alice):
    row = actions.create(alice)
    assert (row.status, row.instance_type, row.volume_gib) == ("PENDING", "t3.small", 30)
    change = StatusChange.objects.get(instance=row)
    assert (change.old, change.new, change.reason, change.by) == ("", "PENDING", "PERSON", alice)
    assert jobs(row) == 1


def test_a_new_machine_after_the_old_one_has_ended(alice):
    old = machine(alice, Status.TERMINATED)
    new = actions.create(alice)
    assert new.pk != old.pk
    assert actions.current(alice) == new


def test_a_failed_machine_is_tried_again_only_when_it_is_cleaned_up(alice):
    row = machine(alice, Status.FAILED, is_clean=False, client_token="t", instance_id="i-1")
    with pytest.raises(ActionError) as error:
        actions.create(alice)
    assert error.value.code == "cleaning_up"
    Instance.objects.update(is_clean=True)
    again = actions.create(alice)
    assert (again.pk, again.status, again.client_token, again.instance_id) == (row.pk, "PENDING", None, None)


def test_an_administrator_may_stop_alices_machine(alice, ada):
    machine(alice)
    row = actions.stop(alice, by=ada)
    assert (row.status, row.status_reason) == ("STOPPING", Reason.ADMIN)


def test_clicks_in_a_row_are_one_job(alice):
    machine(alice, Status.STOPPED)
    for _ in range(5):
        row = actions.start(alice)
    assert jobs(row) == 1


def test_a_job_that_waits_already_does_not_undo_the_change(alice):
    row = machine(alice)
    enqueue(row)
    actions.stop(alice)
    row.refresh_from_db()
    assert row.status == "STOPPING"


# --- who -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("approval", [Approval.PENDING, Approval.REJECTED, Approval.SUSPENDED])
@pytest.mark.parametrize("wish", [actions.create, actions.start, actions.stop, take_key])
def test_only_approved_people_may_ask(wish, approval):
    carol = person("carol", approval=approval)
    with pytest.raises(ActionError) as error:
        wish(carol)
    assert (error.value.code, error.value.status) == ("not_approved", 403)
    assert not Instance.objects.exists()


def test_a_suspension_counts_at_once(alice):
    machine(alice, Status.STOPPED)
    type(alice).objects.update(approval=Approval.SUSPENDED)  # while she has a page open
    with pytest.raises(ActionError):
        actions.start(alice)


@pytest.mark.parametrize("wish", [actions.stop, actions.terminate])
def test_bob_may_not_touch_alices_machine(alice, wish):
    row = machine(alice)
    with pytest.raises(ActionError) as error:
        wish(alice, by=person("bob"))
    assert (error.value.code, error.value.status) == ("not_admin", 403)
    row.refresh_from_db()
    assert row.status == "RUNNING"


def test_alice_may_not_end_her_own_machine(alice):
    machine(alice)
    with pytest.raises(ActionError) as error:
        actions.terminate(alice, by=alice)
    assert error.value.code == "not_admin"


# --- the key ---------------------------------------------------------------------------------------------------------
def with_key(owner, status=Status.RUNNING):
    row = machine(owner, status)
    keep(row)
    return row


@pytest.mark.parametrize("status", [Status.RUNNING, Status.STOPPING, Status.STOPPED, Status.STARTING])
def test_a_key_is_taken_as_often_as_one_likes(alice, status):
    stem = f"ondol-alice-{str(with_key(alice, status).pk)[:8]}"
    for _ in range(2):
        file = take_key(alice)
        assert (file.name, file.text) == (f"{stem}.pem", PEM)
    assert take_key(alice, "ppk").name == f"{stem}.ppk"


@pytest.mark.parametrize("kept", ["ondol-alice", "ondol-alice-5f0c9a52"])
def test_alices_key_file_keeps_its_name_when_her_address_changes(alice, kept):
    """The first is that of a key made by an earlier version."""
    row = with_key(alice)
    SshKey.objects.update(file_stem=kept)
    User.objects.filter(pk=alice.pk).update(email="a.kim@example.org")
    alice.refresh_from_db()
    row = Instance.objects.get(pk=row.pk)
    row.public_ip = "203.0.113.17"
    assert take_key(alice).name == f"{kept}.pem"
    assert f"-i ~/.ssh/{kept}.pem " in ssh.command(row)


def test_a_key_file_has_unix_lines_and_a_last_one(alice):
    row = machine(alice)
    pem = PEM.rstrip("\n").replace("\n", "\r\n")
    keep(row, pem)
    assert take_key(alice).text == PEM


@pytest.mark.parametrize("status", [Status.TERMINATING, Status.TERMINATED])
def test_there_is_no_key_to_a_machine_that_ends(alice, status):
    with_key(alice, status)
    with pytest.raises(ActionError) as error:
        take_key(alice)
    assert (error.value.code, error.value.status) == ("no_key", 404)


def test_nobody_gets_alices_key(alice, ada):
    with_key(alice)
    machine(ada)
    for other in (ada, person("bob")):
        with pytest.raises(ActionError) as error:
            take_key(other)
        assert error.value.code == "no_key"


def test_a_key_copied_into_bobs_row_stays_shut(alice):
    bob = person("bob")
    stolen = with_key(alice).ssh_key.sealed_private_key
    SshKey.objects.create(instance=machine(bob), key_pair_name="k", sealed_private_key=stolen)
    with pytest.raises(ActionError) as error:
        take_key(bob)
    assert (error.value.code, error.value.status) == ("key_changed", 409)


@pytest.mark.parametrize(
    ("email", "name"),
    [("alice@example.org", "alice"), ("Kim.Young-Hee@x.kr", "kim-young-hee"), ("a+b_c@x.kr", "a-b-c"),
     ("__@x.kr", "machine"), (f"{'a' * 60}@x.kr", "a" * 40)],
)  # fmt: skip
def test_a_file_has_an_ascii_name(alice, email, name):
    alice.email = email
    assert names.ascii_name(alice) == name


def test_a_new_address_is_told_once(alice):
    row = machine(alice, address_changed=True)
    assert [actions.tell_address(row) for _ in range(2)] == [True, False]


# --- at the same time ------------------------------------------------------------------------------------------------
def answer_to(wish):
    """The status, or the code of the refusal."""

    def run():
        try:
            return wish().status
        except ActionError as error:
            return error.code

    return run


def taken_by_a_worker():
    """Let a worker take the next job; return the row that it is about, None if there is nothing that it may take."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT args ->> 'row' FROM procrastinate_fetch_job_v2(ARRAY['instances'], NULL)")
        return cursor.fetchone()[0]


def test_a_click_while_a_worker_is_at_alices_machine_waits_and_bobs_does_not(alice):
    hers, his = machine(alice), machine(person("bob"))
    enqueue(hers)
    assert taken_by_a_worker() == str(hers.pk)
    enqueue(hers)
    enqueue(his)
    assert [taken_by_a_worker(), taken_by_a_worker()] == [str(his.pk), None]


@pytest.mark.usefixtures("committed")
def test_start_and_end_at_once_end_the_machine():
    alice, ada = person("alice"), person("ada", admin=True)
    row = machine(alice, Status.STOPPED)
    answers = together(answer_to(lambda: actions.start(alice)), answer_to(lambda: actions.terminate(alice, by=ada)))
    row.refresh_from_db()
    assert row.status == "TERMINATING"
    assert answers in (["STARTING", "TERMINATING"], ["terminating", "TERMINATING"])
    assert StatusChange.objects.filter(instance=row, new="TERMINATING").count() == 1
    assert jobs(row) == 1


@pytest.mark.usefixtures("committed")
def test_ten_stops_at_once_are_one_change():
    alice = person("alice")
    row = machine(alice)
    assert together(*[answer_to(lambda: actions.stop(alice))] * 10) == ["STOPPING"] * 10
    assert StatusChange.objects.filter(instance=row).count() == 1
    assert jobs(row) == 1


@pytest.mark.usefixtures("committed")
def test_ten_new_attempts_at_once_are_one():
    alice = person("alice")
    row = machine(alice, Status.FAILED)
    assert together(*[answer_to(lambda: actions.create(alice))] * 10) == ["PENDING"] * 10
    assert StatusChange.objects.filter(instance=row, old="FAILED", new="PENDING").count() == 1


def test_who_has_read_an_older_status_changes_nothing(alice):
    row = machine(alice)
    older = Instance.objects.get(pk=row.pk)
    assert move(row, Status.STOPPING, Reason.PERSON)
    assert not move(older, Status.TERMINATING, Reason.ADMIN)
    assert Instance.objects.get(pk=row.pk).status == "STOPPING"


@pytest.mark.parametrize(
    ("reason", "words"),
    [(Reason.ADMIN, "An administrator is deleting this machine."), (Reason.OUTSIDE, "deleted outside Ondol")],
)
@pytest.mark.parametrize("wish", ["create", "start", "stop"])
def test_who_asks_for_a_machine_that_is_being_ended_reads_who_ends_it(alice, wish, reason, words):
    machine(alice, Status.TERMINATING, status_reason=reason)
    with translation.override("en"), pytest.raises(ActionError) as refusal:
        ask(wish, alice)
    assert words in refusal.value.message
