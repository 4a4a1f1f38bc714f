"""Clients are made when they are needed, not before there are credentials; and each of their calls is followed."""

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from boto3.session import Session
from botocore.stub import Stubber

from ondol.cloud.aws_calls import WORKER_CONFIG, Clients, ask, session
from ondol.cloud.errors import CloudError, Unreachable
from ondol.logs import TextFormatter
from ondol.metrics import AWS_CALLS


@pytest.fixture
def clients(monkeypatch, tmp_path):
    """Return the clients of a host that has no credentials yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return Clients(Session(region_name="ap-northeast-2"), "http://127.0.0.1:9", WORKER_CONFIG)


def test_threads_that_ask_at_once_have_one_session():
    """A worker's jobs for machines and the one for prices ask for it side by side at the start."""
    together = Barrier(4)

    def ask_for_it(_: int) -> Session:
        together.wait()
        return session("eu-south-2")

    with ThreadPoolExecutor(4) as threads:
        assert len(set(map(id, threads.map(ask_for_it, range(4))))) == 1


def test_credentials_that_come_later_count(clients, monkeypatch):
    with pytest.raises(Unreachable, match="NoCredentialsError"):
        clients("sts")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert clients("sts") is clients("sts")


@pytest.fixture
def ec2(clients, monkeypatch):
    """Return a client whose answers are given before."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    with Stubber(clients("ec2")) as stubber:
        yield stubber


def count(operation, outcome):
    return AWS_CALLS.labels("ec2", operation, outcome)._value.get()


REFUSALS = [
    ("InsufficientInstanceCapacity", 500, "NoCapacity"),
    ("VcpuLimitExceeded", 400, "Quota"),
    ("UnauthorizedOperation", 403, "Refused"),
    ("RequestLimitExceeded", 503, "Throttled"),
    ("InvalidInstanceID.NotFound", 400, "Gone"),
    ("IncorrectInstanceState", 400, "NotYet"),
    ("NobodyHasSeenThis", 400, "Refused"),
    ("NobodyHasSeenThat", 502, "Unreachable"),
]


@pytest.mark.parametrize(("code", "status", "outcome"), REFUSALS)
def test_a_refusal_is_counted_by_its_class_and_told_with_its_code(ec2, caplog, code, status, outcome):
    caplog.set_level(logging.INFO, "ondol.aws")
    before = count("StopInstances", outcome)
    ec2.add_client_error("stop_instances", code, "secret text of AWS", status)
    with pytest.raises(CloudError):
        ask(ec2.client.stop_instances, InstanceIds=["i-0123456789abcdef0"])
    assert count("StopInstances", outcome) == before + 1
    (line,) = caplog.records
    assert (line.operation, line.outcome, line.code) == ("StopInstances", outcome, code)
    assert "secret text" not in TextFormatter().format(line)


def test_what_changes_something_is_told_and_what_only_reads_is_counted(ec2, caplog):
    caplog.set_level(logging.INFO, "ondol.aws")
    ec2.add_response("describe_instances", {"Reservations": []})
    ec2.add_response("stop_instances", {"ResponseMetadata": {"RequestId": "7a62c49f"}})
    reads = count("DescribeInstances", "ok")
    ask(ec2.client.describe_instances)
    ask(ec2.client.stop_instances, InstanceIds=["i-0123456789abcdef0"])
    assert count("DescribeInstances", "ok") == reads + 1
    (line,) = caplog.records
    assert (line.operation, line.outcome, line.aws_request_id) == ("StopInstances", "ok", "7a62c49f")


def test_a_dry_run_is_neither_a_call_that_was_done_nor_one_that_was_refused(ec2):
    before = count("StopInstances", "dry_run")
    ec2.add_client_error("stop_instances", "DryRunOperation", "", 412)
    with pytest.raises(CloudError):
        ask(ec2.client.stop_instances, InstanceIds=["i-0123456789abcdef0"], DryRun=True)
    assert count("StopInstances", "dry_run") == before + 1


@pytest.mark.enable_socket
def test_a_call_that_is_not_answered_is_counted(clients, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    ec2, before = clients("ec2"), count("StopInstances", "Unreachable")
    with pytest.raises(Unreachable):
        ask(ec2.stop_instances, InstanceIds=["i-0123456789abcdef0"])
    assert count("StopInstances", "Unreachable") == before + 1
