"""What EC2 checks in any call, whatever it is about."""

from collections.abc import Mapping
from typing import Any

from localcloud.errors import AwsError, invalid_value

MOST_FILTER_VALUES = 200


def refusal(action: str, params: Mapping[str, Any]) -> AwsError | None:
    """Return why a request is refused, before its own checks; nothing if it is not."""
    if action.startswith("Describe") and params.get("DryRun"):
        # moto would carry it out; the other calls check for it themselves
        return AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set")
    if sum(len(one.get("Values") or []) for one in params.get("Filters") or []) > MOST_FILTER_VALUES:
        text = f"The maximum number of filter values specified on a single call is {MOST_FILTER_VALUES}"
        return AwsError("FilterLimitExceeded", text)
    if action != "DeleteTags" and any(key.lower().startswith("aws:") for key in _tag_keys(params)):
        return invalid_value("Tag keys starting with 'aws:' are reserved for internal use")
    return None


def _tag_keys(params: Mapping[str, Any]) -> list[str]:
    specified = [tag for one in params.get("TagSpecifications") or [] for tag in one.get("Tags") or []]
    return [str(tag.get("Key")) for tag in [*(params.get("Tags") or []), *specified]]
