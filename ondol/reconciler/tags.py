"""The tags of a machine and of everything that belongs to it."""

from ondol.cloud.port import Tag
from ondol.config import config
from ondol.instances.actions import ascii_name
from ondol.instances.models import Instance


def tags(instance: Instance) -> dict[str, str]:
    """Return the tags of a machine and of everything that belongs to it; the cloud adds its mark.

    They may depend on anything: a launch under way keeps those that it was first asked for with.
    """
    return dict(config().tags) | {
        Tag.NAME: f"ondol-{ascii_name(instance.owner)}",
        Tag.PROJECT: config().project,
        Tag.USER_ID: str(instance.owner_id),
        Tag.ROW: str(instance.pk),
    }
