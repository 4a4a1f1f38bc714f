"""Anything may happen, in any order: what holds after every step, and how everything settles in the end.

People click, an administrator ends machines and suspends people, alarms fire, somebody edits in the console, AWS
refuses, loses answers and lags, workers are killed before and after any call and before any commit, or frozen and
overtaken, and time passes.
"""

import itertools
import os
from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from ondol import clock
from ondol.accounts.models import User
from ondol.cloud.port import IdleRule, InstanceState, Tag
from ondol.config import config
from ondol.instances import sealed
from ondol.instances.models import Instance, Launch, StatusChange
from ondol.instances.ssh_ranges import wished
from ondol.instances.states import CHANGING, Status
from ondol.policy.rules import rules_of
from ondol.policy.threshold import cpu_percent
from ondol.reconciler import observe, orphans
from ondol.testing.fake_world import acts_on
from tests.instances.model_people import People

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "12"))
STEPS = 50
PHASES = (Phase.generate, Phase.shrink) if os.environ.get("MODEL_SHRINK") else (Phase.generate,)
SLACK = timedelta(minutes=3)
"""An alarm of a run may be put a little before it."""
SETTLED = {Status.RUNNING, Status.STOPPED, Status.FAILED, Status.TERMINATED}


class House(People):
    """What three people and an administrator were promised, whatever happens."""

    def teardown(self):
        try:
            self.come_to_rest()
        finally:
            transaction.set_rollback(True)
            self.all_or_nothing.__exit__(None, None, None)

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
        assert server.state.upper() == status
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
