"""Which partition of AWS a region is in, by its code, and what differs there. Standard library only.

The patterns are botocore's (`data/partitions.json`), and a test compares them. A new region of AWS matches the pattern
of its partition, so no list of regions has to be kept.
"""

import re

_PARTITIONS = {
    "aws": r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+",
    "aws-cn": r"cn-\w+-\d+",
    "aws-us-gov": r"us-gov-\w+-\d+",
    "aws-eusc": r"eusc-(de)-\w+-\d+",
    "aws-iso": r"us-iso-\w+-\d+",
    "aws-iso-b": r"us-isob-\w+-\d+",
    "aws-iso-e": r"eu-isoe-\w+-\d+",
    "aws-iso-f": r"us-isof-\w+-\d+",
}


def partition(region: str) -> str:
    """Return the partition of a region, such as `aws-us-gov`, which all its ARNs name; ValueError if there is none."""
    for name, pattern in _PARTITIONS.items():
        if re.fullmatch(pattern, region, re.ASCII):
            return name
    raise ValueError("no region of AWS has such a name; use one such as ap-northeast-2")


_CANONICAL = {"aws-us-gov": "513442679011", "aws-cn": "837727238323"}


def canonical(region: str) -> str:
    """Return the account with Ubuntu's images for a region (ubuntu.com/aws/docs, "Verify the owner")."""
    return _CANONICAL.get(partition(region), "099720109477")
