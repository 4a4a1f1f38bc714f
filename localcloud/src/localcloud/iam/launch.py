"""The permissions of a launch: RunInstances is checked for every resource that it creates or uses."""

from typing import Any

from localcloud.iam.policy import Permission, Values
from localcloud.iam.resources import Resources, with_request_tags

ACTION = "ec2:RunInstances"


def required_permissions(params: dict[str, Any], there: Resources) -> list[Permission]:
    interface: dict[str, Any] = next(iter(params.get("NetworkInterfaces") or []), {})
    subnet_id = interface.get("SubnetId") or params.get("SubnetId") or ""
    made = [
        ("instance", _instance(params)),
        *(("volume", _volume(disk)) for disk in _disks(params, there)),
        ("network-interface", _interface(interface, subnet_id, there)),
    ]
    found = [permission for kind, facts in made for permission in _made(kind, facts, params, there)]
    found.append(_image(str(params.get("ImageId")), there))
    if subnet_id:
        found.append(Permission(ACTION, there.arn(f"subnet/{subnet_id}"), there.context(_vpc(subnet_id, there))))
    groups = interface.get("Groups") or params.get("SecurityGroupIds") or [_default_group(subnet_id, there)]
    found += [Permission(ACTION, *there.known("security-group", group)) for group in groups]
    if params.get("KeyName"):
        found.append(Permission(ACTION, *there.known("key-pair", params["KeyName"])))
    return found


def _made(kind: str, facts: dict[str, Values], params: dict[str, Any], there: Resources) -> list[Permission]:
    tags = there.tags_for(kind, params)
    context = there.context(facts | with_request_tags(tags))
    resource = there.arn(f"{kind}/*")
    return [Permission(ACTION, resource, context), *there.tagging("RunInstances", resource, tags, context)]


def _instance(params: dict[str, Any]) -> dict[str, Values]:
    options = params.get("MetadataOptions") or {}
    return {
        "ec2:instancetype": (str(params.get("InstanceType") or "m1.small"),),
        "ec2:metadatahttptokens": (str(options.get("HttpTokens") or "optional"),),
        "ec2:metadatahttpputresponsehoplimit": (str(options.get("HttpPutResponseHopLimit") or 1),),
        "ec2:ebsoptimized": (_bool(params.get("EbsOptimized")),),
        "ec2:rootdevicetype": ("ebs",),
        "ec2:tenancy": ("default",),
    }


def _disks(params: dict[str, Any], there: Resources) -> list[dict[str, Any]]:
    """Return the disks. The image's own disk is included even if not mentioned, unencrypted as it is."""
    image = there.cloud.region.amis.get(str(params.get("ImageId")))
    named = {one["DeviceName"]: one["Ebs"] for one in params.get("BlockDeviceMappings") or [] if one.get("Ebs")}
    root: dict[str, Any] = {image.root_device_name: {}} if image else {}
    return list((root | named).values())


def _volume(disk: dict[str, Any]) -> dict[str, Values]:
    return {
        "ec2:encrypted": (_bool(disk.get("Encrypted")),),
        "ec2:volumesize": (str(disk.get("VolumeSize") or 8),),
        "ec2:volumetype": (str(disk.get("VolumeType") or "gp3"),),
    }


def _interface(interface: dict[str, Any], subnet_id: str, there: Resources) -> dict[str, Values]:
    facts = {"ec2:subnet": (there.arn(f"subnet/{subnet_id}"),)} if subnet_id else {}
    if interface.get("AssociatePublicIpAddress") is not None:
        facts["ec2:associatepublicipaddress"] = (_bool(interface["AssociatePublicIpAddress"]),)
    return facts | _vpc(subnet_id, there)


def _vpc(subnet_id: str, there: Resources) -> dict[str, Values]:
    subnet = _subnet(subnet_id, there)
    return {"ec2:vpc": (there.arn(f"vpc/{subnet.vpc_id}"),)} if subnet else {}


def _image(image_id: str, there: Resources) -> Permission:
    """Return the permission for an image.

    Its ARN has no account. `ec2:Owner` is an alias such as amazon, else an account.
    """
    image = there.cloud.region.amis.get(image_id)
    facts: dict[str, Values] = {"ec2:imageid": (image_id,), "ec2:imagetype": ("machine",)}
    if image:
        facts["ec2:owner"] = (str(image.owner_alias or image.owner_id),)
        facts["ec2:public"] = ("true",)
    return Permission(ACTION, f"arn:aws:ec2:{there.cloud.identity.region}::image/{image_id}", there.context(facts))


def _default_group(subnet_id: str, there: Resources) -> str:
    subnet = _subnet(subnet_id, there)
    group = there.cloud.region.get_default_security_group(subnet.vpc_id) if subnet else None
    return str(group.id) if group else "*"


def _subnet(subnet_id: str, there: Resources) -> Any:
    zones = there.cloud.region.subnets.values()
    return next((subnets[subnet_id] for subnets in zones if subnet_id in subnets), None)


def _bool(value: Any) -> str:
    return str(bool(value)).lower()
