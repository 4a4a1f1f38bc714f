"""The tags of a machine and of everything that belongs to it."""

from ondol.cloud.tags import tags_of
from ondol.config import config
from ondol.instances.models import Instance
from ondol.instances.names import ascii_name


def tags(instance: Instance) -> dict[str, str]:
    """Return the tags of a machine and of everything that belongs to it; the cloud adds its mark.

    They may change with other data: a repeated launch keeps the tags of its first try.
    """
    name = f"ondol-{ascii_name(instance.owner)}"
    return tags_of(config(), name=name, user_id=str(instance.owner_id), row=str(instance.pk))
