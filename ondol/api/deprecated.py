"""Old API names, read and written for one more release beside the names that replaced them.

What is GiB was once called GB. `tests/api/test_old_names.py` holds them.
"""

from pydantic import ValidationInfo
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

OLD_VOLUME = "volume_gb"
OLD_VOLUME_MIN = "volume_gb_min"
OLD_VOLUME_MAX = "volume_gb_max"
OLD_MEMORY = "memory_gb"
DEPRECATED: JsonDict = {"deprecated": True}
"""What OpenAPI says about each of them."""


def require_same(name: str, old: int | None, info: ValidationInfo) -> int | None:
    """Return the value under the old name; raise ValueError if the new name, `name`, has a different value."""
    new = info.data.get(name)
    if None not in (old, new) and old != new:
        raise PydanticCustomError("two_values", "not the same as {name}", {"name": name})
    return old
