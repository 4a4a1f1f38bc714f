"""The account's EC2 in one region: moto's backend, which launches our machines. This is what is pickled."""

import copy
import secrets
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Reservation
from moto.ec2.utils import random_reservation_id

from localcloud.clock import moment
from localcloud.ec2.images import IMAGES, Ubuntu, parameters
from localcloud.ec2.launch import Order
from localcloud.ec2.machine import Machine
from localcloud.ec2.states import State
from localcloud.errors import AwsError, not_found


class Region(EC2Backend):
    has_events_role = False  # the account's AWSServiceRoleForCloudWatchEvents

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        # Without one, moto would load its whole KMS to make a key for the first encrypted disk.
        self.default_kms_key_id = f"arn:aws:kms:{region_name}:{account_id}:alias/aws/ebs"
        self.tokens: dict[str, tuple[str, str]] = {}  # ClientToken → digest of the request, reservation
        for image in IMAGES:
            self.amis[image.image_id] = Ubuntu(self, **image.for_moto(f"{region_name}a"))

    @property
    def parameters(self) -> dict[str, str]:
        return parameters()

    def describe_tags(self, filters: dict[str, list[str]] | None = None) -> list[dict[str, str]]:
        """Return tags. moto searches all tags of the account for each resource that it shows; for one resource, a
        lookup is enough."""
        if filters and list(filters) == ["resource-id"] and len(filters["resource-id"]) == 1:
            resource_id = filters["resource-id"][0]
            if "*" not in resource_id:
                tags = self.tags.get(resource_id, {})
                return [{"resource_id": resource_id, "key": key, "value": value} for key, value in tags.items()]
        return super().describe_tags(filters)

    @property
    def machines(self) -> list[Machine]:
        return [machine for reservation in self.reservations.values() for machine in reservation.instances]  # type: ignore[misc]

    def machine(self, instance_id: str) -> Machine | None:
        return next((machine for machine in self.machines if machine.id == instance_id), None)

    def machines_named(self, instance_ids: list[str]) -> list[Machine]:
        """Return all of them or raise an error: one unknown id fails the whole call, as in AWS."""
        for instance_id in instance_ids:
            if not _well_formed(instance_id):
                raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
        known = {machine.id: machine for machine in self.machines}
        unknown = set(instance_ids) - set(known)
        if unknown:
            raise not_found("InvalidInstanceID", "instance ID", unknown)
        return [known[instance_id] for instance_id in dict.fromkeys(instance_ids)]

    def asked_before(self, token: str, digest: str) -> Reservation | None:
        """Return the reservation of an earlier request with this ClientToken.

        Raises if AWS would refuse to reuse the token.
        """
        if not token or token not in self.tokens:
            return None
        earlier, reservation_id = self.tokens[token]
        if earlier != digest:
            raise AwsError(
                "IdempotentParameterMismatch",
                "The client token you have provided is associated with different parameters",
            )
        reservation = self.reservations.get(reservation_id)
        if reservation is None or all(machine.phase is State.TERMINATED for machine in reservation.instances):  # type: ignore[attr-defined]
            raise AwsError(
                "IdempotentInstanceTerminated",
                "The client token you have provided is associated with a terminated instance",
            )
        return reservation

    def launch(self, order: Order, host_keys: list[str], now: float) -> Reservation:
        reservation = Reservation(random_reservation_id(), owner_id=self.account_id)
        self.reservations[reservation.id] = reservation
        for index in range(order.count):
            machine = self._machine(order, index, host_keys[index], now)
            machine.reservation_id = reservation.id
            reservation.instances.append(machine)
            self._attach_disks(machine, order, now)
        if order.token:
            self.tokens[order.token] = (order.digest, reservation.id)
        return reservation

    def _machine(self, order: Order, index: int, host_key: str, now: float) -> Machine:
        options = copy.deepcopy(order.options)
        interface = {
            "DeviceIndex": 0,
            "Description": order.description,
            "SubnetId": order.subnet.id,
            "Groups": [group.id for group in order.groups],
            "AssociatePublicIpAddress": _public(order),
            "DeleteOnTermination": True,
            "PrivateIpAddress": self._private_ip(order.subnet, options.pop("private_ip")),
        }
        machine = Machine(  # type: ignore[abstract]
            self,
            order.image.id,
            options.pop("user_data"),
            public_key=order.key.public_key if order.key else "",
            host_key=host_key,
            asked_by_token=order.token,
            number=self._free_number(),
            instance_type=order.instance_type,
            region_name=self.region_name,
            subnet_id=order.subnet.id,
            nics=[interface],
            key_name=order.key.key_name if order.key else None,
            client_token=order.token,
            ami_launch_index=index,
            associate_public_ip=_public(order),
            **options,
        )
        machine.starts_again(now)
        machine.add_tags(order.tags.get("instance", {}))
        if _assigns_ipv6(order):
            self.assign_ipv6_addresses(machine.nics[0].id, ipv6_count=1)
        for nic in machine.nics.values():
            nic.attach_time = moment(now)
            nic.add_tags(order.tags.get("network-interface", {}))
        return machine

    def _free_number(self) -> int:
        """Return the lowest free number. A sandbox's user id is derived from it, so ids stay in a narrow range."""
        taken = {machine.number for machine in self.machines if machine.live}
        return next(number for number in range(len(taken) + 1) if number not in taken)

    def _private_ip(self, subnet: Any, wanted: str | None) -> str:
        """Return a free address, anywhere in the subnet but its first four and its last, which are AWS's own.

        moto counts upwards, begins again after a restart, and includes the reserved ones.
        """
        taken = {nic.private_ip_address for nic in self.enis.values() if nic.subnet.id == subnet.id}
        if wanted:
            if wanted in taken:
                raise AwsError("InvalidIPAddress.InUse", f"Address {wanted} is in use.")
            return wanted
        usable = subnet.cidr.num_addresses - 5
        if len(taken) >= usable:
            raise AwsError(
                "InsufficientFreeAddressesInSubnet",
                "There are not enough free addresses in subnet to satisfy the requested number of instances.",
            )
        while True:
            address = str(subnet.cidr[4 + secrets.randbelow(usable)])
            if address not in taken:
                return address

    def _attach_disks(self, machine: Machine, order: Order, now: float) -> None:
        for disk in order.disks:
            volume = self.create_volume(
                size=int(disk["VolumeSize"]),
                zone_name=str(machine.availability_zone),
                snapshot_id=disk.get("SnapshotId"),
                encrypted=bool(disk.get("Encrypted")),
                kms_key_id=disk.get("KmsKeyId"),
                volume_type=disk.get("VolumeType"),
                iops=disk.get("Iops"),
                throughput=disk.get("Throughput"),
            )
            volume.create_time = moment(now)
            if volume.volume_type == "gp3" and volume.throughput is None:
                volume.throughput = 125
            attachment = self.attach_volume(
                volume.id, machine.id, disk["DeviceName"], bool(disk["DeleteOnTermination"])
            )
            if attachment:
                attachment.attach_time = moment(now)
            machine.block_device_mapping[disk["DeviceName"]].attach_time = moment(now)
            volume.add_tags(order.tags.get("volume", {}))

    def dismantle(self, machine: Machine) -> None:
        """Remove what ends with a terminated machine. Its record stays for an hour, without any of these."""
        for interface in list(machine.nics.values()):
            interface.public_ip = None
            if interface.delete_on_termination:
                interface.delete()
                self.tags.pop(interface.id, None)
        disks = [disk.volume_id for disk in machine.block_device_mapping.values()]
        machine.teardown_defaults()
        for volume_id in disks:
            if volume_id not in self.volumes:
                self.tags.pop(volume_id, None)
        machine.nics = {}
        machine._private_ips.clear()  # moto frees them again at garbage collection, although they may have a new owner

    def forget(self, machine: Machine) -> None:
        """Forget a machine: after an hour its id is unknown. Its token is kept, or it could launch a second time."""
        reservation = self.reservations.get(machine.reservation_id)
        if reservation and machine in reservation.instances:
            reservation.instances.remove(machine)
        if reservation and not reservation.instances:
            del self.reservations[reservation.id]
        self.tags.pop(machine.id, None)


def _public(order: Order) -> bool:
    """Return whether it gets a public address: by the request, or if that does not say, by the subnet."""
    return order.subnet.map_public_ip_on_launch is True if order.public_address is None else bool(order.public_address)


def _assigns_ipv6(order: Order) -> bool:
    """Return whether the subnet has an IPv6 range and gives each network interface an address of it."""
    return bool(order.subnet.ipv6_cidr_block_associations) and order.subnet.assign_ipv6_address_on_creation is True


def _well_formed(instance_id: str) -> bool:
    digits = instance_id.removeprefix("i-")
    return instance_id.startswith("i-") and len(digits) in (8, 17) and all(c in "0123456789abcdef" for c in digits)
