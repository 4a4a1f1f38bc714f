"""Amazon behind the port."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from ondol.cloud import aws_groups, aws_keys
from ondol.cloud import aws_shapes as shapes
from ondol.cloud.aws_again import Again
from ondol.cloud.aws_autostop import AutoStop
from ondol.cloud.aws_calls import (
    ONCE_CONFIG,
    WORKER_CONFIG,
    Clients,
    Session,
    ask,
    ask_of,
    chunks,
    every,
    pages,
    session,
    where,
)
from ondol.cloud.errors import DENIED, Gone, NotYet, Refused
from ondol.cloud.port import (
    MANAGED_BY,
    MOVING,
    AwsAccount,
    Ec2Instance,
    Found,
    Image,
    Ingress,
    InstanceState,
    KeyPair,
    Kind,
    LaunchSpec,
    Tag,
    always,
)
from ondol.config import Config
from ondol.ec2_types import facts_of
from ondol.regions import canonical

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ssm import SSMClient

NOBLE = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-%s-server-*"
NOBLE_PARAMETER = "/aws/service/canonical/ubuntu/server/24.04/stable/current/%s/hvm/ebs-gp3/ami-id"
CANONICALS_WORDS = {"x86_64": "amd64", "arm64": "arm64"}
"""Canonical's word for each of EC2's architectures."""

_FILTER_VALUES = 190
"""EC2 takes 200 values in one call, counted over all its filters: those for our tags are among them."""
_TAGGED = 500
_UNREAD: dict[str, str] = {}
_ID_FILTERS = {
    Kind.INSTANCE: "instance-id", Kind.VOLUME: "volume-id", Kind.GROUP: "group-id", Kind.KEY: "key-name",
}  # fmt: skip


def _with_tags(reservation: dict[str, Any]) -> Iterator[Ec2Instance]:
    return map(shapes.ec2_instance, reservation["Instances"])


def _without_tags(reservation: dict[str, Any]) -> Iterator[Ec2Instance]:
    """Yield a reservation's instances without tags: these double the memory, and an observation does not read them."""
    return (replace(shown, tags=_UNREAD, interfaces=()) for shown in _with_tags(reservation))


class AwsCloud(AutoStop):
    """Implements `ondol.cloud.port.Cloud` by boto3.

    One object serves all threads; clients are made when first needed.
    """

    BOTO_CONFIG = WORKER_CONFIG

    def __init__(self, session: Session, config: Config, deployment_id: str) -> None:
        self._config, self._deployment = config, deployment_id
        self._client = Clients(session, config.endpoint_url, self.BOTO_CONFIG)
        self._once = Clients(session, config.endpoint_url, ONCE_CONFIG)
        self._all, self._some, self._moving = Again(_without_tags), Again(_with_tags), Again(_without_tags)
        self._images: dict[str, tuple[str, str]] = {}
        """The root device and the architecture of each image: an image never changes its own."""

    @classmethod
    def from_config(cls, config: Config, deployment_id: str) -> "AwsCloud":
        """Return a cloud with the SDK's usual credentials. Raises ConfigError if the network is not set."""
        config.require("vpc_id", "subnet_id")
        return cls(session(config.region), config, deployment_id)

    # --- reading -----------------------------------------------------------------------------------------------
    def ec2_instances(self, rows: Collection[str] | None = None) -> list[Ec2Instance]:
        if rows is None:
            return self._all.listed(self._pages(self._ours()))
        asked = ([*self._ours(), where(f"tag:{Tag.ROW}", *some)] for some in chunks(rows, _FILTER_VALUES))
        return self._some.listed(chain.from_iterable(map(self._pages, asked)))

    def moving(self) -> list[Ec2Instance]:
        filters = [*self._ours(), where("instance-state-name", *MOVING)]
        return self._moving.listed(self._pages(filters, self._once("ec2")))

    def alive_of(self, user_id: str) -> list[Ec2Instance]:
        ec2_instances = self._ec2_instances([*self._ours(), where(f"tag:{Tag.USER_ID}", user_id)])
        return [ec2_instance for ec2_instance in ec2_instances if ec2_instance.state.is_live]

    def known(self, instance_ids: Collection[str]) -> list[Ec2Instance]:
        # By a filter: a single unknown id in `InstanceIds` would fail the whole call.
        return [
            ec2_instance
            for some in chunks(instance_ids, _FILTER_VALUES)
            for ec2_instance in self._ec2_instances([where("instance-id", *some)])
        ]

    def inventory(self) -> list[Found]:
        ours = self._ours()
        return [
            *(thing for kind in _ID_FILTERS for thing in self._listed(kind, ours)),
            *(Found(Kind.ALARM, alarm.name) for alarm in self.alarms()),
        ]

    def shown(self, kind: Kind, ids: Collection[str]) -> list[Found]:
        return [
            thing
            for some in chunks(ids, _FILTER_VALUES)
            for thing in self._listed(kind, [where(_ID_FILTERS[kind], *some)])
        ]

    def _listed(self, kind: Kind, filters: list[Any]) -> list[Found]:
        match kind:
            case Kind.INSTANCE:
                return [
                    ec2_instance.as_found()
                    for ec2_instance in self._ec2_instances(filters)
                    if ec2_instance.state.is_live
                ]
            case Kind.VOLUME:
                volumes = every(self._ec2, "describe_volumes", "Volumes", Filters=filters, page_size=500)
                return [shapes.volume(volume) for volume in volumes]
            case Kind.GROUP:
                groups = every(self._ec2, "describe_security_groups", "SecurityGroups", Filters=filters, page_size=500)
                return [shapes.group(group) for group in groups]
            case _:
                return [shapes.key(key) for key in ask(self._ec2.describe_key_pairs, Filters=filters)["KeyPairs"]]

    def tag(self, things: Collection[Found], tags: Mapping[str, str]) -> None:
        told = shapes.tag_list(tags)
        for some in chunks([id for thing in things for id in thing.tag_ids], _TAGGED):
            ask(self._ec2.create_tags, Resources=some, Tags=told)
        self._tag_alarms([thing.id for thing in things if thing.kind is Kind.ALARM], told)

    def account(self) -> AwsAccount:
        return AwsAccount(ask(self._client("sts").get_caller_identity)["Account"], self._config.region)

    def _ec2_instances(self, filters: list[Any]) -> list[Ec2Instance]:
        reservations = every(self._ec2, "describe_instances", "Reservations", Filters=filters, page_size=1000)
        return [shown for reservation in reservations for shown in _with_tags(reservation)]

    def _pages(self, filters: list[Any], ec2: "EC2Client | None" = None) -> Iterator[dict[str, Any]]:
        return pages(ec2 or self._ec2, "describe_instances", Filters=filters, page_size=1000)

    def checks_passed(self, instance_ids: Collection[str]) -> set[str]:
        if not instance_ids:
            return set()
        # Filtered here and not by `InstanceIds`: a single unknown id would fail the whole call.
        sound = [where("instance-status.status", "ok"), where("system-status.status", "ok")]
        shown = every(self._ec2, "describe_instance_status", "InstanceStatuses", Filters=sound, page_size=1000)
        return {status["InstanceId"] for status in shown} & set(instance_ids)

    # --- network -----------------------------------------------------------------------------------------------
    def create_group(self, name: str, tags: Mapping[str, str]) -> str:
        made = ask(
            self._ec2.create_security_group,
            GroupName=name,
            Description=f"Ondol: SSH to {name}",  # EC2 takes ASCII only
            VpcId=self._config.vpc_id,
            TagSpecifications=shapes.tagged(self._tags(tags), "security-group"),
        )
        return made["GroupId"]

    def group(self, name: str) -> str | None:
        # By its name, and by its tags only here in Python: EC2's filters for tags may lag behind.
        filters = [where("group-name", name), where("vpc-id", self._config.vpc_id)]
        for group in every(self._ec2, "describe_security_groups", "SecurityGroups", Filters=filters):
            if shapes.tags(group).get(Tag.DEPLOYMENT) == self._deployment:
                return cast(str, group["GroupId"])
        return None

    def set_ssh(self, group_id: str, cidrs: Collection[str], still_ours: Callable[[], None] = always) -> Ingress:
        return aws_groups.set_ssh(self._ec2, group_id, cidrs, still_ours)

    def delete_group(self, group_id: str) -> None:
        with suppress(Gone):
            ask_of(partial(self._has_group, group_id), self._ec2.delete_security_group, GroupId=group_id)

    # --- key ---------------------------------------------------------------------------------------------------
    def create_key(self, name: str, tags: Mapping[str, str]) -> KeyPair:
        made = ask(
            self._ec2.create_key_pair,
            KeyName=name,
            KeyType="rsa",
            KeyFormat="pem",
            TagSpecifications=shapes.tagged(self._tags(tags), "key-pair"),
        )
        return KeyPair(made["KeyName"], made["KeyFingerprint"], made["KeyMaterial"])

    def import_key(self, name: str, openssh: str, tags: Mapping[str, str]) -> KeyPair:
        return aws_keys.import_key(self._ec2, name, openssh, shapes.tagged(self._tags(tags), "key-pair"))

    def keys(self, row: str) -> list[str]:
        return [key["KeyName"] for key in ask(self._ec2.describe_key_pairs, Filters=self._ours(row))["KeyPairs"]]

    def delete_key(self, name: str) -> None:
        with suppress(Gone):
            ask_of(partial(self._has_key, name), self._ec2.delete_key_pair, KeyName=name)

    # --- instance ----------------------------------------------------------------------------------------------
    def send_ssh_public_key(self, instance_id: str, user: str, public_key: str) -> None:
        send = self._client("ec2-instance-connect").send_ssh_public_key
        ask_of(
            partial(self._lives, instance_id),
            send,
            InstanceId=instance_id,
            InstanceOSUser=user,
            SSHPublicKey=public_key,
        )

    def newest_image(self, architecture: str = "x86_64") -> Image:
        image_id = self._config.image_id
        if not image_id:
            try:
                name = NOBLE_PARAMETER % CANONICALS_WORDS[architecture]
                image_id = ask(self._ssm.get_parameter, Name=name)["Parameter"]["Value"]
            except (Gone, Refused):
                return self._newest_listed(architecture)
        if image_id not in self._images:
            self._describe_image(image_id)
        root_device, its_own = self._images[image_id]
        if its_own not in {architecture, ""}:
            raise Refused("ImageArchitecture", f"{image_id} is for {its_own}, and not for {architecture}")
        return Image(image_id, root_device)

    def _describe_image(self, image_id: str) -> None:
        for image in ask(self._ec2.describe_images, ImageIds=[image_id])["Images"]:
            self._images[image_id] = image["RootDeviceName"], image.get("Architecture", "")
        if image_id not in self._images:
            raise Refused("InvalidAMIID.NotFound", f"{image_id} is not shown")

    def _newest_listed(self, architecture: str) -> Image:
        name = NOBLE % CANONICALS_WORDS[architecture]
        filters = [where("name", name), where("state", "available"), where("architecture", architecture)]
        images = ask(self._ec2.describe_images, Owners=[canonical(self._config.region)], Filters=filters)["Images"]
        if not images:
            raise Refused("InvalidAMIID.NotFound", "no Ubuntu 24.04 image of Canonical is shown in this region")
        newest = max(images, key=lambda image: image["CreationDate"])
        return Image(newest["ImageId"], newest["RootDeviceName"])

    def launch(self, spec: LaunchSpec, client_token: str) -> Ec2Instance:
        request = shapes.run_instances(spec, spec.subnet_id or self._config.subnet_id, self._tags(spec.tags))

        def is_shown() -> bool:
            return self._has_group(spec.group_id) and self._has_key(spec.key_name)

        try:
            answer = ask_of(is_shown, self._ec2.run_instances, ClientToken=client_token, **request)
        except Gone as error:  # just launched: EC2 shows it a little later
            raise NotYet(error.code, error.text) from None
        return shapes.ec2_instance(answer["Instances"][0])

    def start(self, instance_id: str) -> InstanceState:
        lives = partial(self._lives, instance_id)
        return _state(ask_of(lives, self._ec2.start_instances, InstanceIds=[instance_id])["StartingInstances"])

    def stop(self, instance_id: str, *, force: bool = False) -> InstanceState:
        lives = partial(self._lives, instance_id)
        # `Force` alone tries the shutdown once more.
        how = {"Force": True, "SkipOsShutdown": True} if force else {}
        return _state(ask_of(lives, self._ec2.stop_instances, InstanceIds=[instance_id], **how)["StoppingInstances"])

    def terminate(self, instance_id: str) -> InstanceState:
        lives = partial(self._lives, instance_id)
        return _state(ask_of(lives, self._ec2.terminate_instances, InstanceIds=[instance_id])["TerminatingInstances"])

    def resize(self, instance_id: str, instance_type: str, *, unlimited: bool = False) -> None:
        lives = partial(self._lives, instance_id)
        change = self._ec2.modify_instance_attribute
        ask_of(lives, change, InstanceId=instance_id, InstanceType={"Value": instance_type})
        if facts_of(instance_type).is_burstable:  # a change of family makes it `unlimited`
            self.set_credits(instance_id, unlimited=unlimited)

    def set_credits(self, instance_id: str, *, unlimited: bool) -> None:
        credits: Any = {"InstanceId": instance_id, "CpuCredits": shapes.credit_mode(unlimited=unlimited)}
        answer = ask(self._ec2.modify_instance_credit_specification, InstanceCreditSpecifications=[credits])
        for refused in answer.get("UnsuccessfulInstanceCreditSpecifications", []):
            raise NotYet(refused.get("Error", {}).get("Code", "Credits"), "credits stay as they are")

    def sizes(self, volume_ids: Collection[str]) -> dict[str, int]:
        return {
            shown["VolumeId"]: int(shown["Size"])
            for some in chunks(volume_ids, _FILTER_VALUES)
            for shown in every(self._ec2, "describe_volumes", "Volumes", Filters=[where("volume-id", *some)])
        }

    def grow(self, volume_id: str, gib: int) -> None:
        try:
            ask_of(partial(self._has_volume, volume_id), self._ec2.modify_volume, VolumeId=volume_id, Size=gib)
        except Refused as error:
            # EC2 refuses a repeated request, though it has made the change or is making it.
            if error.code in DENIED or not self._is_or_becomes(volume_id, gib):
                raise

    def delete_volume(self, volume_id: str) -> None:
        with suppress(Gone):
            ask_of(partial(self._has_volume, volume_id), self._ec2.delete_volume, VolumeId=volume_id)

    # --- parts -------------------------------------------------------------------------------------------------
    def _ours(self, row: str = "") -> list[Any]:
        filters = [where(f"tag:{Tag.DEPLOYMENT}", self._deployment), where(f"tag:{Tag.MANAGED_BY}", MANAGED_BY)]
        return [*filters, where(f"tag:{Tag.ROW}", row)] if row else filters

    def _lives(self, instance_id: str) -> bool:
        return any(ec2_instance.state.is_live for ec2_instance in self.known([instance_id]))

    def _has_group(self, group_id: str) -> bool:
        return aws_groups.has_group(self._ec2, group_id)

    def _has_key(self, name: str) -> bool:
        return bool(aws_keys.shown(self._ec2, name))

    def _has_volume(self, volume_id: str) -> bool:
        return bool(ask(self._ec2.describe_volumes, Filters=[where("volume-id", volume_id)])["Volumes"])

    def _is_or_becomes(self, volume_id: str, gib: int) -> bool:
        filters = [where("volume-id", volume_id)]
        changes = every(self._ec2, "describe_volumes_modifications", "VolumesModifications", Filters=filters)
        under_way = [change for change in changes if change["ModificationState"] != "failed"]
        return gib in {*self.sizes([volume_id]).values(), *(change["TargetSize"] for change in under_way)}

    @property
    def _ec2(self) -> "EC2Client":
        return cast("EC2Client", self._client("ec2"))

    @property
    def _ssm(self) -> "SSMClient":
        return cast("SSMClient", self._client("ssm"))


def _state(changes: Any) -> InstanceState:
    return InstanceState(changes[0]["CurrentState"]["Name"])
