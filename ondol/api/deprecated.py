"""Old API names, read and written for one more release beside the names that replaced them.

What is GiB was once called GB. The old unit is built from capitals, so that no renaming in the code changes the API.
"""

from pydantic import ValidationInfo
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

_OLD_UNIT = "GB".lower()
OLD_VOLUME = f"volume_{_OLD_UNIT}"
OLD_VOLUME_MIN = f"volume_{_OLD_UNIT}_min"
OLD_VOLUME_MAX = f"volume_{_OLD_UNIT}_max"
OLD_MEMORY = f"memory_{_OLD_UNIT}"
DEPRECATED: JsonDict = {"deprecated": True}
"""What OpenAPI says about each of them."""


def require_same(name: str, old: int | None, info: ValidationInfo) -> int | None:
    """Return the value under the old name; raise ValueError if the new name, `name`, has a different value."""
    new = info.data.get(name)
    if None not in (old, new) and old != new:
        raise PydanticCustomError("two_values", "not the same as {name}", {"name": name})
    return old
