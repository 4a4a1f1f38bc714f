"""Security groups: names and descriptions as strict as Amazon's, and no deletion while a group is in use."""

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from localcloud.errors import AwsError, invalid_value, missing
from localcloud.service import Service

#: EC2 API reference, CreateSecurityGroup: no Korean here
_ALLOWED = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*")


class Groups(Service, EC2Response):
    def create_security_group(self) -> ActionResult:
        name, description = self._get_param("GroupName"), self._get_param("Description")
        if not name:
            raise missing("GroupName")
        if not description:
            raise missing("GroupDescription")
        _check_words("GroupName", name)
        _check_words("GroupDescription", description)
        if name.lower().startswith("sg-"):
            raise invalid_value(f"Value ({name}) for parameter GroupName is invalid. Cannot begin with sg-.")
        vpc_id = self._get_param("VpcId") or self.cloud.region.default_vpc.id
        if vpc_id not in self.cloud.region.vpcs:
            raise AwsError("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")
        if any(group.name.lower() == name.lower() for group in self.cloud.region.groups[vpc_id].values()):
            raise AwsError("InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc_id}'")
        answer = super().create_security_group()
        group_id = answer.result["GroupId"]  # type: ignore[index]
        tags = self.cloud.region.tags.get(group_id, {})
        shown = [{"Key": key, "Value": value} for key, value in tags.items()]
        return ActionResult({**answer.result, "Tags": shown})  # type: ignore[dict-item]

    def delete_security_group(self) -> ActionResult:
        group = self._named()
        self.error_on_dryrun()
        if group.name == "default":
            raise AwsError(
                "CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user'
            )
        if self._in_use(group):
            raise AwsError("DependencyViolation", f"resource {group.id} has a dependent object")
        del self.cloud.region.groups[group.vpc_id][group.id]
        self.cloud.region.tags.pop(group.id, None)
        return ActionResult({"Return": True, "GroupId": group.id})

    def authorize_security_group_ingress(self) -> ActionResult:
        self._named()
        return super().authorize_security_group_ingress()

    def revoke_security_group_ingress(self) -> ActionResult:
        self._named()
        return super().revoke_security_group_ingress()

    def describe_security_groups(self) -> ActionResult:
        self.error_on_dryrun()
        known = {group_id for groups in self.cloud.region.groups.values() for group_id in groups}
        for group_id in self._get_param("GroupIds", []):
            if group_id not in known:
                raise _unknown(group_id)
        answer = super().describe_security_groups()
        shown: Any = answer.result
        shown["SecurityGroups"] = self.settled(shown["SecurityGroups"])
        return answer

    def _named(self) -> Any:
        group_id, name = self._get_param("GroupId"), self._get_param("GroupName")
        if not group_id and not name:
            raise missing("GroupId")
        for groups in self.cloud.region.groups.values():
            for group in groups.values():
                if group.id == group_id or (not group_id and group.name == name):
                    return group
        raise _unknown(group_id or name)

    def _in_use(self, group: Any) -> bool:
        """Return whether a network interface, which exists as long as its machine, or another group's rule uses it."""
        region = self.cloud.region
        if any(group in interface._group_set for interface in region.enis.values()):
            return True
        others = [other for groups in region.groups.values() for other in groups.values() if other is not group]
        rules = [rule for other in others for rule in (*other.ingress_rules, *other.egress_rules)]
        return any((rule.source_group or {}).get("GroupId") == group.id for rule in rules)


def _unknown(what: str) -> AwsError:
    return AwsError("InvalidGroup.NotFound", f"The security group '{what}' does not exist")


def _check_words(parameter: str, value: str) -> None:
    if len(value) > 255 or not _ALLOWED.fullmatch(value):
        raise invalid_value(
            f"Value ({value}) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
        )
