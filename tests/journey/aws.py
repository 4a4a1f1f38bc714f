"""What AWS has of somebody, counted by boto3 itself: our own answers may be wrong."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.journey.site import Person

Things = dict[str, list[dict[str, Any]]]
KINDS = ("instance", "volume", "network interface", "security group", "key pair", "alarm")
ONE_OF_EACH = dict.fromkeys(KINDS, 1)
NOTHING: Things = {kind: [] for kind in KINDS}

_ROWS = "SELECT i.id::text FROM instances_instance i JOIN accounts_user u ON u.id = i.owner_id WHERE u.email = %s"
_WHO = "SELECT u.id::text, d.id::text FROM accounts_user u, instances_deployment d WHERE u.email = %s"
_SEALED = """
SELECT k.key_pair_name FROM instances_sshkey k JOIN instances_instance i ON i.id = k.instance_id
JOIN accounts_user u ON u.id = i.owner_id WHERE u.email = %s
"""
_LIVE = ["pending", "running", "stopping", "stopped"]


def things_of(person: Person) -> Things:
    """Return everything with this deployment's and this person's tags; alarms by the names of all rows there ever
    were."""
    ec2 = person.site.aws("ec2")
    mine = [{"Name": f"tag:{key}", "Values": [value]} for key, value in _own_tags(person).items()]
    live = [*mine, {"Name": "instance-state-name", "Values": _LIVE}]
    return {
        "instance": [one for some in ec2.describe_instances(Filters=live)["Reservations"] for one in some["Instances"]],
        "volume": ec2.describe_volumes(Filters=mine)["Volumes"],
        "network interface": ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"],
        "security group": ec2.describe_security_groups(Filters=mine)["SecurityGroups"],
        "key pair": ec2.describe_key_pairs(Filters=mine)["KeyPairs"],
        "alarm": list(_alarms_of(person)),
    }


def count(things: Things) -> dict[str, int]:
    return {kind: len(some) for kind, some in things.items()}


def tags_of(thing: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing.get("Tags") or thing.get("TagSet") or []}


def wanted_tags(person: Person, row: str) -> dict[str, str]:
    """Return the tags on everything of a machine."""
    more = {"Name": f"ondol-{person.name}", "Project": "ondol", "ManagedBy": "ondol", "OndolId": row}
    return _own_tags(person) | more


def sealed_keys(person: Person) -> list[str]:
    """Return the names of the key pairs whose private key the database still has."""
    return [name for (name,) in person.site.ask(_SEALED, person.email)]


def stops_of(person: Person) -> list[datetime]:
    """Return when the alarm has stopped the machine, the first time first, on AWS's clock."""
    cloudwatch, found = person.site.aws("cloudwatch"), []
    for (row,) in person.site.ask(_ROWS, person.email):
        for name in _names(row):
            history = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="Action")
            for item in history["AlarmHistoryItems"]:
                assert json.loads(item["HistoryData"])["actionState"] == "Succeeded", item
                found.append(item["Timestamp"])
    return sorted(found)


def _names(row: str) -> list[str]:
    """The names that its alarms have in turn."""
    return [f"ondol-{row}", f"ondol-{row}-2"]


def _own_tags(person: Person) -> dict[str, str]:
    [(user, deployment)] = person.site.ask(_WHO, person.email)
    return {"UserId": user, "OndolDeployment": deployment}


def _alarms_of(person: Person) -> Iterator[dict[str, Any]]:
    cloudwatch = person.site.aws("cloudwatch")
    for (row,) in person.site.ask(_ROWS, person.email):
        for alarm in cloudwatch.describe_alarms(AlarmNames=_names(row))["MetricAlarms"]:
            tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
            yield alarm | {"Tags": tags}
