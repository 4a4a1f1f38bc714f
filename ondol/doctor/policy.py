"""The IAM policy that Ondol needs, filled in for one account, region, VPC and subnet, or for a CloudFormation stack."""

import json
import re
from importlib.resources import files
from string import Template
from textwrap import indent

from ondol.config import Config, ConfigError
from ondol.regions import canonical, partition

ANY = "*"
LONGEST = 6144
"""The characters of a managed policy; white space is not counted."""
_END = "\n  ]\n}"


def policy(config: Config, account_id: str, deployment: str = "") -> str:
    """Return the policy as JSON.

    Without the deployment's id it covers every Ondol in the account. Raises ConfigError.
    """
    config.require("vpc_id", "subnet_id")
    statements = _file("iam-policy.json")
    if config.tags:  # existing things of ours may be given the tags of the settings, and no others
        statements = statements.replace(_END, f",\n{_file('iam-policy-tags.json')}{_END}")
    text = Template(statements).substitute(
        partition=partition(config.region),
        canonical=canonical(config.region),
        account=account_id,
        region=config.region,
        vpc=config.vpc_id,
        subnet=config.subnet_id,
        types='", "'.join(config.permitted_types),
        image=config.image_id or ANY,
        deployment=deployment or ANY,
        keys='", "'.join(json.dumps(key, ensure_ascii=False)[1:-1] for key, _ in config.tags),
    )
    text += "\n"
    if len(re.sub(r"\s", "", text)) > LONGEST:
        raise ConfigError(f"The IAM policy would be longer than {LONGEST} characters: use fewer ONDOL_TAGS or types.")
    return text


def parameters(config: Config, deployment: str) -> dict[str, str]:
    """Return the parameters of `ondol/deploy/aws.yaml` with which its policy is that of `policy`."""
    return {
        "DeploymentId": deployment or ANY,
        "InstanceTypes": ",".join(config.permitted_types),
        "ImageId": config.image_id or ANY,
        "TagKeys": ",".join(key for key, _ in config.tags),
    }


_IN_A_STACK = {
    '["$types"]': "!Ref InstanceTypes",
    '["$keys"]': "!Ref TagKeys",
    '"$canonical"': '!FindInMap [Canonical, !Ref "AWS::Partition", Account]',
    '"$region"': '!Ref "AWS::Region"',
    '"$account"': '!Ref "AWS::AccountId"',
    '"$deployment"': "!Ref DeploymentId",
}
"""What stands in aws.yaml for a whole value; within a value, it is one of the next."""
_WITHIN = {
    "partition": "${AWS::Partition}",
    "region": "${AWS::Region}",
    "account": "${AWS::AccountId}",
    "image": "${ImageId}",
    "vpc": "${Vpc}",
    "subnet": "${Subnet}",
}


def for_cloudformation() -> str:
    """Return the policy as a value in YAML, whose parts are parameters and resources of `ondol/deploy/aws.yaml`.

    JSON is YAML; only what is filled in has another form there.
    """
    tags = f'    !If [HasTags,\n{_file("iam-policy-tags.json")}, !Ref "AWS::NoValue"]'
    text = _file("iam-policy.json").replace(_END, f",\n{tags}{_END}")
    for value, reference in _IN_A_STACK.items():
        text = text.replace(value, reference)
    return indent(re.sub(r'"[^"\n]*\$[^"\n]*"', lambda found: _sub(found[0]), text) + "\n", " " * 8)


def _sub(value: str) -> str:
    text = Template(value).substitute(_WITHIN)
    for name in ("Vpc", "Subnet"):
        if f"${{{name}}}" in text:
            return f"!Sub [{text}, {{{name}: !If [MakesNetwork, !Ref {name}, !Ref {name}Id]}}]"
    return f"!Sub {text}"


def _file(name: str) -> str:
    return (files("ondol.doctor") / name).read_text("utf-8").rstrip("\n")
