"""A worker has at once what the first click after its start would wait for."""

import pytest

from ondol.cloud.errors import Refused, Spent, Throttled, Unreachable, WrongAccount
from ondol.cloud.port import Image
from ondol.deployment.connection import get_ready
from ondol.testing.fake import FakeCloud
from tests.cloud.script import Script

UBUNTU = {"ImageId": "ami-7", "RootDeviceName": "/dev/sda1", "Architecture": "x86_64"}


def test_the_first_click_asks_one_thing_of_the_image_as_every_other_does(db):
    """Its root device is asked for after its id: two round trips in a row, and a launch waits for the longest."""
    amazon = Script()
    amazon.answers["GetParameter"] = [{"Parameter": {"Value": "ami-7"}}] * 2
    amazon.answers["DescribeImages"] = [{"Images": [UBUNTU]}]
    get_ready(lambda: amazon.cloud)
    amazon.asked.clear()
    assert amazon.cloud.newest_image() == Image("ami-7", "/dev/sda1")
    assert [operation for operation, _ in amazon.asked] == ["GetParameter"]


@pytest.mark.parametrize(
    "trouble",
    [Unreachable("NoCredentialsError"), Throttled("RequestLimitExceeded"), Refused("AccessDenied"), Spent("Spent")],
)
def test_what_aws_refuses_at_the_start_is_left_to_the_jobs(db, trouble):
    cloud = FakeCloud()
    cloud.next_error["newest_image"] = [trouble]
    get_ready(lambda: cloud)
    assert [call.operation for call in cloud.calls] == ["newest_image"]


def test_another_account_at_the_start_is_left_to_the_jobs(db):
    def connect():
        raise WrongAccount("WrongAccount", "the machines are in account 1")

    get_ready(connect)
