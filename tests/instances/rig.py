"""A person's machine on a cloud in memory, brought forward by hand: no waiting, no network."""

from dataclasses import dataclass, field
from typing import NoReturn

from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import clock
from ondol.accounts.models import Approval, Role, User
from ondol.cloud.port import Alarm, Cloud
from ondol.deployment.models import deployment_id
from ondol.instances import actions
from ondol.instances.jobs import RECONCILE
from ondol.instances.models import Instance, Run
from ondol.instances.states import Status
from ondol.reconciler import observe
from ondol.reconciler.inside import CannotEnter, Enter
from ondol.reconciler.reconcile import reconcile
from ondol.testing.fake import FakeCloud
from ondol.testing.fake_world import Thing


def person(name: str, *, admin: bool = False, approval: Approval = Approval.APPROVED) -> User:
    """Somebody with an account."""
    role = Role.ADMIN if admin else Role.MEMBER
    return User.objects.create_user(f"{name}@example.org", name=name.title(), approval=approval, role=role)


RUN_FIELDS = {field.name for field in Run._meta.concrete_fields} - {"id", "instance"}


def made(owner: User, **fields) -> Instance:
    """A machine as the worker would have left it; what belongs to its run is told from the rest by its name."""
    run = {name: value for name, value in fields.items() if name in RUN_FIELDS}
    row = {name: value for name, value in fields.items() if name not in run or name == "public_ip"}
    row = {"instance_type": "t3.small", "volume_gib": 30, "seen_launched_at": run.get("launched_at")} | row
    if row.get("status") in {Status.STOPPED, Status.FAILED, Status.TERMINATING, Status.TERMINATED}:
        run = {"ended_at": clock.now(), "end_reason": row.get("status_reason", "")} | run
    return Instance.objects.create(owner=owner, run=Run(**run), **row)


def nobody_enters(instance: Instance, cloud: Cloud) -> NoReturn:
    """SSH does not answer."""
    raise CannotEnter("no_answer", "nobody is there")


@dataclass
class Rig:
    """The worker's part, step by step."""

    cloud: FakeCloud = field(default_factory=lambda: FakeCloud(deployment=deployment_id()))
    ssh: bool = True
    """Whether the machines' SSH answers."""
    enter: Enter = nobody_enters
    """How the worker goes in by it."""

    def work(self) -> None:
        """Do every job that waits, as a worker does."""
        while rows := {job.args["row"] for job in ProcrastinateJob.objects.filter(task_name=RECONCILE)}:
            self._forget_jobs()
            for row in rows:
                reconcile(row, self.cloud, self.ensure_job_lease, lambda address, port: self.ssh, self.enter)

    def work_on(self, instance: Instance) -> None:
        """Do what this machine needs now, without a look first."""
        reconcile(str(instance.pk), self.cloud, self.ensure_job_lease, lambda address, port: self.ssh, self.enter)

    def tick(self, times: int = 1) -> None:
        """Let AWS go on, make both observations, and do their jobs, without waiting for a back-off."""
        for _ in range(times):
            self.cloud.world.settle()
            Instance.objects.update(next_at=None)
            observe.observe_changing(self.cloud)
            observe.observe_all(self.cloud)
            self.work()

    def running(self, owner: User) -> Instance:
        """A machine that runs."""
        actions.create(owner)
        self.work()
        self.tick()
        instance = self.mine(owner)
        assert instance.status == Status.RUNNING, (instance.status, instance.error_code)
        return instance

    def mine(self, owner: User) -> Instance:
        """The newest row, ended or not."""
        return Instance.objects.filter(owner=owner).latest("created_at")

    def live(self, owner: User) -> list[str]:
        """What of this person's is alive in AWS."""
        rows = {str(pk) for pk in Instance.objects.filter(owner=owner).values_list("pk", flat=True)}
        ec2_instances = [thing.value for thing in self.cloud.world.ec2_instances.values()]
        return [server.instance_id for server in ec2_instances if server.row in rows and server.state.is_live]

    def alarm_of(self, instance: Instance) -> Thing[Alarm]:
        """The alarm of this machine; there is exactly one, of either name."""
        [alarm] = [each for each in self.cloud.world.alarms.values() if each.value.instance_id == instance.instance_id]
        return alarm

    def ensure_job_lease(self) -> None:
        """Our job lease, which nobody takes away here; it belongs into a transaction."""
        assert connection.in_atomic_block

    def _forget_jobs(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE task_name = %s", [RECONCILE])
