"""A listing that is asked for again reads only what has changed, and tells the same as one that reads everything."""

from collections.abc import Iterator
from html import escape
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from ondol.cloud.aws import AwsCloud
from ondol.cloud.errors import Refused
from ondol.cloud.port import Ec2Instance, InstanceState
from tests.cloud.script import DEPLOYMENT, settings

ALICE, BOB, CAROL = "i-0a", "i-0b", "i-0c"


def a_machine(instance_id: str, **changed: str) -> str:
    told = {
        "state": "running", "type": "t3.small", "ip": "198.51.100.7", "launched": "2026-01-05T12:00:00.000Z",
        "reason": "", "volume": "vol-1", "row": f"row-of-{instance_id}", "name": "ondol", "group": "sg-1",
    } | changed  # fmt: skip
    tags = {"OndolId": told["row"], "Name": told["name"]}
    return f"""<item>
        <reservationId>r-{instance_id}</reservationId><groupSet/><instancesSet><item>
        <instanceId>{instance_id}</instanceId><instanceState><code>1</code><name>{told["state"]}</name></instanceState>
        <clientToken>token-{instance_id}</clientToken><instanceType>{told["type"]}</instanceType>
        <ipAddress>{told["ip"]}</ipAddress><launchTime>{told["launched"]}</launchTime>
        <stateReason><code>{told["reason"]}</code></stateReason><rootDeviceName>/dev/sda1</rootDeviceName>
        <blockDeviceMapping><item><deviceName>/dev/sda1</deviceName><ebs><volumeId>{told["volume"]}</volumeId></ebs></item>
        </blockDeviceMapping><groupSet><item><groupId>{told["group"]}</groupId></item></groupSet>
        <tagSet>{"".join(f"<item><key>{key}</key><value>{escape(value)}</value></item>" for key, value in tags.items())}
        </tagSet></item></instancesSet></item>"""


class _Raw:
    def __init__(self, text: str) -> None:
        self._text = text

    def stream(self) -> Iterator[bytes]:
        yield self._text.encode()


class Ec2:
    """Answers DescribeInstances in EC2's own words; `pages` are what it tells now."""

    def __init__(self) -> None:
        self.pages: list[list[str]] = []
        self.status, self.asked = 200, 0
        session = boto3.Session("AKIAEXAMPLE", "not-a-secret", region_name="ap-northeast-2")
        session.events.register("before-send.ec2.DescribeInstances", self._answer)
        self._session = session
        self.cloud = self.fresh()

    def fresh(self) -> AwsCloud:
        """Return somebody who has never asked."""
        return AwsCloud(self._session, settings(), DEPLOYMENT)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        self.asked += 1
        page = self._page_of(request.body)
        more = f"<nextToken>{page + 1}</nextToken>" if page + 1 < len(self.pages) else ""
        told = f"<reservationSet>{''.join(self.pages[page])}</reservationSet>{more}"
        text = f"""<?xml version="1.0" encoding="UTF-8"?>
            <DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>{self.asked}</requestId>
            {told}</DescribeInstancesResponse>"""
        if self.status != 200:
            text = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message/></Error></Errors></Response>"
        return AWSResponse(request.url, self.status, {}, _Raw(text))

    @staticmethod
    def _page_of(body: Any) -> int:
        text = body.decode() if isinstance(body, bytes) else str(body)
        return int(text.partition("NextToken=")[2].partition("&")[0] or 0)


@pytest.fixture
def ec2() -> Ec2:
    return Ec2()


def told(found: list[Ec2Instance]) -> dict[str, Ec2Instance]:
    return {one.instance_id: one for one in found}


def test_what_is_as_it_was_is_not_read_again(ec2):
    ec2.pages = [[a_machine(ALICE), a_machine(BOB)], [a_machine(CAROL)]]
    first, again = told(ec2.cloud.ec2_instances()), told(ec2.cloud.ec2_instances())
    assert list(again) == [ALICE, BOB, CAROL]
    assert all(again[one] is first[one] for one in again)
    assert ec2.asked == 4  # two pages each: it is asked for all the same


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "stopped"}, {"type": "t3.large"}, {"ip": "198.51.100.8"}, {"launched": "2026-01-05T12:00:01.000Z"},
        {"reason": "Client.UserInitiatedShutdown"}, {"volume": "vol-2"}, {"row": "row-of-mallory"}, {"group": "sg-2"},
    ],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_whatever_has_changed_is_told(ec2, changed):
    ec2.pages = [[a_machine(ALICE), a_machine(BOB)], [a_machine(CAROL)]]
    before = told(ec2.cloud.ec2_instances())
    ec2.pages = [[a_machine(ALICE), a_machine(BOB, **changed)], [a_machine(CAROL)]]
    now = ec2.cloud.ec2_instances()
    assert now == ec2.fresh().ec2_instances()
    assert told(now)[BOB] != before[BOB]
    assert told(now)[ALICE] is before[ALICE]


@pytest.mark.parametrize(
    "pages",
    [
        [[a_machine(BOB)], [a_machine(CAROL)]],
        [[a_machine(CAROL), a_machine(ALICE)], [a_machine("i-0d"), a_machine(BOB)]],
        [[a_machine(CAROL)]],
        [[]],
    ],
    ids=["one gone", "another order, and one more", "a page gone", "all gone"],
)
def test_machines_come_and_go(ec2, pages):
    ec2.pages = [[a_machine(ALICE), a_machine(BOB)], [a_machine(CAROL)]]
    ec2.cloud.ec2_instances()
    ec2.pages = pages
    assert ec2.cloud.ec2_instances() == ec2.fresh().ec2_instances()
    ec2.pages = [[a_machine(ALICE, state="stopped"), a_machine(BOB)], [a_machine(CAROL)]]
    assert ec2.cloud.ec2_instances() == ec2.fresh().ec2_instances()


@pytest.mark.parametrize(
    "name", ["<item><reservationId>r-i-0b", "</reservationSet>", "<![CDATA[", "&amp;", "한빛 \N{WAVE DASH}"]
)
def test_what_people_write_into_a_tag_is_only_text(ec2, name):
    ec2.pages = [[a_machine(ALICE, name=name), a_machine(BOB)]]
    ec2.cloud.ec2_instances()
    ec2.pages = [[a_machine(ALICE, name=name, state="stopped"), a_machine(BOB)]]
    again = told(ec2.cloud.ec2_instances())
    assert [again[ALICE].state, again[BOB].state] == [InstanceState.STOPPED, InstanceState.RUNNING]


def test_an_answer_with_other_xml_is_read_as_a_whole(ec2):
    """EC2 has never written such a section; within it, an element would look like one and be none."""
    named = a_machine(ALICE).replace(">ondol<", "><![CDATA[<item><reservationId>r-0</reservationId></item>]]><")
    ec2.pages = [[named, a_machine(BOB)]]
    assert ec2.cloud.ec2_instances() == ec2.cloud.ec2_instances() == ec2.fresh().ec2_instances()


def test_a_listing_that_fails_changes_nothing(ec2):
    ec2.pages = [[a_machine(ALICE)], [a_machine(BOB)]]
    before = ec2.cloud.ec2_instances()
    ec2.status = 403
    with pytest.raises(Refused):
        ec2.cloud.ec2_instances()
    ec2.status = 200
    assert ec2.cloud.ec2_instances() == before


@pytest.mark.parametrize("ask", ["some", "moving"])
def test_what_changes_is_asked_for_every_two_seconds_and_read_once(ec2, ask):
    """A thousand may stop at once, and nearly all are in the next answer as they were in this one."""

    def asked(cloud: AwsCloud) -> list[Ec2Instance]:
        return cloud.moving() if ask == "moving" else cloud.ec2_instances(["row-of-i-0a", "row-of-i-0b"])

    ec2.pages = [[a_machine(ALICE, state="stopping"), a_machine(BOB, state="stopping")]]
    first, again = told(asked(ec2.cloud)), told(asked(ec2.cloud))
    assert again[ALICE] is first[ALICE]
    ec2.pages = [[a_machine(ALICE, state="stopped"), a_machine(BOB, state="stopping")]]
    assert asked(ec2.cloud) == asked(ec2.fresh())
    assert told(asked(ec2.cloud))[ALICE].state is InstanceState.STOPPED
