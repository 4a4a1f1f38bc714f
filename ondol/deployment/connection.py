"""The one connection of a worker to AWS."""

from contextlib import suppress
from functools import cache

from ondol.cloud import aws_log
from ondol.cloud.aws import AwsCloud
from ondol.cloud.errors import CloudError
from ondol.cloud.port import Cloud
from ondol.config import config
from ondol.deployment.account import bind_account
from ondol.deployment.aws_record import note_call
from ondol.deployment.models import deployment_id
from ondol.ec2_types import facts_of


@cache
def cloud() -> Cloud:
    """Return this worker's AWS clients. Making them takes a second and some 30 MB. Raises WrongAccount."""
    aws_log.LISTENERS.add(note_call)  # `cache` lets two threads in here
    made = AwsCloud.from_config(config(), deployment_id())
    bind_account(made.account())
    with suppress(CloudError):  # whoever launches will meet it, and say so
        made.newest_image(facts_of(config().instance_type).image_architecture)  # known before anybody clicks
    return made
