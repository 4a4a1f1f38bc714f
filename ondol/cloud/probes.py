"""The calls of a check-up to Amazon: reads and dry runs. They leave nothing, and give up early if nothing answers."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from ondol import clock
from ondol.cloud import aws_shapes as shapes
from ondol.cloud.aws import NOBLE_PARAMETER, AwsCloud
from ondol.cloud.aws_calls import INTERACTIVE_CONFIG, ask, every, session, where
from ondol.cloud.canary import DOCTOR, Canary
from ondol.cloud.errors import CloudError, Gone, Refused, Throttled, Unreachable
from ondol.cloud.errors import is_denial as is_denial
from ondol.cloud.port import NAME_PREFIX, Image, InstanceState, LaunchSpec
from ondol.config import Config
from ondol.ec2_types import facts_of
from ondol.regions import partition

SSH_USER = "ubuntu"
EVENTS_ROLE = "AWSServiceRoleForCloudWatchEvents"

_PASSED = {
    "DryRunOperation", "IncorrectInstanceState", "IncorrectState", "DependencyViolation", "InvalidGroup.InUse",
    "InvalidPermission.Duplicate", "InvalidPermission.NotFound", "InvalidKeyPair.Duplicate", "InvalidGroup.Duplicate",
    "VolumeInUse", "OperationNotPermitted", "IncorrectModificationState", "VolumeModificationRateExceeded",
    "InvalidArgsException", "EC2InstanceStateInvalidException", "EC2InstanceUnavailableException",
}  # fmt: skip
"""Codes that come after the check of permissions: the caller is allowed."""
_NOBODYS_KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBOG97Y2wYn7WNfGqT6V6Il9p9mJI3kuvg4vTqnfq1Cj"
"""A public key whose private half was never kept: a dry run imports nothing."""
_DENIED_KIND = re.compile(r"on resource: arn:[^:]*:ec2:[^:]*:\d*:([a-z-]+)/")


class Verdict(StrEnum):
    """Whether these credentials may do something."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity behind these credentials."""

    account_id: str
    arn: str
    clock: datetime
    """The time on Amazon's clock."""


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet, as DescribeSubnets shows it."""

    vpc_id: str
    zone: str
    free: int


@dataclass(frozen=True, slots=True)
class InstanceType:
    """An instance type, as DescribeInstanceTypes shows it."""

    vcpus: int
    architectures: tuple[str, ...]


class Probes(AwsCloud, Canary):
    """Asks AWS for one check-up. May raise any CloudError."""

    BOTO_CONFIG = INTERACTIVE_CONFIG

    @classmethod
    def from_config(cls, config: Config, deployment_id: str) -> "Probes":
        """Return probes with the SDK's usual credentials."""
        return cls(ask(session, config.region), config, deployment_id)

    # --- who and where -----------------------------------------------------------------------------------------
    def caller(self) -> Caller:
        """Return the caller. Needs no permission."""
        answer = ask(self._client("sts").get_caller_identity)
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        shown = parsedate_to_datetime(date) if date else clock.real_now()
        return Caller(answer["Account"], answer["Arn"], shown)

    def has_vpc(self) -> bool:
        """Return whether the VPC of the settings is in this account and region."""
        return bool(ask(self._ec2.describe_vpcs, Filters=[where("vpc-id", self._config.vpc_id)])["Vpcs"])

    def subnet(self) -> Subnet | None:
        """Return the subnet of the settings."""
        wanted = [where("subnet-id", self._config.subnet_id)]
        for shown in ask(self._ec2.describe_subnets, Filters=wanted)["Subnets"]:
            return Subnet(shown["VpcId"], shown["AvailabilityZone"], shown["AvailableIpAddressCount"])
        return None

    def routes(self) -> list[Any]:
        """Return the routes of the subnet's own table, else of its VPC's main one."""
        for filters in (
            [where("association.subnet-id", self._config.subnet_id)],
            [where("vpc-id", self._config.vpc_id), where("association.main", "true")],
        ):
            if tables := ask(self._ec2.describe_route_tables, Filters=filters)["RouteTables"]:
                return list(tables[0]["Routes"])
        return []

    def acl_entries(self) -> list[Any]:
        """Return the entries of the subnet's network ACL, as DescribeNetworkAcls shows them."""
        filters = [where("association.subnet-id", self._config.subnet_id)]
        acls = ask(self._ec2.describe_network_acls, Filters=filters)["NetworkAcls"]
        return list(acls[0]["Entries"]) if acls else []

    # --- what a machine is made of -----------------------------------------------------------------------------
    def architecture(self, image: Image) -> str:
        """Return the architecture of an image, such as `x86_64`."""
        shown = ask(self._ec2.describe_images, ImageIds=[image.image_id])["Images"]
        return str(shown[0]["Architecture"]) if shown else ""

    def instance_types(self) -> dict[str, InstanceType]:
        """Return those of the permitted types that exist in this region."""
        wanted = [where("instance-type", *self._config.permitted_types)]
        return {
            shown["InstanceType"]: InstanceType(
                shown["VCpuInfo"]["DefaultVCpus"], tuple(shown["ProcessorInfo"]["SupportedArchitectures"])
            )
            for shown in every(self._ec2, "describe_instance_types", "InstanceTypes", Filters=wanted)
        }

    def offered(self, zone: str) -> set[str]:
        """Return the permitted types that are offered in this zone."""
        there: Any = {
            "LocationType": "availability-zone",
            "Filters": [where("instance-type", *self._config.permitted_types), where("location", zone)],
        }
        shown = every(self._ec2, "describe_instance_type_offerings", "InstanceTypeOfferings", **there)
        return {offer["InstanceType"] for offer in shown}

    def quota(self, code: str) -> float:
        """Return a quota of EC2, such as how many vCPUs of standard types may run at once."""
        wanted = {"ServiceCode": "ec2", "QuotaCode": code}
        answer = ask(self._client("service-quotas").get_service_quota, **wanted)
        return float(answer["Quota"]["Value"])

    def has_events_role(self) -> bool:
        """Return whether the service-linked role by which CloudWatch stops machines exists."""
        try:
            ask(self._client("iam").get_role, RoleName=EVENTS_ROLE)
        except CloudError as error:
            if error.code == "NoSuchEntity":
                return False
            raise
        return True

    def has_alarms(self) -> bool:
        """Return whether there is an alarm of any Ondol deployment that stops a machine."""
        shown = ask(self._cloudwatch.describe_alarms, AlarmNamePrefix=NAME_PREFIX, MaxRecords=100)["MetricAlarms"]
        return any(alarm.get("AlarmActions") for alarm in shown)

    # --- permissions -------------------------------------------------------------------------------------------
    def permissions(self, account_id: str) -> Iterator[tuple[str, Verdict]]:
        """Yield every action that we use and that can be tried without an effect, named as in an IAM policy.

        A policy by tags can be tried on our own resources only: without one, its actions are not tried.
        """
        yield from self._looks()
        instance = self._one("describe_instances", _id_of_instance)
        group = self._one("describe_security_groups", lambda answer: answer["SecurityGroups"][0]["GroupId"])
        key = self._one("describe_key_pairs", lambda answer: answer["KeyPairs"][0]["KeyName"])
        volume = self._one("describe_volumes", lambda answer: answer["Volumes"][0]["VolumeId"])
        yield "ssm:GetParameter", _try(self._ssm.get_parameter, Name=NOBLE_PARAMETER % "amd64")
        yield "ec2:RunInstances", self._launch(group, key)
        yield from self._makes()
        ec2 = self._ec2
        ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.1/32"}]}
        yield (
            "ec2:AuthorizeSecurityGroupIngress",
            _on(group, ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[ssh]),
        )
        yield (
            "ec2:RevokeSecurityGroupIngress",
            _on(group, ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[ssh]),
        )
        if self._config.tags:
            told = shapes.tag_list(dict(self._config.tags))
            yield "ec2:CreateTags", _on(group, ec2.create_tags, Resources=[group], Tags=told)
        yield "ec2:DeleteSecurityGroup", _on(group, ec2.delete_security_group, GroupId=group)
        yield "ec2:DeleteKeyPair", _on(key, ec2.delete_key_pair, KeyName=key)
        yield "ec2:DeleteVolume", _on(volume, ec2.delete_volume, VolumeId=volume)
        yield "ec2:ModifyVolume", _on(volume, ec2.modify_volume, VolumeId=volume, Size=16384)
        kind, credits = {"Value": self._config.instance_type}, {"InstanceId": instance, "CpuCredits": "standard"}
        yield (
            "ec2:ModifyInstanceAttribute",
            _on(instance, ec2.modify_instance_attribute, InstanceId=instance, InstanceType=kind),
        )
        yield (
            "ec2:ModifyInstanceCreditSpecification",
            _on(instance, ec2.modify_instance_credit_specification, InstanceCreditSpecifications=[credits]),
        )
        yield "ec2-instance-connect:SendSSHPublicKey", self._let_in(instance)
        for name in ("Start", "Stop", "Terminate"):
            act = getattr(ec2, f"{name.lower()}_instances")
            yield f"ec2:{name}Instances", _on(instance, act, InstanceIds=[instance])
        yield from self._alarm_calls(account_id)

    def _looks(self) -> Iterator[tuple[str, Verdict]]:
        for what in (
            "Images", "InstanceStatus", "InstanceTypeOfferings", "InstanceTypes", "Instances", "KeyPairs",
            "NetworkAcls", "RouteTables", "SecurityGroups", "Subnets", "Volumes", "VolumesModifications",
            "Vpcs",
        ):  # fmt: skip
            action = f"Describe{what}"
            yield f"ec2:{action}", _dry(getattr(self._ec2, _snake(action)))

    def _makes(self) -> Iterator[tuple[str, Verdict]]:
        tags = self._tried_tags()
        yield (
            "ec2:CreateSecurityGroup",
            _dry(
                self._ec2.create_security_group,
                GroupName=DOCTOR,
                Description=DOCTOR,
                VpcId=self._config.vpc_id,
                TagSpecifications=shapes.tagged(tags, "security-group"),
            ),
        )
        made = shapes.tagged(tags, "key-pair")
        yield "ec2:CreateKeyPair", _dry(self._ec2.create_key_pair, KeyName=DOCTOR, TagSpecifications=made)
        theirs = {"KeyName": DOCTOR, "PublicKeyMaterial": _NOBODYS_KEY, "TagSpecifications": made}
        yield "ec2:ImportKeyPair", _dry(self._ec2.import_key_pair, **theirs)

    def _launch(self, group: str, key: str) -> Verdict:
        try:
            image = self.newest_image(facts_of(self._config.instance_type).image_architecture)
        except Refused:  # covered by another check
            return Verdict.UNTRIED
        spec = LaunchSpec(image, self._config.instance_type, self._config.volume_gib, group, key, {})
        request = shapes.run_instances(spec, self._config.subnet_id, self._tried_tags())
        if group and key:
            return _dry(self._ec2.run_instances, **request)
        # With the VPC's own group and without a key. A denial because of the group's tags proves nothing.
        del request["KeyName"], request["NetworkInterfaces"][0]["Groups"]
        try:
            ask(self._ec2.run_instances, DryRun=True, **request)
        except CloudError as error:
            kind = _DENIED_KIND.search(error.text)
            if is_denial(error) and kind and kind[1] != "security-group":
                return Verdict.DENIED
        return Verdict.UNTRIED

    def _let_in(self, instance: str) -> Verdict:
        """Try SendSSHPublicKey with an invalid key: it has no dry run, and the key is checked after the permission."""
        if not instance:
            return Verdict.UNTRIED
        send = self._client("ec2-instance-connect").send_ssh_public_key
        return _try(send, InstanceId=instance, InstanceOSUser=SSH_USER, SSHPublicKey=f"ssh-ed25519 {DOCTOR:=<80}")

    def _alarm_calls(self, account_id: str) -> Iterator[tuple[str, Verdict]]:
        """Yield CloudWatch's actions, tried without a dry run: by reading, and on an alarm that does not exist.

        PutMetricAlarm is tried by `canary`.
        """
        cloudwatch = self._cloudwatch
        yield "cloudwatch:DescribeAlarms", _try(cloudwatch.describe_alarms, MaxRecords=1)
        history = {"AlarmName": DOCTOR, "HistoryItemType": "Action", "MaxRecords": 1}
        yield "cloudwatch:DescribeAlarmHistory", _try(cloudwatch.describe_alarm_history, **history)
        yield "cloudwatch:DeleteAlarms", _try(cloudwatch.delete_alarms, AlarmNames=[DOCTOR])
        region = self._config.region
        arn = f"arn:{partition(region)}:cloudwatch:{region}:{account_id}:alarm:{DOCTOR}"
        told = shapes.tag_list(self._tried_tags())
        yield "cloudwatch:TagResource", _try(cloudwatch.tag_resource, ResourceARN=arn, Tags=told)

    def _one(self, look: str, pick: Callable[[Any], str]) -> str:
        """Return the id or name of any resource of ours; empty if there is none, or reading is not allowed."""
        more = {} if look == "describe_key_pairs" else {"MaxResults": 5}
        try:
            return pick(ask(getattr(self._ec2, look), Filters=self._ours(), **more))
        except (LookupError, Refused):
            return ""


def _id_of_instance(answer: Any) -> str:
    shown = [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]
    return next((one["InstanceId"] for one in shown if InstanceState(one["State"]["Name"]).is_live), "")


def _on(thing: str, call: Callable[..., Any], **request: Any) -> Verdict:
    return _dry(call, **request) if thing else Verdict.UNTRIED


def _dry(call: Callable[..., Any], **request: Any) -> Verdict:
    return _try(call, DryRun=True, **request)


def _try(call: Callable[..., Any], **request: Any) -> Verdict:
    """Return the verdict on one call.

    Raises errors that do not answer the question; the next calls would fail the same way.
    """
    try:
        ask(call, **request)
    except Gone:
        return Verdict.ALLOWED
    except (Throttled, Unreachable):
        raise
    except CloudError as error:
        if is_denial(error):
            return Verdict.DENIED
        return Verdict.ALLOWED if error.code in _PASSED else Verdict.UNTRIED
    return Verdict.ALLOWED


def _snake(action: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
