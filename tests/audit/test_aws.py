"""Calls to AWS as rows: whose machine, which call, and how it ended."""

import threading

import pytest
from django.db import DatabaseError, connection
from django.db.models.signals import post_save

from ondol.audit.actions import Action
from ondol.audit.models import Entry
from ondol.cloud import aws_log
from ondol.deployment.aws_record import note_call, on_behalf_of, side_by_side
from tests.accounts.conftest import person


def ends(operation, outcome="ok", code=""):
    return aws_log.Call("ec2", operation, outcome, code, "aws-1", {"InstanceIds": "i-0123456789abcdef0"})


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (ends("RunInstances"), "done"),
        (ends("StartInstances"), "done"),
        (ends("StopInstances", "Refused", "UnauthorizedOperation"), "failed"),
        (ends("TerminateInstances", "Unreachable", "ReadTimeoutError"), "failed"),
    ],
)
def test_a_call_that_changes_something_has_a_row_with_its_owner(db, call, outcome):
    bob = person("bob")
    with on_behalf_of(bob):
        note_call(call)
    row = Entry.objects.get(action=Action.AWS)
    assert (row.on_email, row.outcome, row.code) == (bob.email, outcome, call.code)
    assert (row.details["operation"], row.details["InstanceIds"]) == (call.operation, "i-0123456789abcdef0")
    note_call(call)
    assert Entry.objects.filter(action=Action.AWS).latest("pk").on_id is None


@pytest.fixture
def written():
    """Tell when a row is written."""
    told = threading.Event()
    post_save.connect(hear := lambda **_: told.set(), sender=Entry, weak=False)
    yield told
    post_save.disconnect(hear, sender=Entry)


def test_calls_side_by_side_have_their_rows_while_others_go_on(db, written):
    """The thread that waits for the calls writes their rows: a connection for each of them takes longer."""
    connected = []

    def make_key():
        note_call(ends("CreateKeyPair"))
        connected.append(connection.connection)

    def look_long():
        assert written.wait(10), "the row of the other call waits for this one"

    bob = person("bob")
    with on_behalf_of(bob):
        key, look = side_by_side([make_key, look_long])
    assert (key.exception(), look.exception(), connected) == (None, None, [None])
    row = Entry.objects.get(action=Action.AWS)
    assert (row.on_email, row.details["operation"]) == (bob.email, "CreateKeyPair")


def test_a_call_that_fails_side_by_side_has_its_row_and_hides_no_other(db):
    def fail():
        note_call(ends("CreateKeyPair", "Throttled", "RequestLimitExceeded"))
        raise ValueError("no key")

    key, group = side_by_side([fail, lambda: note_call(ends("CreateSecurityGroup"))])
    assert (str(key.exception()), group.exception()) == ("no key", None)
    rows = Entry.objects.filter(action=Action.AWS).values_list("details__operation", "outcome", "code")
    assert set(rows) == {("CreateKeyPair", "failed", "RequestLimitExceeded"), ("CreateSecurityGroup", "done", "")}
    note_call(ends("RunInstances"))
    assert Entry.objects.filter(action=Action.AWS).count() == 3, "what comes after is written where it is made"


def test_without_a_database_what_is_done_side_by_side_goes_on(transactional_db):
    done = []
    with connection.execute_wrapper(_away):
        side_by_side([lambda: note_call(ends("CreateKeyPair")), lambda: done.append("group")])
    assert done == ["group"]
    assert not Entry.objects.filter(action=Action.AWS).exists()


def _away(execute, sql, params, many, context):
    raise DatabaseError("gone")
