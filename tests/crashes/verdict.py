"""What is wrong after a scenario: in AWS, as boto3 shows it; in the database; and on the machine, by SSH."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import asyncssh

from ondol.cloud.canary import DOCTOR
from ondol.config import LOOPBACK
from tests.crashes.ground import Ground
from tests.crashes.life import Facts, Life
from tests.crashes.scenarios import Scenario

logging.getLogger("asyncssh").setLevel(logging.WARNING)
KINDS = ORPHAN, DOUBLE, LOST_KEY, OPEN, LATE, WRONG = (
    "an orphan", "a double", "a lost key", "an open door", "not settled in 60 s", "wrong",
)  # fmt: skip
"""Something of nobody's, or more of it than there should be; two machines; a key that opens nothing; a machine that
others can reach than should; …"""
Wrong = tuple[str, str]


async def wrongs(life: Life, scenario: Scenario, facts: Facts) -> list[Wrong]:
    """Each as its kind and a sentence; empty: all is well."""
    there = await asyncio.to_thread(inventory, life.ground, facts["deployment"])
    found = list(_machines(life, facts, there))
    live = facts["status"] != "TERMINATED"
    wanted = {"instance": [facts["machine"]], "group": [facts["group_id"]], "volume": [...]}
    # A key of her own that took another's place is not in AWS.
    wanted |= {kind: [facts[name]] if facts[name] else [] for kind, name in (("key", "key_pair"), ("alarm", "alarm"))}
    for kind, names in there.items():
        names = [... for _ in names] if kind == "volume" else names
        if names != (wanted[kind] if live else []):
            found.append((ORPHAN if len(names) > live else WRONG, f"{kind}: {there[kind]} for {facts}"))
    if scenario.reason and facts["reason"] != scenario.reason:
        found.append((WRONG, f"the reason is {facts['reason']}"))
    if changes := _broken(facts["changes"], facts["told"]):
        found.append((WRONG, changes))
    if live and {facts["size"], facts["recorded_size"]} != {
        size := await asyncio.to_thread(size_of, life.ground, facts)
    }:
        found.append((WRONG, f"AWS has {size}, the row {facts['size']}, costs go by {facts['recorded_size']}"))
    found += _keys(life, facts)
    held_until = max(filter(None, [facts["awake_until"], facts["lease_until"]]), default=None)
    if held_until and (until := await asyncio.to_thread(_let_be_until, life.ground, facts, held_until)):
        found.append((WRONG, f"to be let be until {held_until}, armed until {until}"))
    found += await asyncio.to_thread(_door, life.ground, scenario, facts)
    if facts["status"] == "RUNNING" and (no := await locked_out(life, facts, is_alone=True)):
        found.append((LOST_KEY, no))
    return found


def _keys(life: Life, facts: Facts) -> Iterator[Wrong]:
    """The row, its stored key and the record tell of the same one."""
    if facts["status"] == "TERMINATED":
        if facts["sealed"]:
            yield WRONG, "the sealed key is still there"
    elif facts["sealed"] != facts["key_pair"]:
        yield LOST_KEY, f"sealed: {facts['sealed']}, the row has {facts['key_pair']}"
    if facts["key_changes"] != life.keys_replaced:
        yield WRONG, f"the record tells of {facts['key_changes']} other keys, not of {life.keys_replaced}"


def _let_be_until(ground: Ground, facts: Facts, held_until: datetime) -> datetime | None:
    """Until when its alarm does not judge it, where that is too early."""
    (alarm,) = ground.cloudwatch.describe_alarms(AlarmNames=[facts["alarm"]])["MetricAlarms"]
    minutes = alarm["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"]
    until: datetime = alarm["AlarmConfigurationUpdatedTimestamp"] + timedelta(minutes=minutes)
    told_in = timedelta(seconds=1)
    return until if until + told_in < held_until else None


def _machines(life: Life, facts: Facts, there: dict[str, list[str]]) -> Any:
    if len(life.launched) != 1:
        yield DOUBLE, f"AWS has made {sorted(life.launched)}"
    elif life.launched != {facts["machine"]}:
        yield DOUBLE, f"AWS has made {life.launched}, the row knows {facts['machine']}"
    if len(there["instance"]) > 1:
        yield DOUBLE, f"alive: {there['instance']}"


def _broken(changes: list[str], told: list[str]) -> str:
    """Each change of status begins where the last one ended, and none came twice; the record tells of each."""
    if told != changes:
        return f"its status went {changes}, and the record of who did what says {told}"
    ends = [change.split(">") for change in changes]
    follow = all(before[1] == after[0] for before, after in pairwise(ends))
    return "" if follow and ends[0] == ["", "PENDING"] else f"the record is broken: {changes}"


def inventory(ground: Ground, deployment: str) -> dict[str, list[str]]:
    """All that carries this deployment's tag and is not at its end, by kind."""
    ours = [{"Name": "tag:OndolDeployment", "Values": [deployment]}]
    alive = [*ours, {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    reservations = ground.ec2.describe_instances(Filters=alive)["Reservations"]
    alarms = ground.cloudwatch.describe_alarms()["MetricAlarms"]
    return {
        "instance": [each["InstanceId"] for reservation in reservations for each in reservation["Instances"]],
        "volume": [each["VolumeId"] for each in ground.ec2.describe_volumes(Filters=ours)["Volumes"]],
        "group": [each["GroupId"] for each in ground.ec2.describe_security_groups(Filters=ours)["SecurityGroups"]],
        "key": [each["KeyName"] for each in ground.ec2.describe_key_pairs(Filters=ours)["KeyPairs"]],
        "alarm": [each["AlarmName"] for each in alarms if deployment in each.get("AlarmDescription", "")],
    }


def watched_by(ground: Ground, machine: str) -> list[str]:
    """The alarms of this machine, by their names."""
    cpu = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization"}
    of_it = [{"Name": "InstanceId", "Value": machine}]
    alarms = ground.cloudwatch.describe_alarms_for_metric(**cpu, Dimensions=of_it)["MetricAlarms"]
    return [alarm["AlarmName"] for alarm in alarms]


def size_of(ground: Ground, facts: Facts) -> str:
    """Type and disk of this machine."""
    (reservation,) = ground.ec2.describe_instances(InstanceIds=[facts["machine"]])["Reservations"]
    ours = [{"Name": "attachment.instance-id", "Values": [facts["machine"]]}]
    (volume,) = ground.ec2.describe_volumes(Filters=ours)["Volumes"]
    return f"{reservation['Instances'][0]['InstanceType']}, {volume['Size']} GiB"


def _door(ground: Ground, scenario: Scenario, facts: Facts) -> list[Wrong]:
    """The group of a suspended person lets in nobody; that of others lets in what the row says, and no worker."""
    if facts["status"] == "TERMINATED":
        return []
    (shown,) = ground.ec2.describe_security_groups(GroupIds=[facts["group_id"]])["SecurityGroups"]
    is_shut, permitted = scenario.reason == "NOT_APPROVED", shown["IpPermissions"]
    ranges = {each["CidrIp"] for rule in permitted for each in rule["IpRanges"]}
    is_right = is_shut != bool(permitted) and ranges == set(facts["ssh_ranges"]) - {LOOPBACK}
    return [] if is_right else [(OPEN, f"its group lets in {ranges or 'nobody'}, the row says {facts['ssh_ranges']}")]


def everything(ground: Ground) -> Counter[str]:
    """All that there is in AWS, tagged or not, but for machines that have ended.

    The alarm that a killed check-up leaves acts on nothing, and goes with the next check-up.
    """
    alarms = ground.cloudwatch.describe_alarms()["MetricAlarms"]
    machines = [m for r in ground.ec2.describe_instances()["Reservations"] for m in r["Instances"]]
    groups = ground.ec2.describe_security_groups()["SecurityGroups"]
    return +Counter(
        instance=sum(machine["State"]["Name"] != "terminated" for machine in machines),
        volume=len(ground.ec2.describe_volumes()["Volumes"]),
        group=sum(group["GroupName"] != "default" for group in groups),
        key=len(ground.ec2.describe_key_pairs()["KeyPairs"]),
        alarm=sum(not alarm["AlarmName"].startswith(DOCTOR) for alarm in alarms),
    )


async def locked_out(life: Life, facts: Facts, name: str = "alice", *, is_alone: bool = False) -> str:
    """Why the key that this person can have does not log in, or if it `is_alone` not only that; empty: all is well."""
    try:
        key = asyncssh.import_private_key(await life.ground.ask(life.url, "key", name))
        async with asyncssh.connect(
            facts["address"], int(life.ground.aws["ONDOL_SSH_PORT"]), username="ubuntu",
            client_keys=[key], known_hosts=None, config=None, agent_path=None,
        ) as connection:  # fmt: skip
            said = str((await connection.run("cat .ssh/authorized_keys", timeout=20)).stdout)
            let_in = [line.split()[1] for line in said.splitlines() if line.strip()]
            hers = key.export_public_key().decode().split()[1]
            is_right = let_in == [hers] if is_alone else hers in let_in
            return "" if is_right else f"with {hers} it lets in {let_in}"
    except (OSError, AssertionError, asyncssh.Error) as error:
        return f"{type(error).__name__}: {error}"
