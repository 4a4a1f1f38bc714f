"""An EC2 and CloudWatch of many machines, in a process of its own: Amazon's pages, its quotas, and a ledger.

`with Amazon(1000, deployment) as amazon: …`. It serves what observing existing machines needs, and their stops,
starts and alarms; it launches and terminates none. It keeps nothing on disk, so that the client is measured, and not
this server.
"""

import json
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import requests

from ondol.cloud.port import MANAGED_BY, NAME_PREFIX, Tag

REGION, ACCOUNT = "ap-northeast-2", "123456789012"
CONTROL = "/_bench"
STOPPING = 5.0
"""The seconds that a stop takes; at Amazon it is more often a minute."""
PENDING = 10.0
"""The seconds that a start takes; at Amazon ten to sixty."""
QUOTAS = {
    "DescribeInstances": (100, 20), "StartInstances": (5, 2), "StopInstances": (50, 5),
    "DescribeAlarms": (9, 9), "DescribeAlarmHistory": (20, 20), "PutMetricAlarm": (3, 3), "DeleteAlarms": (3, 3),
    "GetMetricData": (50, 50),
}  # fmt: skip
"""Amazon's default quotas: how many calls at once, and how many a second after them."""
RUNS_SINCE = timedelta(minutes=20)
"""How long ago all machines were launched, and their alarms put."""
WARM_UP = 10
"""Minutes, so that their alarms may act."""


def row_of(number: int) -> uuid.UUID:
    return uuid.UUID(int=number + 1, version=4)


def instance_id_of(number: int) -> str:
    return f"i-{number:017x}"


def alarm_of(number: int) -> str:
    return f"{NAME_PREFIX}{row_of(number)}"


class Amazon:
    """The process, and ways to control it without its clients."""

    def __init__(self, machines: int, deployment: str, *, has_quotas: bool = True) -> None:
        self.machines, self.launched = machines, datetime.now(UTC).replace(microsecond=0) - RUNS_SINCE
        words = [sys.executable, "-m", "bench.amazon", str(machines), deployment, str(int(has_quotas))]
        self._words = [*words, self.launched.isoformat()]

    def __enter__(self) -> "Amazon":
        self._process = subprocess.Popen(self._words, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which an SDK calls this process."""
        return {
            "AWS_ENDPOINT_URL": self.url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip

    def calls(self) -> Counter[str]:
        """Return how often each operation was called so far; `refused NAME`: how often it was throttled."""
        return Counter(requests.get(f"{self.url}{CONTROL}/calls", timeout=20).json())

    def stop(self, numbers: Sequence[int], *, by_alarm: bool) -> None:
        """Let these machines begin to stop now: by their alarms, or by somebody in the console."""
        self._tell("stop", {"numbers": list(numbers), "by_alarm": by_alarm})

    def start(self, numbers: Sequence[int]) -> None:
        """Let somebody start them in the console."""
        self._tell("start", {"numbers": list(numbers)})

    def changes(self) -> dict[str, list[tuple[str, float]]]:
        """Return the states that each machine has come to, and when (seconds since 1970), by its id."""
        found: dict[str, list[tuple[str, float]]] = requests.get(f"{self.url}{CONTROL}/changes", timeout=20).json()
        return found

    def _tell(self, what: str, body: dict[str, Any]) -> None:
        requests.post(f"{self.url}{CONTROL}/{what}", json=body, timeout=60).raise_for_status()


# --- the process -----------------------------------------------------------------------------------------------------
class Refused(Exception):
    """An answer that is an error."""


@dataclass
class Machine:
    """One machine; `xml` is how DescribeInstances writes it."""

    number: int
    deployment: str
    launched: datetime
    state: str = "running"
    until: float = 0.0
    """When it enters the next state, if there is one."""
    reason: str = ""
    xml: str = ""

    def tags(self) -> dict[str, str]:
        row, number = str(row_of(self.number)), self.number
        return {
            Tag.NAME: f"ondol-person{number:05}", Tag.PROJECT: "radar", Tag.USER_ID: str(number),
            Tag.MANAGED_BY: MANAGED_BY, Tag.DEPLOYMENT: self.deployment, Tag.ROW: row,
        }  # fmt: skip

    def write(self) -> None:
        number, is_up, reason = self.number, self.state in {"running", "pending"}, self.reason
        address = {"a": number // 250, "b": number % 250 + 1}
        tags = (f"<item><key>{key}</key><value>{escape(value)}</value></item>" for key, value in self.tags().items())
        self.xml = _INSTANCE.format(
            id=instance_id_of(number),
            state=self.state,
            code=_CODES[self.state],
            hexa=f"{number:017x}",
            launched=f"{self.launched:%Y-%m-%dT%H:%M:%S.000Z}",
            token=f"token-{number}",
            a=number // 250 % 250,
            b=number % 250 + 4,
            tags="".join(tags),
            public=_PUBLIC.format(**address) if is_up else "",
            association=_ASSOCIATION.format(**address) if is_up else "",
            reason=f"<stateReason><code>{reason}</code><message>{reason}</message></stateReason>" if reason else "",
        )


@dataclass
class World:
    """All state of the process."""

    machines: list[Machine]
    quotas: dict[str, tuple[int, int]]
    alarms: dict[str, dict[str, Any]] = field(default_factory=dict)
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    changes: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    _moving: set[int] = field(default_factory=set)

    def count(self, operation: str) -> None:
        """Count a call, and refuse what is too often."""
        self.calls[operation] += 1
        if operation not in self.quotas:
            return
        most, rate = self.quotas[operation]
        now = time.monotonic()
        left, at = self._buckets.get(operation, (float(most), now))
        left = min(float(most), left + (now - at) * rate)
        self._buckets[operation] = (left - 1 if left >= 1 else left), now
        if left < 1:
            self.calls[f"refused {operation}"] += 1
            raise Refused("RequestLimitExceeded" if operation.endswith("Instances") else "ThrottlingException")

    def go_on(self) -> None:
        """Bring machines to the states that are due."""
        now = time.time()
        for number in list(self._moving):
            machine = self.machines[number]
            if machine.until <= now:
                self._moving.discard(number)
                self.put(machine, {"stopping": "stopped", "pending": "running"}[machine.state], at=machine.until)

    def put(self, machine: Machine, state: str, lasts: float = 0.0, reason: str = "", at: float = 0.0) -> None:
        """Put a machine into a state, which `lasts` for so long."""
        at = at or time.time()
        machine.state, machine.reason, machine.until = (
            state,
            reason or machine.reason * (state == "stopped"),
            at + lasts,
        )
        if state == "pending":
            machine.launched = datetime.now(UTC)
        if lasts:
            self._moving.add(machine.number)
        machine.write()
        self.changes.setdefault(instance_id_of(machine.number), []).append((state, at))

    def stop(self, machine: Machine, *, by_alarm: bool) -> None:
        """Begin to stop it, with what its alarm's history says of it."""
        if by_alarm:
            name = next(n for n in (alarm_of(machine.number), f"{alarm_of(machine.number)}-2") if n in self.alarms)
            alarm = self.alarms[name]
            alarm |= {"StateValue": "ALARM", "StateUpdatedTimestamp": time.time()}
            self.history.setdefault(name, []).extend(_fired(name, alarm))
        self.put(machine, "stopping", STOPPING, "Client.UserInitiatedShutdown")


_CODES = {"pending": 0, "running": 16, "stopping": 64, "stopped": 80}
_PUBLIC = "<dnsName>ec2-198-51-{a}-{b}.compute.amazonaws.com</dnsName><ipAddress>198.51.{a}.{b}</ipAddress>"
_ASSOCIATION = (
    "<association><publicIp>198.51.{a}.{b}</publicIp><publicDnsName>ec2-198-51-{a}-{b}.compute.amazonaws.com</publicDnsName>"
    "<ipOwnerId>amazon</ipOwnerId></association>"
)
_INSTANCE = """<item><reservationId>r-{hexa}</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet>
<item><instanceId>{id}</instanceId><imageId>ami-0123456789abcdef0</imageId><instanceState><code>{code}</code><name>{state}</name></instanceState>
<privateDnsName>ip-10-20-{a}-{b}.ap-northeast-2.compute.internal</privateDnsName>{public}<reason/>
<keyName>ondol-{hexa}</keyName><amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>t3.small</instanceType>
<launchTime>{launched}</launchTime><placement><availabilityZone>ap-northeast-2a</availabilityZone><groupName/><tenancy>default</tenancy>
</placement><monitoring><state>disabled</state></monitoring><subnetId>subnet-0123456789abcdef0</subnetId><vpcId>vpc-0123456789abcdef0</vpcId>
<privateIpAddress>10.20.{a}.{b}</privateIpAddress><sourceDestCheck>true</sourceDestCheck><groupSet><item><groupId>sg-{hexa}</groupId>
<groupName>ondol-{hexa}</groupName></item></groupSet>{reason}<architecture>x86_64</architecture><rootDeviceType>ebs</rootDeviceType>
<rootDeviceName>/dev/sda1</rootDeviceName><blockDeviceMapping><item><deviceName>/dev/sda1</deviceName><ebs><volumeId>vol-{hexa}</volumeId>
<status>attached</status><attachTime>2026-11-01T00:00:00.000Z</attachTime><deleteOnTermination>true</deleteOnTermination></ebs></item>
</blockDeviceMapping><virtualizationType>hvm</virtualizationType><clientToken>{token}</clientToken><tagSet>{tags}</tagSet><hypervisor>xen</hypervisor>
<networkInterfaceSet><item><networkInterfaceId>eni-{hexa}</networkInterfaceId><subnetId>subnet-0123456789abcdef0</subnetId>
<vpcId>vpc-0123456789abcdef0</vpcId><description/><ownerId>123456789012</ownerId><status>in-use</status><macAddress>02:00:00:00:00:00</macAddress>
<privateIpAddress>10.20.{a}.{b}</privateIpAddress><privateDnsName>ip-10-20-{a}-{b}.ap-northeast-2.compute.internal</privateDnsName>
<sourceDestCheck>true</sourceDestCheck><groupSet><item><groupId>sg-{hexa}</groupId><groupName>ondol-{hexa}</groupName></item></groupSet>
<attachment><attachmentId>eni-attach-{hexa}</attachmentId><deviceIndex>0</deviceIndex><status>attached</status>
<attachTime>2026-11-01T00:00:00.000Z</attachTime><deleteOnTermination>true</deleteOnTermination><networkCardIndex>0</networkCardIndex>
</attachment>{association}<privateIpAddressesSet><item><privateIpAddress>10.20.{a}.{b}</privateIpAddress><primary>true</primary>{association}
</item></privateIpAddressesSet><ipv6AddressesSet/><interfaceType>interface</interfaceType></item></networkInterfaceSet>
<ebsOptimized>false</ebsOptimized><enaSupport>true</enaSupport><cpuOptions><coreCount>1</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>
<capacityReservationSpecification><capacityReservationPreference>open</capacityReservationPreference></capacityReservationSpecification>
<hibernationOptions><configured>false</configured></hibernationOptions><metadataOptions><state>applied</state><httpTokens>required</httpTokens>
<httpPutResponseHopLimit>1</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint><httpProtocolIpv6>disabled</httpProtocolIpv6>
<instanceMetadataTags>disabled</instanceMetadataTags></metadataOptions><enclaveOptions><enabled>false</enabled></enclaveOptions>
<platformDetails>Linux/UNIX</platformDetails><usageOperation>RunInstances</usageOperation>
<usageOperationUpdateTime>2026-11-01T00:00:00.000Z</usageOperationUpdateTime><privateDnsNameOptions><hostnameType>ip-name</hostnameType>
<enableResourceNameDnsARecord>false</enableResourceNameDnsARecord><enableResourceNameDnsAAAARecord>false</enableResourceNameDnsAAAARecord>
</privateDnsNameOptions><maintenanceOptions><autoRecovery>default</autoRecovery></maintenanceOptions><currentInstanceBootMode>legacy-bios</currentInstanceBootMode>
</item></instancesSet></item>"""
"""All that EC2 tells of a machine, as it stands in an answer of 2026."""


def _fired(name: str, alarm: dict[str, Any]) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    data = {
        "newState": {
            "stateValue": "ALARM",
            "stateReasonData": {
                "recentDatapoints": [0.5] * alarm["EvaluationPeriods"],
                "threshold": alarm["Threshold"],
                "queryDate": f"{now:%Y-%m-%dT%H:%M:%S.000+0000}",
            },
        }
    }
    action = {"actionState": "Succeeded", "notificationResource": alarm["AlarmActions"][0]}
    common = {"AlarmName": name, "Timestamp": now.timestamp(), "AlarmType": "MetricAlarm"}
    return [
        common | {"HistoryItemType": "StateUpdate", "HistorySummary": "to ALARM", "HistoryData": json.dumps(data)},
        common | {"HistoryItemType": "Action", "HistorySummary": "stopped", "HistoryData": json.dumps(action)},
    ]


def _filters(form: dict[str, str]) -> list[Callable[[Machine], bool]]:
    """Return the conditions that the filters of a request set for a machine."""
    names = {
        key.split(".")[1]: value for key, value in form.items() if key.startswith("Filter.") and key.endswith(".Name")
    }
    tests: list[Callable[[Machine], bool]] = []
    for index, name in names.items():
        values = {value for key, value in form.items() if key.startswith(f"Filter.{index}.Value.")}
        if name.startswith("tag:"):
            key = name[4:]
            tests.append(lambda machine, key=key, values=values: machine.tags().get(key) in values)  # type: ignore[misc]
        elif name == "tag-key":
            tests.append(lambda machine, values=values: bool(values & set(machine.tags())))  # type: ignore[misc]
        elif name == "instance-id":
            tests.append(lambda machine, values=values: instance_id_of(machine.number) in values)  # type: ignore[misc]
        elif name == "instance-state-name":
            tests.append(lambda machine, values=values: machine.state in values)  # type: ignore[misc]
        else:
            raise Refused("InvalidParameterValue")
    ids = {value for key, value in form.items() if key.startswith("InstanceId.")}
    if ids:
        tests.append(lambda machine: instance_id_of(machine.number) in ids)
    # The cheapest first: states and ids before tags.
    return sorted(tests, key=lambda test: "tags" in test.__code__.co_names)


def _ec2(world: World, form: dict[str, str]) -> str:
    if form.get("DryRun") == "true":  # a check-up asks whether it might
        raise Refused("DryRunOperation")
    match form["Action"]:
        case "DescribeInstances":
            tests = _filters(form)
            first, size = int(form.get("NextToken", 0)), int(form.get("MaxResults", 1000))
            parts: list[str] = []
            token = ""
            for machine in world.machines[first:]:
                if len(parts) == size:
                    token = f"<nextToken>{machine.number}</nextToken>"
                    break
                if all(test(machine) for test in tests):
                    parts.append(machine.xml)
            return f"<reservationSet>{''.join(parts)}</reservationSet>{token}"
        case "StopInstances" | "StartInstances" as what:
            is_stop = what == "StopInstances"
            machine = world.machines[int(form["InstanceId.1"].removeprefix("i-"), 16)]
            before = machine.state
            if before == ("running" if is_stop else "stopped"):
                if is_stop:
                    world.stop(machine, by_alarm=False)
                else:
                    world.put(machine, "pending", PENDING)
            states = "".join(
                f"<{tag}><code>{_CODES[state]}</code><name>{state}</name></{tag}>"
                for tag, state in (("currentState", machine.state), ("previousState", before))
            )
            return f"<instancesSet><item><instanceId>{form['InstanceId.1']}</instanceId>{states}</item></instancesSet>"
    raise Refused("UnauthorizedOperation")


def _cloudwatch(world: World, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
    match operation:
        case "DescribeAlarms":
            names = asked.get("AlarmNames")
            if names is not None:
                return {
                    "MetricAlarms": [world.alarms[name] for name in names if name in world.alarms],
                    "CompositeAlarms": [],
                }
            names = sorted(name for name in world.alarms if name.startswith(asked.get("AlarmNamePrefix", "")))
            after, most = asked.get("NextToken", ""), asked.get("MaxRecords", 50)
            page = [name for name in names if name > after][: most + 1]
            more = {"NextToken": page[most - 1]} if len(page) > most else {}
            return {"MetricAlarms": [world.alarms[name] for name in page[:most]], "CompositeAlarms": []} | more
        case "PutMetricAlarm":
            now = time.time()
            kept = {name: value for name, value in asked.items() if name != "Tags"}
            before = world.alarms.get(
                asked["AlarmName"], {"StateValue": "INSUFFICIENT_DATA", "StateUpdatedTimestamp": now}
            )
            told = {name: before[name] for name in ("StateValue", "StateUpdatedTimestamp")}
            arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{asked['AlarmName']}"
            world.alarms[asked["AlarmName"]] = (
                kept | told | {"AlarmArn": arn, "AlarmConfigurationUpdatedTimestamp": now}
            )
            return {}
        case "DeleteAlarms":
            for name in asked["AlarmNames"]:
                world.alarms.pop(name, None)
            return {}
        case "DescribeAlarmHistory":
            return {"AlarmHistoryItems": world.history.get(asked["AlarmName"], [])}
        case "GetMetricData":
            return {"MetricDataResults": _data(asked), "Messages": []}
    raise Refused("AccessDenied")


def _data(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a machine's work, the same for all: half of its processors, and little of anything else."""
    values = {"CPUUtilization": 50.0}
    first = -(-int(asked["StartTime"]) // 300) * 300
    last = int(min(asked["EndTime"], time.time() - 60)) - 300
    times = list(range(first, last + 1, 300))
    return [
        {
            "Id": query["Id"],
            "Label": "",
            "Timestamps": times,
            "StatusCode": "Complete",
            "Values": [values.get(query["MetricStat"]["Metric"]["MetricName"], 1000.0)] * len(times),
        }
        for query in asked["MetricDataQueries"]
    ]


_STATUS = {"RequestLimitExceeded": 503, "DryRunOperation": 412}
_IDENTITY = f"""<GetCallerIdentityResult><Arn>arn:aws:iam::{ACCOUNT}:user/bench</Arn><UserId>bench</UserId>
<Account>{ACCOUNT}</Account></GetCallerIdentityResult>"""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: World

    def do_GET(self) -> None:
        with self.world.lock:
            self.world.go_on()
            found = self.world.calls if self.path.endswith("/calls") else self.world.changes
            body = json.dumps(found)
        self._answer(200, body, "application/json")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path.startswith(CONTROL):
            self._control(json.loads(body))
            return
        target = self.headers.get("X-Amz-Target", "")
        form = {} if target else dict(parse_qsl(body))
        operation = target.partition(".")[2] or form["Action"]
        try:
            with self.world.lock:
                self.world.count(operation)
                self.world.go_on()
                if target:
                    told = json.dumps(_cloudwatch(self.world, operation, json.loads(body)))
                elif operation == "GetCallerIdentity":
                    told = _IDENTITY
                else:
                    told = _ec2(self.world, form)
        except Refused as error:
            self._refuse(str(error), is_json=bool(target))
            return
        if target:
            self._answer(200, told, "application/x-amz-json-1.0")
        else:
            self._answer(
                200, f"<{operation}Response><requestId>bench</requestId>{told}</{operation}Response>", "text/xml"
            )

    def _control(self, asked: dict[str, Any]) -> None:
        with self.world.lock:
            machines = [self.world.machines[number] for number in asked["numbers"]]
            for machine in machines:
                if self.path.endswith("/stop"):
                    self.world.stop(machine, by_alarm=asked["by_alarm"])
                else:
                    self.world.put(machine, "pending", PENDING)
        self._answer(200, "{}", "application/json")

    def _refuse(self, code: str, *, is_json: bool) -> None:
        if is_json:
            self._answer(400, json.dumps({"__type": code, "message": code}), "application/x-amz-json-1.0")
        else:
            told = f"<Response><Errors><Error><Code>{code}</Code><Message>{code}</Message></Error></Errors></Response>"
            self._answer(_STATUS.get(code, 403), told, "text/xml")

    def _answer(self, status: int, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def _alarms(machines: int, deployment: str, now: float) -> Iterator[dict[str, Any]]:
    from ondol.cloud import aws_shapes as shapes  # noqa: PLC0415  here only: who starts this process has it already
    from ondol.cloud.port import IdleRule  # noqa: PLC0415

    for number in range(machines):
        rule, action = IdleRule(30, 5.0), shapes.stop_action(REGION)
        yield {
            **shapes.put_alarm(alarm_of(number), instance_id_of(number), rule, action, is_muted=False),
            **shapes.warm_up(WARM_UP),
            "AlarmDescription": f"{shapes.signature(deployment)} stops {instance_id_of(number)} when it is idle",
            "StateValue": "OK", "StateUpdatedTimestamp": now, "AlarmConfigurationUpdatedTimestamp": now,
            "AlarmArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm_of(number)}",
        }  # fmt: skip


def main() -> None:
    """Answer until somebody ends this process."""
    machines, deployment, has_quotas = int(sys.argv[1]), sys.argv[2], bool(int(sys.argv[3]))
    launched = datetime.fromisoformat(sys.argv[4])
    world = World([Machine(number, deployment, launched) for number in range(machines)], QUOTAS if has_quotas else {})
    for machine in world.machines:
        machine.write()
    world.alarms = {alarm["AlarmName"]: alarm for alarm in _alarms(machines, deployment, launched.timestamp())}
    handler = type("_Answers", (_Handler,), {"world": world})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
