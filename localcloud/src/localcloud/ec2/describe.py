"""One machine as DescribeInstances shows it. Fields that AWS leaves out are left out, not None."""

from typing import Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instance_types import INSTANCE_TYPES

from localcloud.ec2.machine import Machine
from localcloud.ec2.states import State


def instance(machine: Machine) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "InstanceId": machine.id,
        "ImageId": machine.image_id,
        "State": machine.phase.shown(),
        "InstanceType": machine.instance_type,
        "LaunchTime": machine.launch_time,
        "AmiLaunchIndex": machine.ami_launch_index,
        "ClientToken": machine.asked_by_token,
        "PrivateDnsName": "",
        "PublicDnsName": "",
        "StateTransitionReason": machine._reason or "",
        "ProductCodes": [],
        "Monitoring": {"State": machine.monitoring_state},
        "Placement": {"AvailabilityZone": machine.availability_zone, "GroupName": "", "Tenancy": "default"},
        "Architecture": machine.architecture,
        "VirtualizationType": "hvm",
        "Hypervisor": machine.hypervisor,
        "RootDeviceName": machine.root_device_name,
        "RootDeviceType": "ebs",
        "EbsOptimized": machine.ebs_optimized,
        "EnaSupport": True,
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
        "UsageOperationUpdateTime": machine.launch_time,
        "CpuOptions": _cpu_options(machine),
        "HibernationOptions": {"Configured": False},
        "EnclaveOptions": {"Enabled": False},
        "MetadataOptions": _metadata_options(machine),
        "CurrentInstanceBootMode": "uefi",
        "BootMode": "uefi-preferred",
        "BlockDeviceMappings": [_disk(name, disk) for name, disk in machine.block_device_mapping.items()],
        "SecurityGroups": [],
        "NetworkInterfaces": [],
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "MaintenanceOptions": {"AutoRecovery": "default", "RebootMigration": "default"},
    }
    if machine.key_name:
        shown["KeyName"] = machine.key_name
    if machine.phase is not State.RUNNING and machine.state_reason.code:
        shown["StateReason"] = {"Code": machine.state_reason.code, "Message": machine.state_reason.message}
    tags = machine.ec2_backend.tags.get(machine.id)
    if tags:
        shown["Tags"] = _tags(tags)
    if machine.live and machine.primary:
        shown.update(_network(machine, machine.primary))
    return shown


def reservation(found: Any, machines: list[Machine]) -> dict[str, Any]:
    return {
        "ReservationId": found.id,
        "OwnerId": found.owner_id,
        "Groups": [],
        "Instances": [instance(machine) for machine in machines],
    }


def _network(machine: Machine, primary: NetworkInterface) -> dict[str, Any]:
    """Return the network fields. AWS leaves them out of a terminated machine."""
    shown: dict[str, Any] = {
        "VpcId": primary.subnet.vpc_id,
        "SubnetId": primary.subnet.id,
        "PrivateIpAddress": primary.private_ip_address,
        "PrivateDnsName": machine.private_dns_name,
        "SourceDestCheck": True,
        "SecurityGroups": _groups(primary),
        "NetworkInterfaces": [_interface(nic) for nic in machine.nics.values()],
        "PrivateDnsNameOptions": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
    }
    if machine.address:
        shown["PublicIpAddress"] = machine.address
        shown["PublicDnsName"] = machine.public_dns_name
    return shown


def network_interface(nic: Any) -> dict[str, Any]:
    """Return a machine's network interface as DescribeNetworkInterfaces shows it."""
    shown = _interface(nic)
    shown["Attachment"] |= {"InstanceId": nic.instance.id, "InstanceOwnerId": nic.owner_id}
    tags = [{"Key": tag["key"], "Value": tag["value"]} for tag in nic.get_tags()]
    return {**shown, "AvailabilityZone": nic.subnet.availability_zone, "RequesterManaged": False, "TagSet": tags}


def _interface(nic: Any) -> dict[str, Any]:
    address: dict[str, Any] = {
        "Primary": True,
        "PrivateIpAddress": nic.private_ip_address,
        "PrivateDnsName": nic.instance.private_dns_name,
    }
    shown: dict[str, Any] = {
        "NetworkInterfaceId": nic.id,
        "Status": nic.status,
        "Description": nic.description,
        "InterfaceType": "interface",
        "MacAddress": nic.mac_address,
        "OwnerId": nic.owner_id,
        "SubnetId": nic.subnet.id,
        "VpcId": nic.subnet.vpc_id,
        "SourceDestCheck": True,
        "PrivateIpAddress": nic.private_ip_address,
        "PrivateDnsName": nic.instance.private_dns_name,
        "Ipv6Addresses": [{"Ipv6Address": str(address), "IsPrimaryIpv6": False} for address in nic.ipv6_addresses],
        "Groups": _groups(nic),
        "Attachment": {
            "AttachmentId": nic.attachment_id,
            "AttachTime": nic.attach_time,
            "DeleteOnTermination": nic.delete_on_termination,
            "DeviceIndex": nic.device_index,
            "NetworkCardIndex": 0,
            "Status": "attached",
        },
    }
    if nic.public_ip:
        association = {
            "IpOwnerId": "amazon",
            "PublicIp": nic.public_ip,
            "PublicDnsName": nic.instance.public_dns_name,
        }
        shown["Association"] = association
        address["Association"] = association
    shown["PrivateIpAddresses"] = [address]
    return shown


def _groups(nic: Any) -> list[dict[str, str]]:
    return [{"GroupId": group.id, "GroupName": group.name} for group in nic._group_set]


def _disk(name: str, disk: Any) -> dict[str, Any]:
    return {
        "DeviceName": name,
        "Ebs": {
            "VolumeId": disk.volume_id,
            "Status": "attached",
            "AttachTime": disk.attach_time,
            "DeleteOnTermination": disk.delete_on_termination,
        },
    }


def _cpu_options(machine: Machine) -> dict[str, int]:
    facts = INSTANCE_TYPES[machine.instance_type]["VCpuInfo"]
    threads = facts.get("DefaultThreadsPerCore", 1)
    return {"CoreCount": facts.get("DefaultCores", facts["DefaultVCpus"] // threads), "ThreadsPerCore": threads}


def _metadata_options(machine: Machine) -> dict[str, Any]:
    options = machine.metadata_options
    return {
        "State": "applied" if machine.live else "pending",
        "HttpTokens": options.http_tokens,
        "HttpPutResponseHopLimit": options.http_put_response_hop_limit,
        "HttpEndpoint": options.http_endpoint,
        "HttpProtocolIpv6": options.http_protocol_ipv6,
        "InstanceMetadataTags": options.instance_metadata_tags,
    }


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
