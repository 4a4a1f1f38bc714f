"""The one connection of a worker to AWS."""

import logging
from collections.abc import Callable
from functools import cache
from threading import Lock

from django.db import DatabaseError, connection

from ondol.cloud import aws_log
from ondol.cloud.aws import AwsCloud
from ondol.cloud.errors import CloudError
from ondol.cloud.port import Cloud
from ondol.config import config
from ondol.deployment.account import bind_account
from ondol.deployment.aws_record import note_call
from ondol.deployment.models import deployment_id
from ondol.ec2_types import facts_of

log = logging.getLogger(__name__)
_MAKING = Lock()


@cache
def cloud() -> Cloud:
    """Return this worker's AWS clients. Making them takes a second and some 30 MB. Raises WrongAccount."""
    with _MAKING:  # `cache` lets two threads in here, and the first would keep clients of its own
        made = _made()
    bind_account(made.account())
    return made


@cache
def _made() -> AwsCloud:
    aws_log.LISTENERS.add(note_call)
    return AwsCloud.from_config(config(), deployment_id())


def get_ready(connect: Callable[[], Cloud] = cloud) -> None:
    """Prepare what the first click would wait for: clients, the facts about EC2's types, and the newest image.

    Run it in a thread of its own, at the start. Jobs repeat what fails here, and report it.
    """
    try:
        made = connect()
        connection.close()  # AWS may take minutes, and other threads need all connections of this role
        made.newest_image(facts_of(config().instance_type).image_architecture)
    except (CloudError, DatabaseError) as error:
        log.info("not ready for a click yet: %s", type(error).__name__)
    finally:
        connection.close()
