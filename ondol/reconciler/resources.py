"""What is created in AWS for one machine, and how it is removed again. Each step may run twice."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from ondol.cloud.errors import AlreadyThere, CloudError, Gone, NotYet, Refused, is_denial
from ondol.cloud.port import Cloud, Ec2Instance, Image, KeyPair, LaunchSpec
from ondol.config import config
from ondol.deployment.aws_record import side_by_side
from ondol.ec2_types import facts_of
from ondol.instances.models import ChosenKey, Instance, Launch
from ondol.reconciler import ingress, keys, sizes
from ondol.reconciler.lag import is_fresh
from ondol.reconciler.tags import tags


@dataclass(slots=True)
class Prepared:
    """What exists before a launch. What succeeded is kept even if something else failed, which is in `errors`."""

    tags: dict[str, str]
    """The tags of whatever is created; read beforehand, since the threads do not query the database."""
    group_id: str = ""
    group_is_sure: bool = False
    """The group's id is known, or AWS has said that there is none."""
    group_is_set: bool = False
    """The group lets in what is wished for, and nothing else."""
    is_new: bool = False
    """Something was created just now, and IAM policies may not see its tags yet."""
    key: KeyPair | None = None
    image: Image | None = None
    alive: list[Ec2Instance] = field(default_factory=list)
    """The machines that its owner has already, as AWS shows them."""
    errors: list[CloudError] = field(default_factory=list)


def new_client_token() -> str:
    """Return the token of one launch attempt, to be stored before the call. It has at most 64 ASCII characters."""
    return f"ondol-{secrets.token_hex(16)}"


def new_key_name(instance: Instance) -> str:
    """Return a new name for each try.

    If a worker that was frozen in CreateKeyPair could make "the" key pair a second time, the machine would be launched
    with one key and its owner be given another.
    """
    return f"{instance.resource_name}-{secrets.token_hex(3)}"


def prepare(
    instance: Instance, cloud: Cloud, ranges: Sequence[str], *, with_key: bool, own: ChosenKey | None = None
) -> Prepared:
    """Find or create group, key pair and image, and list the machines that its owner has already, in parallel.

    `ranges` may reach the group by SSH. `with_key`: none is recorded yet; it is its owner's `own`, or made by AWS.
    """
    made = Prepared(tags(instance))
    steps: list[Callable[[], None]] = [
        *([partial(_ask_for_key, own, instance, cloud, made)] if with_key else []),  # first, since it takes EC2 longest
        partial(_ensure_group, instance, cloud, ranges, made),
        partial(_find_image, instance, cloud, made),
        partial(_find_alive, instance, cloud, made),
    ]
    made.errors = _side_by_side(steps)
    return made


def launch_spec(instance: Instance) -> LaunchSpec:
    """Return the parameters of its launch, by what the row and the settings say now."""
    return LaunchSpec(
        image=Image(instance.ami_id, instance.root_device),
        instance_type=instance.instance_type,
        volume_gib=instance.volume_gib,
        group_id=instance.security_group_id,
        key_name=instance.key_pair_name,
        tags=tags(instance),
        subnet_id=config().subnet_id,
        unlimited=sizes.may_be_unlimited(instance),
    )


def launch(instance: Instance, cloud: Cloud) -> Ec2Instance:
    """Launch the machine with the stored token and the parameters stored with it: a repetition returns the same one."""
    kept = Launch.objects.get(pk=instance.client_token).spec
    spec = LaunchSpec.from_json(kept) if kept else launch_spec(instance)  # an earlier version stored only the token
    instance.is_unlimited = spec.unlimited
    return cloud.launch(spec, str(instance.client_token))


def remove(instance: Instance, cloud: Cloud, ensure_job_lease: Callable[[], None]) -> None:
    """Remove group, key pairs and alarm; those whose creation's answer was lost are found by name or tag.

    All are looked up first; then `ensure_job_lease` confirms that they are still ours to remove. Otherwise a worker
    that was frozen and overtaken would remove the things of the next attempt. Raises NotYet while the group is still
    in use; the rest is removed all the same.
    """
    groups = {group_id for group_id in (instance.security_group_id, cloud.group(instance.resource_name)) if group_id}
    names = {name for name in (instance.key_pair_name, *cloud.keys(str(instance.pk))) if name}
    ensure_job_lease()
    errors = _side_by_side(
        [
            *(partial(cloud.delete_group, group_id) for group_id in groups),
            *(partial(cloud.delete_key, name) for name in names),
            partial(cloud.delete_alarm, *instance.alarm_names),
        ]
    )
    if errors:
        raise errors[0]


def _ensure_group(instance: Instance, cloud: Cloud, ranges: Sequence[str], made: Prepared) -> None:
    if not instance.security_group_id:
        made.is_new = True
        made.group_id = _make_group(instance, cloud, made)
        made.group_is_sure = True
        return
    made.group_id, made.group_is_sure = instance.security_group_id, True
    try:
        ingress.set_group(instance, made.group_id, ranges, cloud)
        made.group_is_set = True
    except Gone as error:  # deleted in the console: the next try makes another
        made.group_id = ""
        raise NotYet(error.code, error.text) from error
    except Refused as error:
        if is_denial(error) and is_fresh(instance):
            raise NotYet("", error.text) from error
        raise


def _make_group(instance: Instance, cloud: Cloud, made: Prepared) -> str:
    try:
        return cloud.create_group(instance.resource_name, made.tags)
    except AlreadyThere as error:
        found = cloud.group(instance.resource_name)
        if found is None:  # made a moment ago, and not visible yet
            raise NotYet(error.code, "the group is there, but not shown yet") from error
        return found
    except CloudError as error:
        made.group_is_sure = not error.may_have_happened
        raise


def _find_image(instance: Instance, cloud: Cloud, made: Prepared) -> None:
    made.image = cloud.newest_image(facts_of(instance.instance_type).image_architecture)


def _find_alive(instance: Instance, cloud: Cloud, made: Prepared) -> None:
    made.alive = cloud.alive_of(str(instance.owner_id))


def _ask_for_key(own: ChosenKey | None, instance: Instance, cloud: Cloud, made: Prepared) -> None:
    made.key = keys.ask_for(instance, own, cloud, made.tags)
    made.is_new = True


def _side_by_side(steps: list[Callable[[], None]]) -> list[CloudError]:
    """Do all steps in parallel; return their errors, final ones first."""
    errors = [error for done in side_by_side(steps) if (error := done.exception()) is not None]
    for error in errors:
        if not isinstance(error, CloudError):
            raise error
    return sorted((e for e in errors if isinstance(e, CloudError)), key=lambda error: not error.is_final)
