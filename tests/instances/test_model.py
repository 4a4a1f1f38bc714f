"""Anything may happen, in any order: what holds after every step, and where it all comes to rest.

People click, an administrator ends machines and suspends people, alarms fire, somebody edits in the console, AWS
refuses, loses answers and lags, workers are killed before and after any call and before any commit, or frozen and
overtaken, and time passes.
"""

import contextlib
import itertools
import os
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ondol import clock
from ondol.accounts.models import User
from ondol.accounts.people import AccountError, approve, suspend
from ondol.autostop import awake
from ondol.autostop.policies import set_policy
from ondol.cloud.errors import CloudError, NoCapacity, Quota, Refused, Throttled, Unreachable
from ondol.cloud.port import IdleRule, InstanceState, Tag
from ondol.config import config
from ondol.deployment.models import deployment_id
from ondol.instances import actions, resizing, sealed
from ondol.instances.lifecycle import CHANGING, Status
from ondol.instances.models import Instance, Launch, StatusChange
from ondol.instances.ssh_ranges import wished
from ondol.policy.catalog import stored_fields
from ondol.policy.rules import rules_of
from ondol.policy.threshold import cpu_percent
from ondol.reconciler import observe, orphans
from ondol.reconciler.job_lease import JobLeaseLost
from ondol.reconciler.reconcile import reconcile
from ondol.testing.fake import FakeCloud, Lost
from ondol.testing.fake_world import acts_on
from tests.clock import MachinesClock
from tests.instances.rig import Rig, person

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "12"))
STEPS = 50
PHASES = (Phase.generate, Phase.shrink) if os.environ.get("MODEL_SHRINK") else (Phase.generate,)


class Killed(BaseException):
    """kill -9: nothing of ours runs after it."""


UNSET = dict.fromkeys(stored_fields()) | {"weekends": True, "zone": "", "why": ""}
SLACK = timedelta(minutes=3)
"""An alarm of a run may be put a little before it."""
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
SETTLED = {Status.RUNNING, Status.STOPPED, Status.FAILED, Status.TERMINATED}


class House(RuleBasedStateMachine):
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

    def teardown(self):
        try:
            self.come_to_rest()
        finally:
            transaction.set_rollback(True)
            self.all_or_nothing.__exit__(None, None, None)

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

    # --- people -----------------------------------------------------------------------------------------------------
    @initialize(create=st.booleans(), rounds=st.integers(0, 4))
    def alice_may_have_a_machine(self, create, rounds):
        if create:
            self.clicks("alice", "create")
            self.life_goes_on(rounds)

    @rule(name=who, what=st.sampled_from(["create", "create", "start", "start", "stop", "take_key"]))
    def clicks(self, name, what):
        with contextlib.suppress(actions.ActionError):
            getattr(actions, what)(self.people[name])

    @rule(name=who, what=st.sampled_from(["create", "start", "stop"]), rounds=st.integers(0, 3))
    def clicks_and_waits(self, name, what, rounds):
        self.clicks(name, what)
        self.life_goes_on(rounds)

    @rule(name=who, kind=st.sampled_from(["t3.small", "t3.medium"]), gib=st.integers(30, 33), rounds=st.integers(0, 3))
    def wants_another_size(self, name, kind, gib, rounds):
        for wish in ({"instance_type": kind}, {"volume_gib": gib}):
            with contextlib.suppress(actions.ActionError):
                resizing.change_size(self.people[name], **wish)
        self.life_goes_on(rounds)

    @rule(name=who, what=st.sampled_from(["terminate", "stop"]), rounds=st.integers(0, 3))
    def the_administrator_asks(self, name, what, rounds):
        with contextlib.suppress(actions.ActionError):
            getattr(actions, what)(self.people[name], by=self.ada)
        self.life_goes_on(rounds)

    def is_suspended(self, name, under_way=0):
        with contextlib.suppress(AccountError):
            suspend(self.people[name].pk, self.ada)
            self.barred.setdefault(self.people[name].pk, len(self.cloud.calls) + under_way)

    @rule(name=who, rounds=st.integers(0, 3))
    def the_administrator_suspends(self, name, rounds):
        self.is_suspended(name)
        self.life_goes_on(rounds)

    @rule(name=who, operation=st.sampled_from(IN_OUR_THREAD))
    def a_suspension_comes_while_a_worker_asks_aws(self, name, operation):
        self.cloud.meanwhile[operation] = lambda: self.is_suspended(name, under_way=1)

    @rule(name=who, rounds=st.integers(0, 2))
    def the_administrator_approves(self, name, rounds):
        approve(self.people[name].pk, self.ada)
        self.barred.pop(self.people[name].pk, None)
        self.life_goes_on(rounds)

    @rule(
        name=who,
        what=st.sampled_from(["create", "create", "start", "stop", "terminate"]),
        faults=st.lists(st.tuples(st.sampled_from(CALLS), mishaps), min_size=1, max_size=3),
        rounds=st.integers(1, 4),
    )
    def asks_on_a_bad_day(self, name, what, faults, rounds):
        for operation, mishap in faults:
            self.cloud.next_error[operation].append(mishap)
        with contextlib.suppress(actions.ActionError):
            getattr(actions, what)(self.people[name], **({"by": self.ada} if what == "terminate" else {}))
        self.life_goes_on(rounds)

    @rule(name=who, minutes=st.sampled_from([1, 50, 240, 1440]), rounds=st.integers(0, 2))
    def keeps_awake(self, name, minutes, rounds):
        with contextlib.suppress(actions.ActionError):
            awake.keep_awake(self.people[name], clock.now() + timedelta(minutes=minutes))
        self.life_goes_on(rounds)

    @rule(name=who, rounds=st.integers(0, 2))
    def ends_it(self, name, rounds):
        with contextlib.suppress(actions.ActionError):
            awake.end_awake(self.people[name])
        self.life_goes_on(rounds)

    @rule(name=st.none() | who, minutes=st.sampled_from([None, 15, 45, 720]), percent=st.sampled_from([None, 5]))
    def the_administrator_sets_a_rule(self, name, minutes, percent):
        rule = UNSET | {"idle_minutes": minutes, "idle_core_percent": percent}
        set_policy(self.people[name] if name else None, self.ada, rule)

    @rule(name=who, minutes=st.sampled_from([None, 50, 240]))
    def a_wish_comes_while_an_alarm_is_put(self, name, minutes):
        def wish():
            with contextlib.suppress(actions.ActionError):
                until = minutes and clock.now() + timedelta(minutes=minutes)
                awake.keep_awake(self.people[name], until) if until else awake.end_awake(self.people[name])

        self.cloud.meanwhile["arm"] = wish

    @rule(rounds=st.integers(1, 3))
    def life_goes_on(self, rounds):
        for _ in range(rounds):
            self.a_worker_works()
            self.aws_gets_on()
            self.pass_by(20)
            self.back_offs_end()
            self.a_look(every=True)
            self.a_worker_works()

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

        rows = {job.args["row"] for job in ProcrastinateJob.objects.filter(task_name=actions.RECONCILE)}
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

    # --- what holds after every step ---------------------------------------------------------------------------------
    @invariant()
    def nobody_has_two_live_machines(self):
        live = Counter(
            thing.tags.get(Tag.USER_ID) for id, thing in self.world.ec2_instances.items()
            if thing.value.state.is_live and id != self.foreign[0]
        )  # fmt: skip
        assert not live or max(live.values()) == 1, live

    @invariant()
    def a_live_machine_has_the_key_that_opens_it(self):
        for row in Instance.objects.exclude(status__in=["TERMINATING", "TERMINATED", "FAILED"]).select_related(
            "ssh_key"
        ):
            for id, thing in self.world.ec2_instances.items():
                if thing.value.state.is_live and thing.value.client_token == row.client_token:
                    assert self.world.specs[id].key_name == row.ssh_key.key_pair_name
                    assert "PRIVATE KEY" in sealed.open_key(row.ssh_key)

    @invariant()
    def nothing_is_launched_or_started_for_the_suspended(self):
        for owner, before in self.barred.items():
            rows = Instance.objects.filter(owner=owner)
            tokens = set(Launch.objects.filter(instance__in=rows).values_list("pk", flat=True))
            known = tokens | set(rows.values_list("instance_id", flat=True))
            asked = [call for call in self.cloud.calls[before:] if call.operation in {"launch", "start"}]
            assert not [call for call in asked if call.args[-1] in known]

    @invariant()
    def whoever_runs_is_armed_or_will_be(self):
        for row in Instance.objects.filter(status="RUNNING", seen_view="running").select_related("run"):
            assert row.is_armed or not observe.decision_for(row).is_wait

    @invariant()
    def whoever_runs_has_an_alarm_at_every_moment(self):
        """Unless somebody has deleted it in the console; whatever fails, and whoever is killed while it is replaced."""
        watched = {alarm.value.instance_id for alarm in self.world.alarms.values()}
        self.bare &= {row.instance_id for row in Instance.objects.all()} - watched
        for row in Instance.objects.filter(status="RUNNING").exclude(alarm_name="").select_related("run"):
            server = self.world.ec2_instances.get(row.instance_id)
            if not server or server.value.state is not InstanceState.RUNNING or row.instance_id in self.bare:
                continue
            assert row.instance_id in watched, "it is bare"
            if row.is_armed and server.value.launched_at == row.run.launched_at:
                is_muted = row.run.muted_until is not None  # then a worker replaces it
                assert is_muted or self.will_be_stopped(row.instance_id), "nothing will stop it"

    @invariant()
    def what_starts_is_let_be(self):
        """Whatever AWS does with warm-ups: no alarm without one acts on a machine that has just been started by us."""
        for row in Instance.objects.filter(status__in=["STARTING", "RUNNING"], run__reason="PERSON"):
            server = self.world.ec2_instances.get(row.instance_id)
            if server and server.value.state is InstanceState.PENDING and row.run.launched_at is None:
                acting = [each.value for each in self.world.alarms.values() if acts_on(each.value, row.instance_id)]
                assert all(alarm.warm_up_minutes for alarm in acting)

    @invariant()
    def what_has_ended_stays_ended(self):
        ended = {str(pk) for pk in Instance.objects.filter(status="TERMINATED").values_list("pk", flat=True)}
        assert self.ended <= ended
        self.ended = ended

    @invariant()
    def no_two_attempts_share_a_token(self):
        launches = [call.args for call in self.cloud.calls if call.operation == "launch"]
        asked = {(token, spec.key_name, spec.group_id) for spec, token in launches}
        assert len({token for token, *_ in asked}) == len(asked)
        assert {token for token, *_ in asked} <= set(Launch.objects.values_list("pk", flat=True))

    @invariant()
    def the_neighbour_is_left_alone(self):
        instance_id, group, key = self.foreign
        assert self.world.ec2_instances[instance_id].value.state is InstanceState.RUNNING
        assert group in self.world.groups
        assert key in self.world.keys
        assert "ondol-theirs" in self.world.alarms

    @invariant()
    def every_change_is_recorded(self):
        for row in Instance.objects.prefetch_related("changes"):
            changes = list(row.changes.all())
            assert changes[-1].new == row.status
            assert all(one.new == two.old for one, two in itertools.pairwise(changes))

    @invariant()
    def a_run_goes_on_just_while_its_machine_runs_or_will(self):
        for row in Instance.objects.select_related("run").prefetch_related("runs"):
            on = {"PENDING", "STARTING", "RUNNING", "STOPPING"}
            going_on = [run.pk for run in row.runs.all() if run.ended_at is None]
            assert going_on == ([row.run_id] if row.status in on else []), (row.status, going_on)
            assert row.run.instance_id == row.pk

    # --- where it comes to rest --------------------------------------------------------------------------------------
    def come_to_rest(self):
        self.cloud.next_error.clear()
        self.cloud.meanwhile.clear()
        self.cloud.lag, self.kill_at_commit, self.rig.ssh = 0, 0, True
        self.world.warm_ups = "kept"
        for _ in range(14):
            self.time_passes(350)
            self.rig.tick()
            self.nobody_has_two_live_machines()
        for _ in range(4):
            orphans.sweep(self.cloud)
            self.rig.work()
            self.time_passes(700)
            self.rig.tick()
        for row in Instance.objects.all():
            self.rests(row)
        rows = {str(row.pk): row for row in Instance.objects.exclude(status__in=["TERMINATED", "FAILED"])}
        alive = {row.instance_id for row in rows.values()}
        ours = {id for id, thing in self.world.ec2_instances.items() if thing.value.state.is_live} - {self.foreign[0]}
        assert ours == alive
        for things in (self.world.groups, self.world.keys, self.world.volumes):
            claimed = Counter(thing.tags[Tag.ROW] for thing in things.values() if self.cloud._is_ours(thing))
            assert claimed == Counter(rows.keys()), (claimed, rows)
        alarms = [name for name in self.world.alarms if name != "ondol-theirs"]
        assert set(alarms) <= {row.alarm_name for row in rows.values()}

    def rests(self, row):
        status = Status(row.status)
        assert status in SETTLED, (row.status, row.status_reason, row.seen_view, row.error_code)
        assert status not in CHANGING
        assert status is not Status.RUNNING or User.objects.get(pk=row.owner_id).is_approved
        if status in {Status.FAILED, Status.TERMINATED}:
            assert row.is_clean
            return
        server = self.world.ec2_instances[row.instance_id].value
        assert server.state.value.upper() == status.value
        assert self.world.groups[row.security_group_id].value.cidrs == set(wished(User.objects.get(pk=row.owner_id)))
        there = server.instance_type, self.world.sizes[row.volume_id]
        assert there == (row.seen_type, row.seen_volume_gib)
        last = StatusChange.objects.filter(instance=row).latest("at", "id").record.size
        assert there == (last.instance_type, last.volume_gib)  # what it costs is what it is
        assert row.volume_gib == row.seen_volume_gib
        # Started in the console before it had its new type: that comes at its next rest.
        assert row.instance_type == row.seen_type or status is Status.RUNNING
        if status is Status.RUNNING:
            alarm = self.rig.alarm_of(row).value
            rules = rules_of(row.owner_id)
            rule = IdleRule(rules.idle_minutes, cpu_percent(rules.idle_core_percent, server.instance_type))
            assert (alarm.instance_id, alarm.rule, alarm.state) == (row.instance_id, rule, "INSUFFICIENT_DATA")
            # One that was muted stays so for as long as its warm-up would have lasted, and a worker replaces it then.
            muted_until = row.run.muted_until
            assert alarm.is_muted == (muted_until is not None and muted_until > clock.now())
            let_be = muted_until - alarm.configured_at if alarm.is_muted else timedelta(minutes=alarm.warm_up_minutes)
            assert row.run.awake_until is None or alarm.configured_at + let_be >= row.run.awake_until
            assert alarm.configured_at + let_be >= row.run.launched_at + timedelta(minutes=rule.minutes + 10) - SLACK
            if row.run.awake_until is None:
                assert let_be <= timedelta(minutes=rule.minutes + 10)


@pytest.mark.django_db
@pytest.mark.timeout(0)
def test_whatever_happens_nothing_is_lost_doubled_or_orphaned(monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("t3.medium",))
    run_state_machine_as_test(
        House,
        settings=settings(
            max_examples=EXAMPLES,
            derandomize="MODEL_EXAMPLES" not in os.environ,
            phases=PHASES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )  # fmt: skip
