"""A deployment belongs to one account and one region, and a trouble with AWS keeps when it began."""

import pytest

from ondol.cloud.errors import WrongAccount
from ondol.cloud.port import AwsAccount
from ondol.deployment import health
from ondol.deployment.account import bind_account
from ondol.deployment.models import Deployment


def test_the_beginning_of_a_trouble_is_kept(db):
    health.note_trouble("Unreachable", "EndpointConnectionError")
    since = Deployment.objects.get().trouble_since
    health.note_trouble("Throttled", "RequestLimitExceeded")
    here = Deployment.objects.get()
    assert (here.trouble, here.trouble_since) == ("Throttled", since)


@pytest.mark.parametrize(
    "other", [AwsAccount("999999999999", "ap-northeast-2"), AwsAccount("123456789012", "us-east-1")]
)
def test_credentials_of_another_place_are_not_used(db, other):
    bind_account(AwsAccount("123456789012", "ap-northeast-2"))
    bind_account(AwsAccount("123456789012", "ap-northeast-2"))
    with pytest.raises(WrongAccount):
        bind_account(other)
