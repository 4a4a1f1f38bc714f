"""Import moto's EC2 without a hundred megabytes of instance types for thirty regions.

moto 5.2.5 reads its whole catalogue when `moto.ec2` is imported: 145 MB, of which this cloud needs a few families of
one region. Its loader is wrapped for the time of that import, so it must be imported here first.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

FAMILIES = frozenset(
    [
        "t2",
        "t3",
        "t3a",
        "t4g",
        "m5",
        "m6i",
        "m6g",
        "m7i",
        "m7g",
        "c5",
        "c6i",
        "c6g",
        "c7i",
        "c7g",
        "r5",
        "r6i",
        "r6g",
        "g4dn",
        "g5",
    ]
)


def import_moto(region: str, account_id: str) -> None:
    """Must run before any other module here touches moto: it reads its environment when imported."""
    os.environ["MOTO_ACCOUNT_ID"] = account_id
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    os.environ.pop("MOTO_AMIS_PATH", None)
    import moto.utilities.utils as utilities  # noqa: PLC0415

    with _catalogue_of(region, utilities):
        import moto.ec2.models.instance_types  # noqa: F401, PLC0415


@contextmanager
def _catalogue_of(region: str, utilities: Any) -> Iterator[None]:
    load = utilities.load_resource

    def load_what_is_needed(resource: str) -> Any:
        if resource.endswith("ec2/resources/instance_types.json"):
            return {name: facts for name, facts in load(resource).items() if _family(name) in FAMILIES}
        if "instance_type_offerings" in resource:
            if f"/{region}." not in resource:
                return []
            return [offer for offer in load(resource) if _family(offer["InstanceType"]) in FAMILIES]
        return load(resource)

    utilities.load_resource = load_what_is_needed
    try:
        yield
    finally:
        utilities.load_resource = load


def _family(instance_type: str) -> str:
    return instance_type.partition(".")[0]
