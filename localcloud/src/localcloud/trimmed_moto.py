"""Import moto's EC2 without its data for thirty regions: this saves 60 MB and a second.

moto 5.2.5 reads its whole catalogue of instance types when `moto.ec2` is imported, and asks boto3 for all regions of
all services. This cloud needs a few families in one region. Both are replaced during that import, so it has to happen
here first. Two hooks of moto are switched off: each request would be entered in moto's IAM, which would load all
managed policies to find no user; and each resource would be kept for ever in a list for moto's dashboard.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

BURSTABLE = ("t2", "t3", "t3a", "t4g")
STEADY = ("m5", "m6i", "m6g", "m7i", "m7g", "c5", "c6i", "c6g", "c7i", "c7g", "r5", "r6i", "r6g", "g4dn", "g5")
FAMILIES = frozenset((*BURSTABLE, *STEADY))


def import_moto(region: str, account_id: str) -> None:
    """Import moto. This must run before any other module touches it: moto also reads its environment when imported."""
    os.environ["MOTO_ACCOUNT_ID"] = account_id
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    os.environ.pop("MOTO_AMIS_PATH", None)
    import boto3  # noqa: PLC0415
    import moto.utilities.utils as utilities  # noqa: PLC0415

    with (
        _replaced(utilities, "load_resource", _trimmed(utilities.load_resource, region)),
        _replaced(boto3, "Session", lambda: _OneRegion(region)),
    ):
        import moto.ec2.models  # noqa: F401, PLC0415
    import moto.iam.models as iam  # noqa: PLC0415

    iam.mark_account_as_visited = lambda **_: None
    import moto.core.errors as errors  # noqa: PLC0415
    import moto.core.responses as responses  # noqa: PLC0415
    from moto.core.common_models import BaseModel  # noqa: PLC0415

    # It would search the 600 methods of EC2 at each request: half of the time of a short call.
    cached = cache(responses.method_names_from_class)  # type: ignore[attr-defined]
    responses.method_names_from_class = cached  # type: ignore[attr-defined]
    errors.COMMON_ERROR_CODES += ["AccessDenied", "AccessDeniedException"]  # any service may answer so; moto would warn
    BaseModel.__new__ = lambda cls, *_, **__: object.__new__(cls)  # type: ignore[method-assign]


class _OneRegion:
    """The part of boto3.Session that moto uses while it is imported."""

    def __init__(self, region: str) -> None:
        self.region = region

    def get_available_regions(self, service: str, partition_name: str = "aws") -> list[str]:
        return [self.region] if partition_name == "aws" else []


@contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def _trimmed(load: Callable[[str], Any], region: str) -> Callable[[str], Any]:
    def load_what_is_needed(resource: str) -> Any:
        if resource.endswith("ec2/resources/instance_types.json"):
            return {name: facts for name, facts in load(resource).items() if _family(name) in FAMILIES}
        if "instance_type_offerings" in resource:
            if f"/{region}." not in resource:
                return []
            return [offer for offer in load(resource) if _family(offer["InstanceType"]) in FAMILIES]
        return load(resource)

    return load_what_is_needed


def _family(instance_type: str) -> str:
    return instance_type.partition(".")[0]
