"""Canonical's Ubuntu 24.04 images, and the SSM parameters that name the newest of them.

moto has neither. Owner, names and parameter paths are Canonical's own; the ids are made up.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.amis import Ami

CANONICAL = "099720109477"
ROOT_DEVICE = "/dev/sda1"


class Ubuntu(Ami):
    """An image without moto's default: a root disk of 15 GB that stays when its machine is terminated."""

    ena_support = True
    sriov_net_support = "simple"
    platform_details = "Linux/UNIX"
    usage_operation = "RunInstances"

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        disk = {
            "SnapshotId": self.ebs_snapshot.id,
            "VolumeSize": 8,
            "VolumeType": "gp3",
            "DeleteOnTermination": True,
            "Encrypted": False,
        }
        return [{"DeviceName": self.root_device_name, "Ebs": disk}]


@dataclass(frozen=True)
class Image:
    image_id: str
    architecture: str
    serial: str

    @property
    def _label(self) -> str:
        return {"x86_64": "amd64", "arm64": "arm64"}[self.architecture]

    @property
    def name(self) -> str:
        return f"ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-{self._label}-server-{self.serial}"

    def parameter(self, version: str) -> str:
        return f"/aws/service/canonical/ubuntu/server/24.04/stable/{version}/{self._label}/hvm/ebs-gp3/ami-id"

    def for_moto(self, zone: str) -> dict[str, Any]:
        return {
            "ami_id": self.image_id,
            "name": self.name,
            "description": f"Canonical, Ubuntu, 24.04, {self._label} noble image",
            "owner_id": CANONICAL,
            "owner_alias": "amazon",
            "public": True,
            "virtualization_type": "hvm",
            "architecture": self.architecture,
            "hypervisor": "xen",
            "image_location": f"amazon/{self.name}",
            "creation_date": datetime.strptime(self.serial, "%Y%m%d").replace(hour=8, tzinfo=UTC),
            "region_name": zone,
            "root_device_type": "ebs",
            "root_device_name": ROOT_DEVICE,
        }


#: oldest first; two of each, so that tests notice if the newest is not taken
IMAGES = (
    Image("ami-0a10c3b5f2d4e6001", "x86_64", "20250305"),
    Image("ami-0b20d4c6a3e5f7001", "arm64", "20250305"),
    Image("ami-0a10c3b5f2d4e6002", "x86_64", "20250610"),
    Image("ami-0b20d4c6a3e5f7002", "arm64", "20250610"),
)


def parameters() -> dict[str, str]:
    """Return SSM parameter → image id; for `current`, the latest image."""
    found: dict[str, str] = {}
    for image in IMAGES:
        found[image.parameter(image.serial)] = image.image_id
        found[image.parameter("current")] = image.image_id
    return found
