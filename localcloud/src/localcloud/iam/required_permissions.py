"""The permissions that a request needs: which action on which resources, under which conditions.

From the Service Authorization Reference (EC2, EC2 Instance Connect, CloudWatch, Systems Manager, IAM, Service Quotas;
read June 2026). A resource to be created is `…/*`. A missing resource has no tags, so a policy by tags refuses it: EC2
then says UnauthorizedOperation and not NotFound (seen on Amazon: karpenter-provider-aws issues 2100 and 2253).
"""

from typing import Any

from localcloud.cloud import Cloud
from localcloud.iam import launch
from localcloud.iam.policy import Permission, Values
from localcloud.iam.resources import EVENTS_ROLE, Resources, tags_in, with_request_tags, with_tag_keys

Params = dict[str, Any]

#: parameter → kind of EC2 resource, for every call but Describe…
_NAMED = {
    "InstanceId": "instance",
    "InstanceIds": "instance",
    "GroupId": "security-group",
    "KeyName": "key-pair",
    "KeyPairId": "key-pair",
    "VolumeId": "volume",
    "NetworkInterfaceId": "network-interface",
    "SubnetId": "subnet",
    "VpcId": "vpc",
    "RouteTableId": "route-table",
}


def required_permissions(prefix: str, action: str, params: Params, cloud: Cloud) -> list[Permission]:
    """Return the permissions of one request; all have to be given. The caller holds the cloud's lock."""
    there = Resources(cloud, prefix)
    name = f"{prefix}:{action}"
    match prefix:
        case "ec2":
            return _ec2(name, action, params, there)
        case "cloudwatch":
            return _cloudwatch(name, action, params, there)
        case "ssm":
            names = params.get("Names") or [params.get("Name")]
            return [Permission(name, there.parameter(str(one)), there.context()) for one in names]
        case "ec2-instance-connect":
            arn, keys = Resources(cloud, "ec2").known("instance", str(params.get("InstanceId")))
            return [Permission(name, arn, {**keys, "ec2:osuser": (str(params.get("InstanceOSUser")),)})]
        case "iam":
            return _iam(name, params, there)
        case "servicequotas":
            quota = f"{params.get('ServiceCode')}/{params.get('QuotaCode')}"
            return [Permission(name, there.arn(quota), there.context())]
    return [Permission(name, "*", there.context())]


def _ec2(name: str, action: str, params: Params, there: Resources) -> list[Permission]:
    if action.startswith("Describe"):
        return [Permission(name, "*", there.context())]
    if action == "RunInstances":
        return launch.required_permissions(params, there)
    if action in ("CreateTags", "DeleteTags"):
        request = with_request_tags(tags_in(params.get("Tags")))
        return [Permission(name, *there.by_id(one, request)) for one in params.get("Resources") or []]
    if action in _MAKERS:
        return _making(name, action, params, there)
    if action == "ModifyInstanceCreditSpecification":
        ids = [one.get("InstanceId") for one in params.get("InstanceCreditSpecifications") or []]
        return [Permission(name, *there.known("instance", str(one))) for one in ids]
    found = [
        Permission(name, *there.known(kind, one))
        for parameter, kind in _NAMED.items()
        for one in _listed(params.get(parameter))
    ]
    if action == "ModifyInstanceAttribute":
        found = [Permission(name, one.resource, {**one.context, **_changed(params)}) for one in found]
    return found or [Permission(name, "*", there.context())]


def _changed(params: Params) -> dict[str, Values]:
    """Return the keys `ec2:Attribute`, the names, and `ec2:Attribute/NAME`, the new value of each."""
    new = {
        key: (params[key] or {}).get("Value") if isinstance(params[key], dict) else params[key]
        for key in _ATTRIBUTES & set(params)
    }
    if attribute := str(params.get("Attribute") or ""):
        new[attribute[0].upper() + attribute[1:]] = params.get("Value")
    keys = {f"ec2:attribute/{name.lower()}": _values(value) for name, value in new.items() if value is not None}
    return {"ec2:attribute": tuple(sorted(new)), **keys}


def _values(given: Any) -> Values:
    """Return values as conditions compare them."""
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in _listed(given))


#: attributes of ModifyInstanceAttribute, by which it may be narrowed
_ATTRIBUTES = {"InstanceType", "UserData", "Groups", "DisableApiTermination", "DisableApiStop", "SourceDestCheck"}

#: what each makes, and the parameter that names it, if its ARN has a name at that time
_MAKERS = {
    "CreateSecurityGroup": ("security-group", ""),
    "CreateKeyPair": ("key-pair", "KeyName"),
    "ImportKeyPair": ("key-pair", "KeyName"),
    "CreateVolume": ("volume", ""),
}


def _making(name: str, action: str, params: Params, there: Resources) -> list[Permission]:
    kind, named_by = _MAKERS[action]
    resource = there.arn(f"{kind}/{params.get(named_by) or '*'}")
    tags = there.tags_for(kind, params)
    context = there.context(with_request_tags(tags))
    found = [Permission(name, resource, context)]
    if action == "CreateSecurityGroup" and params.get("VpcId"):
        found.append(Permission(name, *there.known("vpc", params["VpcId"])))
    return [*found, *there.tagging(action, resource, tags, context)]


def _cloudwatch(name: str, action: str, params: Params, there: Resources) -> list[Permission]:
    names = [*_listed(params.get("AlarmNames")), *_listed(params.get("AlarmName"))]
    resources = [there.alarm(one) for one in names] + _listed(params.get("ResourceARN"))
    if action in ("DescribeAlarms", "DescribeAlarmHistory") and not names:
        resources = [there.alarm("*")]
    if action != "PutMetricAlarm":
        keys = with_request_tags(tags_in(params.get("Tags"))) or with_tag_keys(params.get("TagKeys"))
        return [Permission(name, resource, there.context(keys)) for resource in resources or ["*"]]
    arns = [arn for kind in ("AlarmActions", "OKActions", "InsufficientDataActions") for arn in params.get(kind) or []]
    tags = tags_in(params.get("Tags"))
    more = with_request_tags(tags)
    if arns:
        more["cloudwatch:alarmactions"] = tuple(arns)
    found = [Permission(name, resources[0], there.context(more))]
    if tags:
        found.append(Permission("cloudwatch:TagResource", resources[0], there.context(with_request_tags(tags))))
    if any(":ec2:" in arn for arn in arns) and not there.cloud.region.has_events_role:
        # Only while the role does not exist (seen on Amazon: aws-samples/amazon-cloudwatch-auto-alarms issue 47).
        found.append(_linked_role("events.amazonaws.com", there))
    return found


def _iam(name: str, params: Params, there: Resources) -> list[Permission]:
    if name == "iam:CreateServiceLinkedRole":
        return [_linked_role(str(params.get("AWSServiceName")), there)]
    role = str(params.get("RoleName"))
    path = "aws-service-role/events.amazonaws.com/" if role == EVENTS_ROLE else ""
    return [Permission(name, there.role(path + role), there.context())]


def _linked_role(service: str, there: Resources) -> Permission:
    name = EVENTS_ROLE if service == "events.amazonaws.com" else "*"
    more = {"iam:awsservicename": (service,)}
    return Permission(
        "iam:CreateServiceLinkedRole", there.role(f"aws-service-role/{service}/{name}"), there.context(more)
    )


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [] if given is None else [given]
