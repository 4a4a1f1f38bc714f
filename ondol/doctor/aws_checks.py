"""What AWS says: whose credentials, which network, what a machine is made of, what is allowed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ondol.cloud.canary import Shown
from ondol.cloud.errors import CloudError, Refused, Unreachable
from ondol.cloud.port import Image
from ondol.cloud.probes import EVENTS_ROLE, Probes, Verdict, is_denial
from ondol.config import Config
from ondol.doctor.findings import Finding, Level, failed, ok, unknown, warning
from ondol.doctor.network import is_wide, shut_out, way_out
from ondol.ec2_types import facts_of

SKEW = 60.0
"""The seconds by which our clock may differ from Amazon's; it refuses us at 15 minutes."""
FEW_ADDRESSES = 10
FEW_MACHINES = 2
"""A new account's 5 vCPUs are enough for two of t3.small. Stopped machines do not count, so a start may fail too."""
_MISSING = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}
_STALE = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}


@dataclass(frozen=True, slots=True)
class Case:
    """The input of the checks."""

    probes: Probes
    config: Config
    account_id: str = ""
    """The account of the database's machines, if there are any."""
    has_tags: bool = True
    """The deployment's id is known; a policy that goes by it would deny everything else."""


Check = Callable[[Case], Iterator[Finding]]


def credentials(case: Case) -> Iterator[Finding]:
    """Check that the credentials lead somewhere, and not to the account's root."""
    try:
        caller = case.probes.caller()
    except Unreachable as error:
        code = "missing" if error.code in _MISSING else "stale" if error.code in _STALE else "refused"
        yield failed("credentials", code, code=error.code)
        return
    if case.account_id not in {"", caller.account_id}:
        yield failed("credentials", "elsewhere", account=caller.account_id, known=case.account_id)
    elif caller.arn.endswith(":root"):
        yield warning("credentials", "root", account=caller.account_id)
    else:
        yield ok("credentials", "sound", account=caller.account_id, arn=caller.arn)
    skew = abs(caller.clock.timestamp() - time.time())
    yield warning("clock", "amazon", seconds=round(skew)) if skew > SKEW else ok("clock", "amazon_sound")


def region(case: Case) -> Iterator[Finding]:
    """Check that EC2 answers in the region."""
    try:
        case.probes.has_vpc()
    except Unreachable as error:
        if error.code in _MISSING:
            raise
        yield failed("region", "silent", region=case.config.region, code=error.code)
        return
    except CloudError as error:
        if error.code == "OptInRequired":
            yield failed("region", "not_enabled", region=case.config.region)
            return
    yield ok("region", "sound", region=case.config.region)


def vpc(case: Case) -> Iterator[Finding]:
    """Check that the VPC exists."""
    facts = {"vpc": case.config.vpc_id, "region": case.config.region}
    yield ok("vpc", "sound", **facts) if case.probes.has_vpc() else failed("vpc", "missing", **facts)


def subnet(case: Case) -> Iterator[Finding]:
    """Check that the subnet exists, is in that VPC, and has room."""
    found = case.probes.subnet()
    if found is None:
        yield failed("subnet", "missing", subnet=case.config.subnet_id, region=case.config.region)
    elif found.vpc_id != case.config.vpc_id:
        yield failed("subnet", "elsewhere", subnet=case.config.subnet_id, vpc=case.config.vpc_id, other=found.vpc_id)
    elif found.free == 0:
        yield failed("subnet", "full", subnet=case.config.subnet_id)
    elif found.free < FEW_ADDRESSES:
        yield warning("subnet", "nearly_full", subnet=case.config.subnet_id, free=found.free)
    else:
        yield ok("subnet", "sound", subnet=case.config.subnet_id, zone=found.zone, free=found.free)


def route(case: Case) -> Iterator[Finding]:
    """Check that a public address is reached through an internet gateway, and through nothing else."""
    target, state = way_out(case.probes.routes())
    if not target:
        yield failed("route", "missing", subnet=case.config.subnet_id)
    elif not target.startswith("igw-"):
        yield failed("route", "not_public", subnet=case.config.subnet_id, target=target)
    elif state != "active":
        yield failed("route", "broken", subnet=case.config.subnet_id, target=target)
    else:
        yield ok("route", "sound", target=target)


def acl(case: Case) -> Iterator[Finding]:
    """Check that the network ACL lets SSH in and its answers out."""
    out = shut_out(case.probes.acl_entries(), case.config.ssh_cidrs or ())
    yield warning("acl", "shut", cidrs=", ".join(out)) if out else ok("acl", "sound")


def ssh(case: Case) -> Iterator[Finding]:
    """Check from where machines may be reached by SSH, also by workers that replace a key."""
    ranges = case.config.ssh_cidrs
    if ranges is None:
        yield failed("ssh", "unset")
    elif case.config.cloud == "aws" and (wide := [cidr for cidr in ranges if is_wide(cidr)]):
        yield warning("ssh", "open", cidrs=", ".join(wide))
    else:
        yield ok("ssh", "ranges", cidrs=", ".join(ranges)) if ranges else ok("ssh", "own")
    if ours := case.config.worker_ssh_cidr:
        yield ok("ssh", "workers", cidr=ours)
    else:
        yield warning("ssh", "no_workers") if ours is None else ok("ssh", "none_wished")


def image(case: Case) -> Iterator[Finding]:
    """Check that there is an image for each architecture of the permitted types."""
    try:
        images = {_image_for(case, name).image_id for name in case.config.permitted_types}
        yield ok("image", "sound", image=", ".join(sorted(images)))
    except CloudError as error:
        if error.code.startswith("InvalidAMIID"):
            yield failed("image", "missing", image=case.config.image_id or "Ubuntu 24.04")
        else:
            raise


def _image_for(case: Case, instance_type: str) -> Image:
    """Return the image that a machine of this type is made from; the fixed one of the settings, fit or not."""
    architecture = facts_of(instance_type).image_architecture
    try:
        return case.probes.newest_image(architecture)
    except Refused as error:
        if error.code != "ImageArchitecture":
            raise
        return case.probes.newest_image("arm64" if architecture == "x86_64" else "x86_64")


def instance_types(case: Case) -> Iterator[Finding]:
    """Check that each permitted type is offered in the subnet's zone, and runs its image."""
    found, place = case.probes.instance_types(), case.probes.subnet()
    offered = case.probes.offered(place.zone) if place else set(found)
    for name in case.config.permitted_types:
        is_usual = name == case.config.instance_type
        image = case.probes.architecture(_image_for(case, name))
        if name not in found:
            wrong = failed("type", "missing", type=name)
        elif image not in found[name].architectures:
            wrong = failed("type", "wrong_image", type=name, has=", ".join(found[name].architectures), image=image)
        elif place and name not in offered:
            wrong = failed("type", "not_offered", type=name, zone=place.zone)
        else:
            if is_usual:
                yield ok("type", "sound", type=name, vcpus=found[name].vcpus)
            continue
        # Without the default type nobody gets a machine; without another, whoever chooses that one is refused.
        yield wrong if is_usual else replace(wrong, level=Level.WARNING)


def quota(case: Case) -> Iterator[Finding]:
    """Check how many machines may run at once."""
    usual = case.config.instance_type
    counted = facts_of(usual).quota
    if counted is None:
        yield unknown("quota", "other_family", type=usual)
        return
    try:
        limit = int(case.probes.quota(counted.code))
    except CloudError as error:
        if is_denial(error):
            yield unknown("quota", "denied", quota=counted.code)
        elif error.code == "NoSuchResourceException":  # a region, or a trial, without such machines
            yield unknown("quota", "other_family", type=usual)
        else:
            raise
        return
    found = case.probes.instance_types().get(usual)
    machines = limit // found.vcpus if found else 0
    facts = {"vcpus": limit, "machines": machines, "type": usual, "quota": counted.code}
    yield ok("quota", "sound", **facts) if machines > FEW_MACHINES else warning("quota", "low", **facts)


def role_of_alarms(case: Case) -> Iterator[Finding]:
    """Check that CloudWatch has the role with which it stops idle machines."""
    try:
        there = case.probes.has_events_role()
    except CloudError as error:
        if not is_denial(error):
            raise
        yield unknown("role", "denied", role=EVENTS_ROLE)
        return
    if there:
        yield ok("role", "sound", role=EVENTS_ROLE)
    elif case.probes.has_alarms():
        yield failed("role", "lost", role=EVENTS_ROLE)
    else:
        yield ok("role", "to_come", role=EVENTS_ROLE)


def warm_up(case: Case) -> Iterator[Finding]:
    """Check that an alarm may be put, and keeps its warm-up: without one it would stop machines that just started."""
    try:
        shown = case.probes.canary()
    except CloudError as error:
        if not is_denial(error):
            raise
        yield failed("warm_up", "denied")
        return
    match shown:
        case Shown.KEPT:
            yield ok("warm_up", "kept")
        case Shown.IGNORED:
            yield warning("warm_up", "ignored", region=case.config.region)
        case Shown.REFUSED:
            yield warning("warm_up", "refused", region=case.config.region)
        case Shown.NOTHING:
            yield unknown("warm_up", "nothing")


def permissions(case: Case) -> Iterator[Finding]:
    """Check every action, by a dry run or a call that changes nothing."""
    if not case.has_tags:
        yield unknown("permissions", "no_database")
        return
    by_verdict: dict[Verdict, list[str]] = {verdict: [] for verdict in Verdict}
    for action, verdict in case.probes.permissions(case.probes.caller().account_id):
        by_verdict[verdict].append(action)
    if denied := by_verdict[Verdict.DENIED]:
        yield failed("permissions", "denied", actions=", ".join(denied))
    else:
        yield ok("permissions", "allowed", count=len(by_verdict[Verdict.ALLOWED]))
    if untried := by_verdict[Verdict.UNTRIED]:
        yield unknown("permissions", "untried", actions=", ".join(untried))


CHECKS: dict[str, Check] = {
    "credentials": credentials,
    "region": region,
    "vpc": vpc,
    "subnet": subnet,
    "route": route,
    "acl": acl,
    "ssh": ssh,
    "image": image,
    "type": instance_types,
    "quota": quota,
    "role": role_of_alarms,
    "warm_up": warm_up,
    "permissions": permissions,
}
