"""The one connection of a worker to AWS."""

from functools import cache

from ondol.cloud import aws_log
from ondol.cloud.aws import AwsCloud
from ondol.cloud.port import Cloud
from ondol.config import config
from ondol.deployment.account import bind_account
from ondol.deployment.aws_record import note_call
from ondol.deployment.models import deployment_id


@cache
def cloud() -> Cloud:
    """Return this worker's AWS clients. Making them takes a second and some 30 MB. Raises WrongAccount."""
    aws_log.LISTENERS.add(note_call)  # `cache` lets two threads in here
    made = AwsCloud.from_config(config(), deployment_id())
    bind_account(made.account())
    return made
