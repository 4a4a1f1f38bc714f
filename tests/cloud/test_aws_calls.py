"""Clients are made when they are needed, and not before there are credentials."""

import pytest
from boto3.session import Session

from ondol.cloud.aws_calls import WORKER_CONFIG, Clients
from ondol.cloud.errors import Unreachable


@pytest.fixture
def clients(monkeypatch, tmp_path):
    """Return the clients of a host that has no credentials yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return Clients(Session(region_name="ap-northeast-2"), "http://127.0.0.1:9", WORKER_CONFIG)


def test_credentials_that_come_later_count(clients, monkeypatch):
    with pytest.raises(Unreachable, match="NoCredentialsError"):
        clients("sts")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert clients("sts") is clients("sts")
