"""The IAM policy that Ondol needs, filled in for one account, region, VPC and subnet."""

from importlib.resources import files
from string import Template

from ondol.config import Config

ANY = "*"


def policy(config: Config, account_id: str, deployment: str = "") -> str:
    """Return the policy as JSON.

    Without the deployment's id it covers every Ondol in the account. Raises ConfigError.
    """
    config.require("vpc_id", "subnet_id")
    text = (files("ondol.doctor") / "iam-policy.json").read_text("utf-8")
    return Template(text).substitute(
        account=account_id,
        region=config.region,
        vpc=config.vpc_id,
        subnet=config.subnet_id,
        types='", "'.join(config.permitted_types),
        image=config.image_id or ANY,
        deployment=deployment or ANY,
    )
