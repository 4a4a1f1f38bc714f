"""Amazon's security groups behind the port: a group is made equal to what is wished for."""

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any

from ondol.cloud import ingress
from ondol.cloud.aws_calls import ask, ask_of, where
from ondol.cloud.errors import AlreadyThere, CloudError, Gone
from ondol.cloud.port import Ingress

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

NO_RULE = "InvalidPermission.NotFound"


def has_group(ec2: "EC2Client", group_id: str) -> bool:
    """Return whether this group is there."""
    return _described(ec2, group_id) is not None


def set_ssh(ec2: "EC2Client", group_id: str, cidrs: Collection[str], still_ours: Callable[[], None]) -> Ingress:
    """Implement `ondol.cloud.port.Cloud.set_ssh`."""
    group = _described(ec2, group_id)
    if group is None and not cidrs:
        raise Gone("InvalidGroup.NotFound", f"{group_id} is not shown")
    # A group that is not shown may be just created, and then it has no rules yet.
    missing, surplus = ingress.difference(ingress.shown(group["IpPermissions"] if group else ()), ingress.ssh(cidrs))
    is_there = partial(has_group, ec2, group_id)
    revoke = partial(_ask_if, still_ours, is_there, ec2.revoke_security_group_ingress, GroupId=group_id)
    allow = partial(_ask_if, still_ours, is_there, ec2.authorize_security_group_ingress, GroupId=group_id)
    # Revoke first: surplus rules must not stay because AWS refuses a missing one.
    _change(revoke, surplus, "", is_done=lambda error: error.code == NO_RULE)
    _change(allow, missing, ingress.OURS, is_done=lambda error: isinstance(error, AlreadyThere))
    return Ingress(tuple(map(str, missing)), tuple(map(str, surplus)))


def _ask_if(still_ours: Callable[[], None], *call: Any, **words: Any) -> None:
    still_ours()  # the group may have been read long ago, if the worker was frozen since
    ask_of(*call, **words)


def _change(
    call: Callable[..., Any], rules: list[ingress.Rule], description: str, *, is_done: Callable[[CloudError], bool]
) -> None:
    """Change all rules in one call. If one of them is done already, EC2 refuses the whole call: then one by one."""
    if not rules:
        return
    try:
        call(IpPermissions=ingress.permissions(rules, description))
    except CloudError as error:
        if not is_done(error):
            raise
        for rule in rules if len(rules) > 1 else ():
            _change(call, [rule], description, is_done=is_done)


def _described(ec2: "EC2Client", group_id: str) -> Any:
    """Return the group as DescribeSecurityGroups shows it; None: not shown."""
    # By a filter: an unknown id in `GroupIds` is an error.
    shown = ask(ec2.describe_security_groups, Filters=[where("group-id", group_id)])["SecurityGroups"]
    return shown[0] if shown else None
