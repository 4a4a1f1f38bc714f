"""The tags that an administrator sets on everything: how they are written, and what AWS accepts."""

import re

OURS = frozenset({"name", "project", "userid", "managedby", "ondoldeployment", "ondolid"})
"""The keys of `cloud.port.Tag`, in lower case: IAM ignores case in keys."""
AT_MOST = 44
"""AWS takes 50 tags per resource, and six are ours."""
_TEXT = re.compile(r"[\w \t.:/=+@-]*")
"""The characters that both EC2 and CloudWatch accept."""


def read_tags(text: str) -> tuple[tuple[str, str], ...]:
    """Return the tags in a text such as `CostCenter=4711,Owner=lab`. Raise ValueError with what is wrong."""
    tags: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key:
            raise ValueError(f"write KEY=VALUE,KEY=VALUE; {part} is neither")
        _check(key, value)
        if key.lower() in {other.lower() for other in tags}:
            raise ValueError(f"{key} is there twice; capitals make no difference for IAM")
        tags[key] = value
    if len(tags) > AT_MOST:
        raise ValueError(f"AWS takes {AT_MOST} tags besides those of Ondol, and these are {len(tags)}")
    return tuple(sorted(tags.items()))


def _check(key: str, value: str) -> None:
    if key.lower().startswith("aws:"):
        raise ValueError(f"{key}: keys that begin with aws: are for AWS alone")
    if key.lower() in OURS:
        raise ValueError(f"{key} is a tag of Ondol's own; choose another key")
    if len(key) > 128 or len(value) > 256:
        raise ValueError(f"{key[:20]}: a key has at most 128 characters, a value at most 256")
    if not _TEXT.fullmatch(key) or not _TEXT.fullmatch(value):
        raise ValueError(f"{key}: use letters, digits, spaces and . : / = + - @ _ only")
