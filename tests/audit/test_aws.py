"""Calls to AWS as rows: whose machine, which call, and how it ended."""

import pytest

from ondol.audit.actions import Action
from ondol.audit.models import Entry
from ondol.cloud import aws_log
from ondol.deployment.aws_record import note_call, on_behalf_of
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
