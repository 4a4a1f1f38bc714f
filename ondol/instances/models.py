"""A machine's row, its sealed key, and every change of its status. Only `move` writes a status."""

import uuid
from datetime import datetime
from typing import Any

from django.db import models, transaction

from ondol import clock
from ondol.accounts.models import User
from ondol.deployment.models import Deployment as Deployment
from ondol.instances.messages import statuses
from ondol.instances.observation import SHUTDOWNS, Seen, View
from ondol.instances.record import Record, Size
from ondol.instances.replacements import KeyReplacement as KeyReplacement
from ondol.instances.runs import Run as Run
from ondol.instances.states import CHANGING, Reason, Status

OTHER_ALARM = "-2"
"""The suffix of an alarm's second name. A row's id never ends like this."""


class InstanceManager(models.Manager["Instance"]):
    """Creates a machine together with its first run: neither exists without the other."""

    @transaction.atomic
    def create(self, **fields: Any) -> "Instance":
        run = fields.pop("run", None) or Run()
        instance = super().create(run=run, **fields)
        run.instance = instance
        run.save(force_insert=True)
        return instance


class Instance(models.Model):
    """One person's machine, from the click to its end. A TERMINATED row stays as history, without its key.

    `groups` says which fields belong together, and are replaced together.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="instances")

    status = models.CharField(max_length=12, choices=statuses.choices(), default=Status.PENDING)
    status_reason = models.CharField(max_length=16, default=Reason.PERSON)
    status_since = models.DateTimeField(default=clock.now)

    run = models.OneToOneField(Run, on_delete=models.RESTRICT, related_name="+")
    """The present run, else the last one."""

    # What was asked for
    instance_type = models.CharField(max_length=32)
    volume_gib = models.PositiveIntegerField()
    client_token = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001  unique, and none yet
    """The token of this launch attempt; stored before RunInstances is called, and for ever in `Launch`."""

    # What is there
    instance_id = models.CharField(max_length=32, unique=True, null=True)  # noqa: DJ001  unique, and none yet
    ami_id = models.CharField(max_length=32, blank=True)
    root_device = models.CharField(max_length=32, blank=True)
    """The root device of that image. Kept, since one client token must always come with the same parameters."""
    security_group_id = models.CharField(max_length=32, blank=True)
    group_unsure_at = models.DateTimeField(null=True)
    """When CreateSecurityGroup was called without an answer: the group may exist and not be shown yet."""
    ssh_ranges = models.JSONField(default=list, db_default=[])
    """The ranges that its security group was last set to let in by SSH; it lets in nothing else."""
    ssh_ranges_at = models.DateTimeField(null=True)
    """When that was; None: the group is to be made equal to what `ssh_ranges.wished` says, whatever it lets in now."""
    group_doubted_at = models.DateTimeField(null=True)
    """Since when a late worker may have changed it: it is compared again (`ingress.AGAIN`). None: that is done."""
    key_pair_name = models.CharField(max_length=255, blank=True)
    """Stored before CreateKeyPair is asked for; each has another name."""
    is_key_due = models.BooleanField(default=False, db_default=False)
    """Its key is to be replaced: `key_replacement` says by which key, and how far that has got."""
    alarm_name = models.CharField(max_length=255, blank=True)
    """The one of `alarm_names` that is in use."""
    has_other_alarm = models.BooleanField(default=False, db_default=False)
    """There may be an alarm of the other name: one that was replaced, or a PutMetricAlarm without an answer."""
    is_unlimited = models.BooleanField(null=True, default=False, db_default=False)
    """Whether a burstable type may spend credits that it has not earned, as last set in EC2. None: unknown after a
    change of type, which may have set it."""
    is_type_unsure = models.BooleanField(default=False, db_default=False)
    """Another type was asked for, with unknown result: it is asked for once more while the machine is stopped."""
    made_at = models.DateTimeField(null=True)
    """When group, key or machine was last created: for a minute, an IAM policy by tags may not see its tags."""
    public_ip = models.GenericIPAddressField(protocol="IPv4", null=True)
    private_ip = models.GenericIPAddressField(protocol="IPv4", null=True)
    ipv6_address = models.GenericIPAddressField(protocol="IPv6", null=True)
    """The one that its subnet has assigned, if it assigns any. It stays over stops and starts."""
    last_public_ip = models.GenericIPAddressField(protocol="IPv4", null=True)
    address_changed = models.BooleanField(default=False)
    """The public address differs from that of the last run, and its owner has not been told."""
    stopped_at = models.DateTimeField(null=True)
    is_clean = models.BooleanField(default=True)
    """Group, key pair and alarm of this row are removed, or none was ever asked for."""

    # The last observation
    seen_view = models.CharField(max_length=16, default=View.UNSEEN)
    seen_since = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    seen_launched_at = models.DateTimeField(null=True)
    """EC2's LaunchTime: the last start, also of a machine that has stopped since."""
    seen_reason = models.CharField(max_length=80, blank=True)
    """EC2's StateReason.Code, such as `Client.UserInitiatedShutdown`."""
    seen_type = models.CharField(max_length=32, blank=True)
    seen_volume_gib = models.PositiveIntegerField(null=True)
    """What EC2 shows. If it differs from what was asked for, it is being changed, or AWS has refused."""
    volume_id = models.CharField(max_length=32, blank=True)
    superseded_instance_ids = models.JSONField(default=list)
    """Other machines that carry this row's tag, from an attempt that was given up. They are terminated."""
    unrecognized_instance_ids = models.JSONField(default=list)
    """Machines that carry this row's tag, but whose launch this database does not know: a dump was restored, or
    somebody copied the tags. They are left alone."""

    # The last trouble. `next_at` and `tries` are on real time: a back-off.
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=80, blank=True)
    error_ref = models.CharField(max_length=12, blank=True)
    refused_step = models.CharField(max_length=16, blank=True, default="", db_default="")
    """What AWS refuses at present, a member of `decision.Step`; empty once it was done. Until `next_at`, only this
    step is put off."""
    refused_code = models.CharField(max_length=80, blank=True, default="", db_default="")
    """AWS's code for that. `error_code` is about the last trouble, or why something was given up."""

    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects = InstanceManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner"], condition=~models.Q(status=Status.TERMINATED), name="one_machine_each"
            ),
            models.CheckConstraint(condition=models.Q(status__in=[s.value for s in Status]), name="known_status"),
        ]
        indexes = [
            models.Index(
                fields=["status"],
                condition=models.Q(status__in=sorted(s.value for s in CHANGING)),
                name="changing_machines",
            ),
            models.Index(fields=["group_doubted_at"], condition=~models.Q(group_doubted_at=None), name="doubted"),
        ]

    def __str__(self) -> str:
        return f"{self.instance_id or self.pk} ({self.status})"

    @property
    def resource_name(self) -> str:
        """Return the name of the security group: the same at every try, so that it is found again."""
        return f"ondol-{self.pk}"

    @property
    def alarm_names(self) -> tuple[str, str]:
        """Return the names that its alarms have in turn: the next alarm is put before the last one is deleted."""
        return self.resource_name, f"{self.resource_name}{OTHER_ALARM}"

    @property
    def other_alarm_name(self) -> str:
        """Return the name that the next alarm gets."""
        first, second = self.alarm_names
        return second if self.alarm_name == first else first

    def kept_awake_until(self, now: datetime) -> datetime | None:
        """Return until when its owner keeps it awake; None if it is not, or no more."""
        return self.run.kept_awake_until(now)

    @property
    def is_armed(self) -> bool:
        """Return whether its alarm was put for this run, and as its owner wishes."""
        return self.run.is_armed

    @property
    def since(self) -> datetime:
        """Return since when its status holds: after a stop by AWS, since then, though we may have noticed it later."""
        is_stopped = self.status == Status.STOPPED
        return self.stopped_at if is_stopped and self.stopped_at else self.status_since

    @property
    def size(self) -> Size:
        """Return the size that exists, and costs; what was asked for until AWS has shown the machine."""
        return Size(self.seen_type or self.instance_type, self.seen_volume_gib or self.volume_gib)

    @property
    def seen(self) -> Seen:
        """Return what `lifecycle.decide` needs to know."""
        return Seen(
            view=View(self.seen_view),
            since=self.seen_since,
            prepared=bool(self.security_group_id and self.ami_id),
            asked=self.client_token is not None,
            armed=self.is_armed,
            ready=self.run.ready_at is not None,
            type_differs=self.is_type_unsure or self.instance_type != (self.seen_type or self.instance_type),
            disk_differs=bool(self.volume_id) and self.volume_gib > (self.seen_volume_gib or self.volume_gib),
            other_alarm=self.has_other_alarm,
            group_differs=bool(self.security_group_id) and self.ssh_ranges_at is None,
            key_differs=self.is_key_due,
            starts=self.run.starts,
            start_asked_at=self.run.start_asked_at,
            shut_down=self.seen_reason in SHUTDOWNS,
            clean=self.is_clean,
            may_run=self.owner.is_approved,
            unknown=bool(self.unrecognized_instance_ids),
        )

    def observed(self, view: View, at: datetime) -> None:
        """Note what an observation, or the answer to an act, has shown; `seen_since` stays while the view does."""
        if self.seen_view != view or self.seen_since is None:
            self.seen_view, self.seen_since = view, at
        self.seen_at = at


class Launch(models.Model):
    """One launch attempt: its client token, for ever. A machine whose token is not here was not launched by us.

    AWS accepts a token again only with equal parameters, so these are kept with it, whatever is changed meanwhile.
    """

    client_token = models.CharField(max_length=64, primary_key=True)
    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="launches")
    at = models.DateTimeField(default=clock.now)
    spec = models.JSONField(default=dict, db_default={})
    """The parameters as `cloud.port.LaunchSpec` writes them; empty in rows of earlier versions."""


class KeyOrigin(models.TextChoices):
    """Who has made a key, and so who has its private half."""

    AWS = "aws", "AWS"
    OWN = "own", "its owner"
    BROWSER = "browser", "a browser, on the page"


_IS_A_PERSONS = models.Q(origin__in=[KeyOrigin.OWN, KeyOrigin.BROWSER])


class ChosenKey(models.Model):
    """The public key that a person's next machine gets. Without a row, AWS makes a key for it."""

    owner = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="chosen_key")
    origin = models.CharField(max_length=8)
    public_key = models.CharField(max_length=1000)
    """The type and base64, as `ondol.keys.public_key` writes them."""
    comment = models.CharField(max_length=100, blank=True)
    chosen_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_IS_A_PERSONS, name="chosen_key_is_a_persons"),
        ]


class SshKey(models.Model):
    """The key of a machine; its sealed private half, too, if AWS made it. Deleted when the machine is terminated."""

    instance = models.OneToOneField(Instance, on_delete=models.CASCADE, related_name="ssh_key")
    origin = models.CharField(max_length=8, default=KeyOrigin.AWS, db_default=KeyOrigin.AWS)
    key_pair_name = models.CharField(max_length=255)
    sealed_private_key = models.BinaryField(default=b"", db_default=b"")
    """Empty for a person's own key: nobody here has ever had its private half."""
    public_key = models.CharField(max_length=1000, blank=True, default="", db_default="")
    """A person's own key, as `ChosenKey` has it."""
    comment = models.CharField(max_length=100, blank=True, default="", db_default="")
    fingerprint = models.CharField(max_length=100)
    """Its fingerprint as EC2 shows it."""
    file_stem = models.CharField(max_length=80, blank=True, default="", db_default="")
    """The name of its file, also if its owner is renamed later. Empty for keys of earlier versions, and if only its
    owner knows it."""
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=(models.Q(origin=KeyOrigin.AWS) & ~models.Q(sealed_private_key=b""))
                | (_IS_A_PERSONS & models.Q(sealed_private_key=b"") & ~models.Q(public_key="")),
                name="private_key_only_of_aws",
            )
        ]


class StatusChange(models.Model):
    """One change of status: old, new, why, who, when. Never changed, never deleted."""

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="changes")
    old = models.CharField(max_length=12, blank=True)
    new = models.CharField(max_length=12)
    reason = models.CharField(max_length=16)
    detail = models.JSONField(default=dict)
    """The details as `record` reads and writes them."""
    by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]
        indexes = [
            models.Index(fields=["instance", "id"], name="last_change_of_machine"),
            models.Index(fields=["at", "id"], name="status_change_at"),
        ]

    @property
    def record(self) -> Record:
        """Return the details of this line, whichever version has written it."""
        return Record.from_json(self.detail)
