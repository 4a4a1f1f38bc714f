"""Names and conditions of resources, existing ones and those to be created."""

from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.iam.policy import Permission, Values

EVENTS_ROLE = "AWSServiceRoleForCloudWatchEvents"

_BY_PREFIX = {
    "i": "instance",
    "sg": "security-group",
    "key": "key-pair",
    "vol": "volume",
    "eni": "network-interface",
    "subnet": "subnet",
    "vpc": "vpc",
    "ami": "image",
    "rtb": "route-table",
    "igw": "internet-gateway",
    "acl": "network-acl",
}


class Resources:
    """The resources of one cloud, for one service. Keys of conditions are in lower case: IAM ignores their case."""

    def __init__(self, cloud: Cloud, prefix: str) -> None:
        self.cloud, self.prefix = cloud, prefix

    def context(self, more: Mapping[str, Values] | None = None) -> dict[str, Values]:
        """Return the condition keys of every request."""
        region = "us-east-1" if self.prefix == "iam" else self.cloud.identity.region
        account = self.cloud.identity.account_id
        always = {
            "aws:requestedregion": (region,),
            "aws:principalaccount": (account,),
            "aws:principalarn": (f"arn:aws:iam::{account}:user/trial",),
        }
        return always | ({"ec2:region": (region,)} if self.prefix == "ec2" else {}) | dict(more or {})

    # -- names ---------------------------------------------------------------------------------------------------------

    def arn(self, rest: str) -> str:
        return f"arn:aws:{self.prefix}:{self.cloud.identity.region}:{self.cloud.identity.account_id}:{rest}"

    def alarm(self, name: str) -> str:
        return self.arn(f"alarm:{name}")

    def role(self, name: str) -> str:
        return f"arn:aws:iam::{self.cloud.identity.account_id}:role/{name}"

    def parameter(self, name: str) -> str:
        """Return the ARN of a parameter. Public ones have no account in it."""
        account = "" if name.startswith("/aws/") else self.cloud.identity.account_id
        return f"arn:aws:ssm:{self.cloud.identity.region}:{account}:parameter/{name.lstrip('/')}"

    # -- what is there -------------------------------------------------------------------------------------------------

    def known(self, kind: str, name: str) -> tuple[str, dict[str, Values]]:
        """Return ARN and conditions of the resource with this id or name; if it does not exist, it has no tags."""
        if kind == "key-pair" and not name.startswith("key-"):
            return self.arn(f"{kind}/{name}"), self.context(self._of_key(name))
        return self.arn(f"{kind}/{name}"), self.context(self._tags(name) | self._facts(kind, name))

    def by_id(self, name: str, more: Mapping[str, Values]) -> tuple[str, dict[str, Values]]:
        """Return the same, for an id of any kind."""
        arn, context = self.known(_BY_PREFIX.get(name.partition("-")[0], "*"), name)
        return arn, context | dict(more)

    def vpc_of_group(self, group_id: str) -> str:
        groups = self.cloud.region.groups
        return next((vpc_id for vpc_id, some in groups.items() if group_id in some), "")

    def _facts(self, kind: str, name: str) -> dict[str, Values]:
        if kind == "security-group" and (vpc_id := self.vpc_of_group(name)):
            return {"ec2:vpc": (self.arn(f"vpc/{vpc_id}"),), "ec2:securitygroupid": (name,)}
        if kind == "vpc":
            return {"ec2:vpcid": (name,)}
        if kind == "instance" and (machine := self.cloud.region.machine(name)):
            return {
                "ec2:instancetype": (str(machine.instance_type),),
                "ec2:metadatahttptokens": (str(machine.metadata_options.http_tokens),),
            }
        return {}

    def _of_key(self, name: str) -> dict[str, Values]:
        pair = self.cloud.region.key_pairs.get(name)
        return {"ec2:keypairname": (name,)} | (self._tags(pair.id) if pair else {})

    def _tags(self, resource_id: str) -> dict[str, Values]:
        tags = {} if self.cloud.is_too_new(resource_id) else self.cloud.region.tags.get(resource_id, {})
        return {
            f"{prefix}:resourcetag/{key.lower()}": (value,) for prefix in ("aws", "ec2") for key, value in tags.items()
        }

    # -- what is about to be made --------------------------------------------------------------------------------------

    @staticmethod
    def tags_for(kind: str, params: dict[str, Any]) -> dict[str, str]:
        specifications = params.get("TagSpecifications") or []
        return tags_in([tag for one in specifications if one.get("ResourceType") == kind for tag in one["Tags"]])

    @staticmethod
    def tagging(maker: str, resource: str, tags: dict[str, str], context: Mapping[str, Values]) -> list[Permission]:
        """Return the permission for tags at creation: CreateTags, besides the call itself, and only for that call."""
        return [Permission("ec2:CreateTags", resource, {**context, "ec2:createaction": (maker,)})] if tags else []


def tags_in(given: list[dict[str, Any]] | None) -> dict[str, str]:
    return {str(tag["Key"]): str(tag.get("Value") or "") for tag in given or []}


def with_request_tags(tags: dict[str, str]) -> dict[str, Values]:
    if not tags:
        return {}
    found: dict[str, Values] = {f"aws:requesttag/{key.lower()}": (value,) for key, value in tags.items()}
    return found | with_tag_keys(tags)


def with_tag_keys(keys: Iterable[str] | None) -> dict[str, Values]:
    """Return the key `aws:TagKeys`, which has all keys of the request; without tags it is not there."""
    found = tuple(keys or ())
    return {"aws:tagkeys": found} if found else {}
