"""Volumes: they grow, they do not shrink, and a change is not over at once."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from localcloud.clock import moment
from localcloud.ec2.describe import network_interface
from localcloud.errors import AwsError, invalid_value, not_found
from localcloud.service import Service

#: seconds on the cloud's clock: modifying, then optimizing, then completed
MODIFYING, OPTIMIZING = 30.0, 300.0
MOST_IN_A_DAY = 4


class Volumes(Service, EC2Response):
    def describe_volumes(self) -> ActionResult:
        self.error_on_dryrun()
        ids = self._get_param("VolumeIds", [])
        unknown = set(ids) - set(self.cloud.region.volumes)
        if unknown:
            raise not_found("InvalidVolume", "volume", unknown)
        for volume in self.cloud.region.volumes.values():
            attachment: Any = volume.attachment
            if attachment:  # moto stores it with the machine only
                disk = attachment.instance.block_device_mapping.get(attachment.device)
                attachment.delete_on_termination = bool(disk and disk.delete_on_termination)
        answer = super().describe_volumes()
        shown: Any = answer.result
        shown["Volumes"] = self.settled(shown["Volumes"])
        return answer

    def describe_network_interfaces(self) -> ActionResult:
        ids = self._get_param("NetworkInterfaceIds", [])
        unknown = set(ids) - set(self.cloud.region.enis)
        if unknown:
            raise not_found("InvalidNetworkInterfaceID", "networkInterface ID", unknown)
        self.error_on_dryrun()
        found = self.cloud.region.get_all_network_interfaces(ids, self._filters_from_querystring())
        return ActionResult({"NetworkInterfaces": [network_interface(nic) if nic.instance else nic for nic in found]})

    def modify_volume(self) -> ActionResult:
        volume_id, size = self._get_param("VolumeId"), self._get_param("Size")
        volume = self.cloud.region.volumes.get(volume_id)
        if volume is None:
            raise AwsError("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")
        if size is not None and int(size) < volume.size:
            raise invalid_value("New size cannot be smaller than existing size")
        now = self.cloud.clock.now()
        check_rate(volume, now)
        self.error_on_dryrun()
        super().modify_volume()
        done = volume.modifications[-1]
        done.start_time = moment(now)
        return ActionResult({"VolumeModification": _modification(done, now)})

    def describe_volumes_modifications(self) -> ActionResult:
        found = self.cloud.region.describe_volumes_modifications(
            volume_ids=self._get_param("VolumeIds", []), filters=self._filters_from_querystring()
        )
        now = self.cloud.clock.now()
        return ActionResult({"VolumesModifications": [_modification(one, now) for one in found]})


def check_rate(volume: Any, now: float) -> None:
    """Refuse a change before the last one is complete, and a fifth one in 24 hours."""
    ages = [now - one.start_time.timestamp() for one in volume.modifications]
    if ages and (state := _state(ages[-1])) != "completed":
        text = f"Volume {volume.id} cannot be modified in modification state {state.upper()}"
        raise AwsError("IncorrectModificationState", text)
    if sum(age < 86_400 for age in ages) >= MOST_IN_A_DAY:
        raise AwsError(
            "VolumeModificationRateExceeded",
            f"You've reached the maximum modification rate per volume limit: {MOST_IN_A_DAY} modifications in 24 "
            f"hours. {volume.id}",
        )


def _state(since: float) -> str:
    return "modifying" if since < MODIFYING else "optimizing" if since < OPTIMIZING else "completed"


def _modification(done: Any, now: float) -> dict[str, Any]:
    since = now - done.start_time.timestamp()
    state = _state(since)
    shown: dict[str, Any] = {
        "VolumeId": done.volume.id,
        "ModificationState": state,
        "StartTime": done.start_time,
        "Progress": 100 if state == "completed" else int(min(99, 100 * since / OPTIMIZING)),
        "TargetSize": done.target_size or done.volume.size,
        "OriginalSize": done.original_size or done.volume.size,
        "TargetVolumeType": done.target_volume_type or done.volume.volume_type,
        "OriginalVolumeType": done.original_volume_type or done.volume.volume_type,
    }
    if state == "completed":
        shown["EndTime"] = moment(done.start_time.timestamp() + OPTIMIZING)
    return shown
