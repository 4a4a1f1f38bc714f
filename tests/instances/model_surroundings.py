"""Where the model of machines lives: time passes, somebody is in the console, AWS fails, and workers are killed."""

import contextlib
from datetime import UTC, datetime, timedelta

from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ondol.cloud.errors import CloudError, NoCapacity, Quota, Refused, Throttled, Unreachable
from ondol.cloud.port import IdleRule, InstanceState, Tag
from ondol.deployment.models import deployment_id
from ondol.instances import actions
from ondol.instances.jobs import RECONCILE
from ondol.instances.models import Instance
from ondol.reconciler import observe, orphans
from ondol.reconciler.job_lease import JobLeaseLost
from ondol.reconciler.reconcile import reconcile
from ondol.testing.fake import FakeCloud, Lost
from ondol.testing.fake_world import acts_on
from tests.clock import MachinesClock
from tests.instances.rig import Rig, person


class Killed(BaseException):
    """kill -9: nothing of ours runs after it."""


PEOPLE = ["alice", "bob", "carol"]
CALLS = [
    "ec2_instances", "known", "create_group", "set_ssh", "delete_group", "group", "create_key", "import_key", "keys",
    "delete_key", "newest_image", "alive_of", "launch", "start", "stop", "terminate", "arm", "alarms", "delete_alarm",
    "stopped_by_alarm", "inventory", "resize", "sizes", "grow",
]  # fmt: skip
IN_OUR_THREAD = ["launch", "arm", "start", "stop", "terminate", "resize", "grow"]
"""A frozen worker is overtaken in these; the others are called in threads, which do not see the test's transaction."""
who = st.sampled_from(PEOPLE)
troubles = st.sampled_from(
    [Throttled("RequestLimitExceeded"), Unreachable("RequestTimeout"), NoCapacity("InsufficientInstanceCapacity"),
     Quota("VcpuLimitExceeded"), Refused("UnauthorizedOperation")]
)  # fmt: skip
mishaps = st.one_of(
    troubles,
    st.sampled_from([Lost(Throttled("RequestLimitExceeded")), Lost(Unreachable("RequestTimeout"))]),
    st.builds(lambda: Killed()),
    st.builds(lambda: Lost(Killed())),
)


class Surroundings(RuleBasedStateMachine):
    """Three people, an administrator, and a neighbour in the same account."""

    def __init__(self):
        super().__init__()
        self.all_or_nothing = transaction.atomic()
        self.all_or_nothing.__enter__()
        self.clock = MachinesClock(datetime.fromtimestamp(1_800_000_000, UTC))
        self.clock.freeze()
        self.rig = Rig(FakeCloud(deployment=deployment_id()))
        self.world, self.cloud = self.rig.cloud.world, self.rig.cloud
        self.ada = person("ada", admin=True)
        self.people = {name: person(name) for name in PEOPLE}
        self.neighbour = FakeCloud(self.world, deployment="next door")
        self.foreign = self.make_foreign()
        self.ended: set[str] = set()
        self.copied: set[str] = set()
        self.bare: set[str] = set()
        self.barred: dict[int, int] = {}
        """How many calls there were when somebody was suspended, for those who are."""
        self.kill_at_commit = 0
        self.job_leases: dict[str, int] = {}

    def make_foreign(self):
        tags = {Tag.ROW: "11111111-1111-4111-8111-111111111111"}
        group = self.neighbour.create_group("ondol-theirs", tags)
        key = self.neighbour.create_key("theirs", tags)
        from ondol.cloud.port import LaunchSpec

        spec = LaunchSpec(self.neighbour.newest_image(), "t3.small", 30, group, key.name, tags)
        server = self.neighbour.launch(spec, "their-token")
        self.world.settle()
        self.neighbour.arm("ondol-theirs", server.instance_id, IdleRule(30, 5.0), 40, tags)
        return server.instance_id, group, key.name

    # --- time --------------------------------------------------------------------------------------------------------
    def pass_by(self, seconds):
        self.clock.advance(timedelta(seconds=seconds))

    @rule(seconds=st.sampled_from([1, 20, 70, 200, 700, 4000]))
    def time_passes(self, seconds):
        """AWS shows what was made within a minute or so: the contract of `Timeouts.absent`."""
        if seconds > 60:
            for things in (self.world.ec2_instances, self.world.groups, self.world.keys, self.world.alarms):
                for thing in things.values():
                    thing.unseen = 0
        self.pass_by(seconds)

    @rule()
    def aws_gets_on(self):
        self.world.settle()

    @rule()
    def back_offs_end(self):
        Instance.objects.update(next_at=None)

    # --- behind our back ---------------------------------------------------------------------------------------------
    def instance_of(self, name):
        row = actions.current(self.people[name])
        if row is None or row.instance_id not in self.world.ec2_instances:
            return None
        return row.instance_id

    def will_be_stopped(self, instance_id):
        return any(acts_on(alarm.value, instance_id) for alarm in self.world.alarms.values())

    @rule(name=who)
    def the_alarm_fires(self, name):
        instance_id = self.instance_of(name)
        runs = instance_id and self.world.ec2_instances[instance_id].value.state is InstanceState.RUNNING
        if runs and self.will_be_stopped(instance_id):
            self.world.stop_by_alarm(instance_id)

    @rule(name=who, what=st.sampled_from(["stop_outside", "power_off", "start_outside", "terminate_outside"]))
    def in_the_console(self, name, what):
        instance_id = self.instance_of(name)
        only = InstanceState.STOPPED if what == "start_outside" else InstanceState.RUNNING
        if instance_id and self.world.ec2_instances[instance_id].value.state is only:
            getattr(self.world, what)(instance_id)

    @rule(name=who)
    def its_alarm_is_deleted(self, name):
        row = actions.current(self.people[name])
        if row:
            self.bare.add(row.instance_id)
            for name in row.alarm_names:
                self.world.alarms.pop(name, None)

    @rule(name=who)
    def its_door_is_shut(self, name):
        row = actions.current(self.people[name])
        if row and row.security_group_id in self.world.groups:
            self.world.groups[row.security_group_id].value.cidrs.clear()

    @rule(name=who)
    def an_ended_machine_is_forgotten(self, name):
        for instance_id in [
            id for id, thing in self.world.ec2_instances.items()
            if thing.value.state is InstanceState.TERMINATED
            and thing.tags.get(Tag.USER_ID) == str(self.people[name].pk)
        ]:  # fmt: skip
            self.world.forget(instance_id)

    # --- faults ------------------------------------------------------------------------------------------------------
    @rule(operation=st.sampled_from(CALLS), trouble=troubles, lost=st.booleans(), times=st.integers(1, 3))
    def aws_will_fail(self, operation, trouble, lost, times):
        self.cloud.next_error[operation] = [Lost(trouble) if lost and trouble.may_have_happened else trouble] * times

    @rule(looks=st.integers(0, 3))
    def aws_lags(self, looks):
        self.cloud.lag = looks

    @rule(what=st.sampled_from(["kept", "ignored", "refused"]))
    def aws_treats_warm_ups_otherwise(self, what):
        self.world.warm_ups = what

    # --- workers -----------------------------------------------------------------------------------------------------
    def reconcile(self, row, ensure_job_lease=None):
        job_lease = self.job_leases[row] = self.job_leases.get(row, 0) + 1

        def is_ours():
            if self.job_leases[row] != job_lease:
                raise JobLeaseLost
            if self.kill_at_commit:
                self.kill_at_commit -= 1
                if not self.kill_at_commit:
                    raise Killed

        try:
            with transaction.atomic():  # what a killed worker has not committed
                pass
            reconcile(row, self.cloud, is_ours, lambda address, port: self.rig.ssh)
        except (Killed, JobLeaseLost):
            self.kill_at_commit = 0

    @rule()
    def a_worker_works(self):
        from procrastinate.contrib.django.models import ProcrastinateJob

        rows = {job.args["row"] for job in ProcrastinateJob.objects.filter(task_name=RECONCILE)}
        self.rig._forget_jobs()
        for row in sorted(rows):
            self.reconcile(row)

    @rule(operation=st.sampled_from(CALLS), after=st.booleans())
    def a_worker_will_be_killed_at(self, operation, after):
        self.cloud.next_error[operation] = [Lost(Killed()) if after else Killed()]

    @rule(transactions=st.integers(1, 6))
    def a_worker_will_be_killed_before_a_commit(self, transactions):
        self.kill_at_commit = transactions

    @rule(name=who, operation=st.sampled_from(IN_OUR_THREAD))
    def a_worker_will_freeze_and_be_overtaken(self, name, operation):
        row = actions.current(self.people[name])
        if row:
            self.cloud.meanwhile[operation] = lambda: self.reconcile(str(row.pk))

    @rule(every=st.booleans())
    def a_look(self, every):
        with contextlib.suppress(CloudError, Killed):
            (observe.observe_all if every else observe.observe_changing)(self.cloud)

    @rule()
    def a_sweep(self):
        with contextlib.suppress(CloudError, Killed):
            orphans.sweep(self.cloud)

    @rule(answers=st.booleans())
    def ssh(self, answers):
        self.rig.ssh = answers
