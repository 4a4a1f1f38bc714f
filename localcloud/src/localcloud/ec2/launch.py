"""RunInstances: reading the request, checking whether AWS would accept it, and creating the machines.

moto accepts nearly anything here. What is refused below, AWS refuses: unknown image, key, group, subnet or type, groups
beside a network interface, a token used again with other parameters.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from moto.ec2.utils import convert_tag_spec, parse_user_data

from localcloud.ec2.burstable import baseline
from localcloud.ec2.images import ROOT_DEVICE
from localcloud.errors import AwsError, combination, invalid_value, missing, not_found

#: parameters that may differ between two equal requests
_NOT_COMPARED = {"ClientToken", "DryRun", "Action", "Version"}
_TAGGABLE = {"instance", "volume", "network-interface", "spot-instances-request"}


@dataclass
class Order:
    """A RunInstances request that AWS would accept."""

    image: Any
    instance_type: str
    subnet: Any
    groups: list[Any]
    key: Any
    count: int
    token: str
    digest: str
    public_address: bool | None
    description: str
    disks: list[dict[str, Any]]
    tags: dict[str, dict[str, str]]
    options: dict[str, Any] = field(default_factory=dict)


def digest_of(params: dict[str, Any]) -> str:
    """Return a digest: two requests with one ClientToken must agree in everything else.

    From the EC2 developer guide, "Ensuring idempotency".
    """
    asked = {key: value for key, value in params.items() if key not in _NOT_COMPARED}
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def read_order(params: dict[str, Any], backend: Any) -> Order:
    interface = _interface(params)
    subnet = _subnet(interface.get("SubnetId") or params.get("SubnetId"), backend)
    instance_type = params.get("InstanceType") or "m1.small"
    image = _image(params.get("ImageId"), backend)
    _check_type(instance_type, image, subnet)
    group_ids = interface.get("Groups") or params.get("SecurityGroupIds") or []
    if params.get("SecurityGroups"):
        raise combination("The parameter groupName cannot be used with the parameter subnet")
    return Order(
        image=image,
        instance_type=instance_type,
        subnet=subnet,
        groups=[_group(group_id, subnet, backend) for group_id in group_ids]
        or [backend.get_default_security_group(subnet.vpc_id)],
        key=_key(params.get("KeyName"), backend),
        count=_count(params),
        token=params.get("ClientToken") or "",
        digest=digest_of(params),
        public_address=interface.get("AssociatePublicIpAddress"),
        description=interface.get("Description") or "",
        disks=_disks(params.get("BlockDeviceMappings") or [], image),
        tags=_tags(params.get("TagSpecifications") or []),
        options=_options(params, instance_type),
    )


def _interface(params: dict[str, Any]) -> dict[str, Any]:
    interfaces = params.get("NetworkInterfaces") or []
    if not interfaces:
        return {}
    if params.get("SubnetId") or params.get("SecurityGroupIds") or params.get("SecurityGroups"):
        raise combination(
            "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same "
            "request"
        )
    if len(interfaces) > 1 or int(interfaces[0].get("DeviceIndex", 0)) != 0:
        raise AwsError(
            "UnsupportedOperation", "this trial cloud launches with one network interface, at device index 0"
        )
    return dict(interfaces[0])


def _subnet(subnet_id: str | None, backend: Any) -> Any:
    if not subnet_id:
        default = backend.get_default_subnets()
        if not default:
            raise AwsError("MissingInput", "No subnets found for the default VPC. Please specify a subnet.")
        return next(iter(default.values()))
    if not subnet_id.startswith("subnet-"):
        raise AwsError("InvalidSubnetID.Malformed", f'Invalid id: "{subnet_id}" (expecting "subnet-...")')
    for subnets in backend.subnets.values():
        if subnet_id in subnets:
            return subnets[subnet_id]
    raise AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")


def _image(image_id: str | None, backend: Any) -> Any:
    if not image_id:
        raise missing("ImageId")
    if image_id.startswith("resolve:ssm:"):
        image_id = backend.parameters.get(image_id.removeprefix("resolve:ssm:"), image_id)
    if not image_id.startswith("ami-"):
        raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')
    if image_id not in backend.amis:
        raise AwsError("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
    return backend.amis[image_id]


def _check_type(instance_type: str, image: Any, subnet: Any) -> None:
    check_type_exists(instance_type)
    zone = subnet.availability_zone
    offers = INSTANCE_TYPE_OFFERINGS["availability-zone"][subnet.ec2_backend.region_name]
    if not any(offer["InstanceType"] == instance_type and offer["Location"] == zone for offer in offers):
        raise AwsError(
            "Unsupported",
            f"Your requested instance type ({instance_type}) is not supported in your requested Availability Zone "
            f"({zone}).",
        )
    check_architecture(instance_type, image.architecture)


def check_architecture(instance_type: str, architecture: str) -> None:
    """Refuse a type that cannot run what is on the disk."""
    architectures = INSTANCE_TYPES[instance_type]["ProcessorInfo"]["SupportedArchitectures"]
    if architecture not in architectures:
        raise invalid_value(
            f"The architecture '{','.join(architectures)}' of the specified instance type does not match the "
            f"architecture '{architecture}' of the specified AMI. Specify an instance type and an AMI that have "
            "matching architectures, and try again."
        )


def check_type_exists(instance_type: str) -> None:
    if instance_type not in INSTANCE_TYPES:
        raise invalid_value(f"Invalid value '{instance_type}' for InstanceType.")


def _group(group_id: str, subnet: Any, backend: Any) -> Any:
    if not group_id.startswith("sg-"):
        raise AwsError("InvalidGroupId.Malformed", f'Invalid id: "{group_id}" (expecting "sg-...")')
    group = backend.get_security_group_from_id(group_id)
    if group is None:
        raise AwsError("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
    if group.vpc_id != subnet.vpc_id:
        raise AwsError(
            "InvalidParameter", f"Security group {group_id} and subnet {subnet.id} belong to different networks."
        )
    return group


def _key(name: str | None, backend: Any) -> Any:
    if name and name not in backend.key_pairs:
        raise AwsError("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")
    return backend.key_pairs[name] if name else None


def _count(params: dict[str, Any]) -> int:
    """Return MaxCount, since capacity is unlimited here."""
    least, most = int(params.get("MinCount") or 0), int(params.get("MaxCount") or 0)
    if least < 1 or most < least:
        raise invalid_value(f"Invalid value '{most}' for maxCount. It must be at least minCount ({least}).")
    if most > 20:
        raise AwsError(
            "InstanceLimitExceeded", f"You have requested more instances ({most}) than your limit of 20 allows."
        )
    return most


def _tags(specifications: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    for specification in specifications:
        kind = specification.get("ResourceType")
        if kind not in _TAGGABLE:
            raise invalid_value(f"'{kind}' is not a valid taggable resource type for this operation.")
        if not specification.get("Tags"):
            raise invalid_value("Tag specification must have at least one tag")
    return {kind: dict(tags) for kind, tags in convert_tag_spec(specifications).items()}


def _disks(mappings: list[dict[str, Any]], image: Any) -> list[dict[str, Any]]:
    """Return the image's root disk with the request's changes, then any further ones.

    A root device under another name than the image's is a second disk, not the root: AWS does not guess either.
    """
    root = {"VolumeSize": 8, "VolumeType": "gp3", "Encrypted": False, "DeleteOnTermination": True}
    root |= {"SnapshotId": image.ebs_snapshot.id}
    disks: dict[str, dict[str, Any]] = {image.root_device_name or ROOT_DEVICE: root}
    for mapping in mappings:
        name, wanted = mapping.get("DeviceName"), mapping.get("Ebs")
        if not name:
            raise missing("DeviceName")
        if wanted is None:
            continue
        base = disks.get(name) or {"VolumeType": "gp2", "Encrypted": False, "DeleteOnTermination": False}
        disks[name] = {**base, **{key: value for key, value in wanted.items() if value is not None}}
        if "VolumeSize" not in disks[name]:
            raise missing("size or snapshotId")
        if name == image.root_device_name and int(disks[name]["VolumeSize"]) < 8:
            size = disks[name]["VolumeSize"]
            raise AwsError(
                "InvalidBlockDeviceMapping", f"Volume of size {size}GB is smaller than snapshot, expect size >= 8GB"
            )
    return [{"DeviceName": name, **disk} for name, disk in disks.items()]


def _options(params: dict[str, Any], instance_type: str) -> dict[str, Any]:
    profile = params.get("IamInstanceProfile") or {}
    if profile:
        name = profile.get("Name") or profile.get("Arn")
        raise not_found("InvalidIamInstanceProfile", "IAM instance profile", [str(name)])
    behaviour = params.get("InstanceInitiatedShutdownBehavior") or "stop"
    if behaviour not in ("stop", "terminate"):
        raise invalid_value(f"Value ({behaviour}) for parameter InstanceInitiatedShutdownBehavior is invalid.")
    return {
        "user_data": parse_user_data(params.get("UserData")),
        "metadata_options": params.get("MetadataOptions") or {},
        "ebs_optimized": bool(params.get("EbsOptimized")),
        "disable_api_termination": bool(params.get("DisableApiTermination")),
        "disable_api_stop": bool(params.get("DisableApiStop")),
        "instance_initiated_shutdown_behavior": behaviour,
        "monitoring_state": "enabled" if (params.get("Monitoring") or {}).get("Enabled") else "disabled",
        "cpu_credits": _credits(params, instance_type),
        "private_ip": params.get("PrivateIpAddress"),
    }


def _credits(params: dict[str, Any], instance_type: str) -> str:
    wanted = (params.get("CreditSpecification") or {}).get("CpuCredits") or ""
    if wanted and baseline(instance_type) is None:
        raise AwsError(
            "InstanceCreditSpecification.NotSupported",
            f"The {instance_type} instance type does not support T2 Unlimited.",  # as EC2 says it, of any family
        )
    if wanted not in ("", "standard", "unlimited"):
        raise invalid_value(f"Invalid value '{wanted}' for CpuCredits. Valid values are standard and unlimited.")
    return wanted
