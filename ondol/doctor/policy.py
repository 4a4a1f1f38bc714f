"""The IAM policy that Ondol needs, filled in for one account, region, VPC and subnet."""

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
    text = (files("ondol.doctor") / "iam-policy.json").read_text("utf-8")
    text = Template(text).substitute(
        partition=partition(config.region),
        canonical=canonical(config.region),
        account=account_id,
        region=config.region,
        vpc=config.vpc_id,
        subnet=config.subnet_id,
        types='", "'.join(config.permitted_types),
        image=config.image_id or ANY,
        deployment=deployment or ANY,
    )
    if config.tags:
        text = text.replace(_END, f",\n{_tagging(config, account_id, deployment)}{_END}")
    if len(re.sub(r"\s", "", text)) > LONGEST:
        raise ConfigError(f"The IAM policy would be longer than {LONGEST} characters: use fewer ONDOL_TAGS or types.")
    return text


def _tagging(config: Config, account_id: str, deployment: str) -> str:
    """Return the statement that lets existing things of ours be given the tags of the settings, and no others."""
    statement = {
        "Sid": "TagOurs",
        "Effect": "Allow",
        "Action": "ec2:CreateTags",
        "Resource": f"arn:{partition(config.region)}:ec2:{config.region}:{account_id}:*/*",
        "Condition": {
            "StringEquals": {"aws:ResourceTag/ManagedBy": "ondol"},
            "StringLike": {"aws:ResourceTag/OndolDeployment": deployment or ANY},
            "ForAllValues:StringEquals": {"aws:TagKeys": [key for key, _ in config.tags]},
        },
    }
    return indent(json.dumps(statement, indent=2, ensure_ascii=False), "    ")
