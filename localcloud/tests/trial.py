"""A localcloud as a child process, and a person's machine in it: what the tests here use."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.clock import Clock

SPEED = 60
SOURCE = Path(__file__).resolve().parents[1] / "src"

UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
FROM_ANYWHERE = "0.0.0.0/0"


def refused(call: Callable[..., Any], *arguments: Any, **words: Any) -> str:
    """Return the code with which AWS's answer refuses this call."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **words)
    return str(caught.value.response["Error"]["Code"])


def until(condition: Callable[[], Any], seconds: float = 10.0, every: float = 0.05) -> Any:
    """Return the first true answer; fail, showing the last one, if there is none in time."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"still {answer!r} after {seconds} s"
        time.sleep(every)


@dataclass
class Trial:
    home: Path
    speed: float | None = SPEED
    options: tuple[str, ...] = ("--hurry", "10")
    prefix: tuple[str, ...] = ()
    process: "subprocess.Popen[str] | None" = None
    clock: str = ""
    """The clock since the first start: a later start does not set it back."""
    environment: dict[str, str] = field(default_factory=dict)
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def command(self) -> list[str]:
        return [
            *self.prefix,
            sys.executable,
            "-m",
            "localcloud",
            "--home",
            str(self.home),
            "--die-with-parent",
            *self.options,
        ]

    def start(self) -> "Trial":
        variables = {**os.environ, "PYTHONPATH": str(SOURCE), "TZ": "Asia/Seoul"}  # not UTC, nor Django's doing
        if self.speed:
            variables["ONDOL_CLOCK"] = self.clock = self.clock or self.anchored()
        with (self.home.parent / f"{self.home.name}.log").open("a") as log:
            command, out = self.command(), subprocess.PIPE
            self.process = subprocess.Popen(command, env=variables, stdout=out, stderr=log, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("localcloud is ready: http://127.0.0.1:"), self.log()
        self.environment = json.loads((self.home / "environment.json").read_text())
        return self

    def anchored(self) -> str:
        """Return the ONDOL_CLOCK of a clock that shows the same as that of the tests now, and is faster."""
        now = time.time()
        return f"{now},{Clock.from_environment().at(now)},{self.speed}"

    def log(self) -> str:
        return (self.home.parent / f"{self.home.name}.log").read_text()

    def end(self, number: int = signal.SIGTERM) -> None:
        if self.process:
            self.process.send_signal(number)
            self.process.wait(10)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def client(self, service: str, **changes: Any) -> Any:
        known = self.environment
        config = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=20)
        settings = {
            "endpoint_url": known["AWS_ENDPOINT_URL"],
            "region_name": known["AWS_REGION"],
            "aws_access_key_id": known["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": known["AWS_SECRET_ACCESS_KEY"],
            "config": config,
        }
        return boto3.client(service, **{**settings, **changes})

    @property
    def ec2(self) -> Any:
        return self._kept("ec2")

    @property
    def cloudwatch(self) -> Any:
        return self._kept("cloudwatch")

    def _kept(self, service: str) -> Any:
        """Return a cached client: making one takes longer than most calls; its address may change with a restart."""
        key = (service, self.environment["AWS_ENDPOINT_URL"])
        if key not in self.clients:
            self.clients[key] = self.client(service)
        return self.clients[key]

    def image(self) -> str:
        return str(self._kept("ssm").get_parameter(Name=UBUNTU)["Parameter"]["Value"])

    def group(self, name: str, cidr: str | None = FROM_ANYWHERE) -> str:
        ec2 = self.ec2
        vpc = self.environment["AWS_VPC_ID"]
        group_id = ec2.create_security_group(GroupName=name, Description="for a test", VpcId=vpc)["GroupId"]
        if cidr:
            rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": cidr}]}
            ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=[rule])
        return str(group_id)

    def order(self, owner: str, group_id: str, **changes: Any) -> dict[str, Any]:
        """Return a launch as the portal asks for it."""
        tags = [{"Key": "ManagedBy", "Value": "ondol"}, {"Key": "Owner", "Value": owner}]
        interface = {
            "DeviceIndex": 0,
            "SubnetId": self.environment["AWS_SUBNET_ID"],
            "Groups": [group_id],
            "AssociatePublicIpAddress": True,
        }
        disk = {"VolumeSize": 30, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
        order = {
            "ImageId": self.image(),
            "InstanceType": "t3.small",
            "MinCount": 1,
            "MaxCount": 1,
            "KeyName": owner,
            "NetworkInterfaces": [interface],
            "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": disk}],
            "MetadataOptions": {"HttpTokens": "required"},
            "TagSpecifications": [
                {"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume", "network-interface")
            ],
        }
        return {**order, **changes}

    def machine(self, owner: str, cidr: str | None = FROM_ANYWHERE, **changes: Any) -> "Machine":
        """Make key, group and instance of one person; the instance runs when this returns."""
        ec2 = self.ec2
        pem = ec2.create_key_pair(KeyName=owner)["KeyMaterial"]
        key = self.home.parent / f"{owner}.pem"
        key.write_text(pem)
        key.chmod(0o600)
        group_id = self.group(f"group-of-{owner}", cidr)
        launched = ec2.run_instances(**self.order(owner, group_id, **changes))["Instances"][0]
        machine = Machine(self, owner, launched["InstanceId"], key, group_id)
        machine.wait_for("running")
        return machine


@dataclass
class Machine:
    trial: Trial
    owner: str
    id: str
    key: Path
    group_id: str

    def describe(self) -> dict[str, Any]:
        found = self.trial.ec2.describe_instances(InstanceIds=[self.id])
        return dict(found["Reservations"][0]["Instances"][0])

    @property
    def state(self) -> str:
        return str(self.describe()["State"]["Name"])

    @property
    def address(self) -> str:
        return str(self.describe()["PublicIpAddress"])

    def wait_for(self, state: str) -> None:
        until(lambda: self.state == state)

    def stop(self) -> None:
        self.trial.ec2.stop_instances(InstanceIds=[self.id])
        self.wait_for("stopped")

    def start(self) -> None:
        self.trial.ec2.start_instances(InstanceIds=[self.id])
        self.wait_for("running")

    def terminate(self) -> None:
        self.trial.ec2.terminate_instances(InstanceIds=[self.id])
        self.wait_for("terminated")

    @property
    def folder(self) -> Path:
        return self.trial.home / "boxes" / self.id

    def options(self, port_flag: str = "-p", key: Path | None = None) -> list[str]:
        chosen = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
            "ConnectTimeout": "5",
        }
        words = [word for name, value in chosen.items() for word in ("-o", f"{name}={value}")]
        return ["-F", "none", "-i", str(key or self.key), port_flag, self.trial.environment["ONDOL_SSH_PORT"], *words]

    def ssh_command(
        self, *words: str, user: str = "ubuntu", key: Path | None = None, flags: tuple[str, ...] = ()
    ) -> list[str]:
        return ["ssh", *self.options(key=key), *flags, f"{user}@{self.address}", *words]

    def ssh(self, *words: str, input: str = "", **how: Any) -> "subprocess.CompletedProcess[str]":
        command = self.ssh_command(*words, **how)
        return subprocess.run(command, input=input, capture_output=True, text=True, timeout=20)

    def background(self, *words: str, **how: Any) -> "subprocess.Popen[str]":
        command = self.ssh_command(*words, **how)
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def says(self, *words: str) -> str:
        done = self.ssh(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
