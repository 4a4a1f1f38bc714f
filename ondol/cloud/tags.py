"""The tags of whatever is created in AWS. A check-up uses the same keys: an account may require any of them."""

from ondol.cloud.port import Tag
from ondol.config import Config


def tags_of(config: Config, *, name: str, user_id: str, row: str) -> dict[str, str]:
    """Return the tags of the settings and our own; the cloud adds its mark."""
    return dict(config.tags) | {Tag.NAME: name, Tag.PROJECT: config.project, Tag.USER_ID: user_id, Tag.ROW: row}
