"""A database of the version before runs had a table, with machines in every status, is carried over and goes on.

What that version has recorded of itself (`recorded`) is put into its own schema, brought up to date by the migrations,
and then a worker, looks and pages of this version go on with it.
"""

import itertools
import json
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from importlib import import_module

import pytest
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import AddIndex
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import clock
from ondol.accounts.models import User
from ondol.cloud.port import Alarm, AlarmStop, Ec2Instance, IdleRule, InstanceState, LaunchSpec
from ondol.config import config
from ondol.costs.months import Month
from ondol.costs.prepared import calculations
from ondol.database.indexes import IndexConcurrently
from ondol.deployment.models import deployment_id
from ondol.instances.jobs import RECONCILE
from ondol.instances.models import Instance, Launch, Run
from ondol.reconciler import observe
from ondol.testing.fake import FakeCloud
from ondol.testing.fake_world import Group, Thing, World
from ondol.web.history.timeline import last_receipt, timeline
from tests import role
from tests.instances.recorded import before_runs
from tests.instances.rig import Rig

BEFORE = [("instances", "0005_armed_awake_until")]
GOES_ON = {"PENDING", "STARTING", "RUNNING", "STOPPING"}


def newest():
    """Return the migrations of this version."""
    return MigrationExecutor(connection).loader.graph.leaf_nodes()


def check_what_is_put_off(*_progress):
    """PostgreSQL alters no table of which it still has something to check."""
    connection.check_constraints()


def migrate(target):
    """Migrate in the test's own transaction; between two migrations is where another one would end."""
    check_what_is_put_off()
    with indexes_at_once():
        MigrationExecutor(connection, check_what_is_put_off).migrate(target)


@contextmanager
def indexes_at_once():
    """Build indexes as transactions can; how they are built beside running parts is in tests/database."""
    ways = ("database_forwards", "database_backwards")
    with pytest.MonkeyPatch.context() as patch:
        for way in ways:
            patch.setattr(IndexConcurrently, way, getattr(AddIndex, way))
        yield


def restore(tables):
    with connection.cursor() as cursor:
        for table, rows in tables.items():
            cursor.execute(f"DELETE FROM {table}")
            if not rows:
                continue
            names = ", ".join(f'"{name}"' for name in rows[0])  # columns that are newer get their default
            cursor.execute(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM json_populate_recordset(NULL::{table}, %s)",
                [json.dumps(rows)],
            )
        for table in ("instances_statuschange", "instances_sshkey", "accounts_user", "procrastinate_jobs"):
            cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")


def moment(text):
    return datetime.fromisoformat(text)


def world_of(data):
    """What AWS had at that moment."""
    world = World()

    def things(kind, read):
        return {name: Thing(read(thing["value"]), thing["tags"], thing["unseen"]) for name, thing in data[kind].items()}

    def server(value):
        more = {"state": InstanceState(value["state"]), "launched_at": moment(value["launched_at"])}
        return Ec2Instance(**value | more | {"groups": frozenset(value["groups"])})

    def alarm(value):
        return Alarm(**value | {"rule": IdleRule(**value["rule"]), "configured_at": moment(value["configured_at"])})

    world.ec2_instances, world.alarms = things("servers", server), things("alarms", alarm)
    world.volumes, world.keys = things("volumes", str), things("keys", str)
    world.groups = things("groups", lambda value: Group(value["name"], set(value["cidrs"])))
    world.sizes = dict(data["sizes"])
    world.grown_at = {volume: moment(at) for volume, at in data["grown_at"].items()}
    project = {"Project": config().project}  # which the adapter of that version added by itself
    names = {"volume_gb": "volume_gib"}
    specs = {
        id: {names.get(name, name): value for name, value in spec.items() if name != "name"}
        for id, spec in data["specs"].items()
    }
    world.specs = {
        id: LaunchSpec.from_json(spec | {"subnet_id": config().subnet_id, "tags": spec["tags"] | project})
        for id, spec in specs.items()
    }
    world.stops = {
        name: [AlarmStop(moment(stop["at"]), tuple(stop["cpu"]), stop["cpu_percent"]) for stop in stops]
        for name, stops in data["stops"].items()
    }
    world.failing = set(data["failing"])
    world._numbers = itertools.count(0x10000)
    return world


@pytest.fixture(scope="module")
def left_behind(django_db_setup, django_db_blocker):
    """The database as that version left it. Migrating takes seconds: tests share it, each in a savepoint of its own."""
    recorded = before_runs()
    with django_db_blocker.unblock(), transaction.atomic(), role.owner():
        migrate(BEFORE)
        restore(recorded["tables"])
        yield recorded
        transaction.set_rollback(True)


@pytest.fixture(scope="class")
def brought_up_to_date(left_behind, django_db_blocker):
    """The same, migrated once for all tests of a class."""
    with django_db_blocker.unblock(), transaction.atomic():
        migrate(newest())
        yield
        transaction.set_rollback(True)


@pytest.fixture
def before(left_behind, db, monkeypatch, machines_clock):
    """That database, at that moment, with the settings of that deployment."""
    machines_clock.freeze(moment(left_behind["now"]))
    monkeypatch.setattr(config(), "instance_types", ("t3.large", "t3.medium"))
    deployment_id.cache_clear()
    yield left_behind
    deployment_id.cache_clear()


@pytest.fixture
def after(brought_up_to_date, before):
    return before


def owner(name):
    return User.objects.get(email=f"{name}@example.org")


def machine(name):
    return Instance.objects.select_related("run").filter(owner=owner(name)).latest("created_at")


def names(recorded):
    owners = {row["owner_id"] for row in recorded["tables"]["instances_instance"]}
    return [user.email.partition("@")[0] for user in User.objects.filter(pk__in=owners)]


def bills():
    found = {}
    for month in ("2026-05", "2026-06", "2026-07"):
        for pk, bill in calculations(Month.parse(month)):
            name = User.objects.get(pk=pk).email.partition("@")[0]
            lines = [[line.item, line.what, line.count, line.seconds, line.amount] for line in bill.lines]
            sums = [bill.total, bill.to_run, bill.to_rest, bill.saved, bill.saved_by_idle]
            found[name, month] = (lines, sums)
    return found


def moves_of(rows):
    """Return the rows without those about a size alone: type and disk, changed at once, are one row now."""
    return [row for row in rows if row[1] or row[2] or not row[3]]


class TestBroughtUpToDate:
    def test_every_machine_has_the_run_that_goes_on_and_those_before(self, after):
        rows = Instance.objects.select_related("run")
        assert Counter(row.status for row in rows) == Counter(
            row["status"] for row in after["tables"]["instances_instance"]
        )
        for row in rows:
            lines = [line for line in row.changes.all() if line.new != line.old]
            starts = [
                line for line in lines
                if line.new in {"PENDING", "STARTING"} or (line.new, line.reason) == ("RUNNING", "OUTSIDE")
            ]  # fmt: skip
            runs = list(row.runs.order_by("began_at"))
            assert [(run.reason, run.by_id) for run in runs] == [(line.reason, line.by_id) for line in starts]
            assert runs[-1] == row.run
            assert [run.ended_at is None for run in runs] == [False] * (len(runs) - 1) + [row.status in GOES_ON]
            for one, two in itertools.pairwise(runs):
                assert one.began_at <= one.ended_at <= two.began_at

    def test_what_each_row_knew_of_its_run_is_known(self, after):
        armed = {name: machine(name).is_armed for name in names(after)}
        was_armed = {name: armed and machine(name).status in GOES_ON for name, armed in after["armed"].items()}
        assert armed == was_armed
        dan, bob, nora, sara = (machine(name) for name in ("dan", "bob", "nora", "sara"))
        old = {row["id"]: row for row in after["tables"]["instances_instance"]}
        for row in (dan, bob, nora, sara):
            was = old[str(row.pk)]
            for name in ("awake_until", "waived_close", "armed_at", "armed_awake_until", "ready_at"):
                assert getattr(row.run, name) == (was[name] and moment(was[name])), name
            assert row.run.warm_up_minutes == was["warm_up_minutes"]
            assert row.seen_launched_at == moment(was["launched_at"])
        assert dan.kept_awake_until(clock.now()) is not None
        # Bob's is to start, and EC2 shows when it started last; Sara's has begun to start.
        assert (bob.run.launched_at, bob.run.launched_after) == (None, bob.seen_launched_at)
        assert sara.run.launched_at == sara.seen_launched_at

    def test_receipts_are_those_of_the_runs_they_were_about(self, after):
        kept = [run.idle_receipt for run in machine("alice").runs.filter(end_reason="IDLE")]
        assert [(len(receipt.cpu), receipt.minutes) for receipt in kept] == [(6, 30)] * len(kept)
        assert kept
        assert {name for name in names(after) if last_receipt(machine(name))} == set(after["receipts"])

    def test_bills_are_the_same_to_the_last_digit_that_is_kept(self, after):
        wanted = {}

        def kept(text):
            return Decimal(text).quantize(Decimal("1e-12"), ROUND_HALF_UP)

        for name, months in after["bills"].items():
            for month, bill in months.items():
                lines = [[*line[:4], kept(line[4])] for line in bill["lines"]]
                sums = [kept(bill[key]) for key in ("total", "to_run", "to_rest", "saved", "saved_by_idle")]
                wanted[name, month] = (lines, sums)
        assert len(wanted) > 50
        assert bills() == wanted

    def test_histories_are_the_same(self, after):
        """But for their words, which may change."""
        for name, story in after["stories"].items():
            told = [
                [event.at.isoformat(), event.by and event.by.name, event.ran and event.ran.total_seconds(), event.size]
                for event in timeline(owner(name))
            ]
            before = [[at, by, ran, size] for at, _what, _why, by, ran, _receipt, size in story]
            assert moves_of(told) == moves_of(before)
            assert [row[3] for row in told if row[3]][:1] == [row[3] for row in before if row[3]][:1]

    def test_everything_under_way_goes_on_and_nothing_is_launched_twice(self, after, machines_clock):
        rig = Rig(FakeCloud(world_of(after["world"]), deployment=deployment_id()))
        there = set(rig.cloud.world.ec2_instances)
        armed = {row.pk: row.run.armed_at for row in Instance.objects.select_related("run") if row.is_armed}
        running = set(Instance.objects.filter(status="RUNNING").values_list("pk", flat=True))
        statuses = {job.task_name for job in ProcrastinateJob.objects.filter(status="todo")}
        assert statuses == {RECONCILE}
        rig.work()  # the jobs of that version
        for _ in range(6):
            machines_clock.advance(timedelta(seconds=20))
            rig.tick()
        ended = {"bob": "RUNNING", "hana": "RUNNING", "zoe": "RUNNING", "oscar": "RUNNING", "paul": "RUNNING",
                 "sara": "RUNNING", "ivan": "STOPPED", "nora": "STOPPED", "judy": "TERMINATED", "lee": "RUNNING",
                 "dan": "RUNNING", "kim": "STOPPED", "frank": "FAILED", "gina": "FAILED"}  # fmt: skip
        assert {name: machine(name).status for name in ended} == ended
        assert machine("nora").status_reason == "IDLE"
        assert last_receipt(machine("nora")).minutes == 30
        # Only oscar's was not asked for yet.
        assert set(rig.cloud.world.ec2_instances) - there == {machine("oscar").instance_id}
        live = Counter(
            thing.tags["UserId"] for thing in rig.cloud.world.ec2_instances.values() if thing.value.state.is_live
        )
        assert set(live.values()) == {1}
        assert Launch.objects.filter(spec={}).exists()
        # Who was armed was not armed again; who was not, is now.
        for row in Instance.objects.select_related("run").filter(pk__in=running & set(armed)):
            assert row.run.armed_at == armed[row.pk]
        for row in Instance.objects.select_related("run").filter(status="RUNNING"):
            assert row.is_armed, row.owner
        assert machine("gina").is_clean
        observe.observe_all(rig.cloud)

    def test_the_way_back_leaves_rows_as_they_were(self, after):
        migrate(BEFORE)
        with connection.cursor() as cursor:
            cursor.execute("SELECT row_to_json(t)::text FROM instances_instance t")
            back = {row["id"]: row for row in (json.loads(text) for (text,) in cursor.fetchall())}
        for was in after["tables"]["instances_instance"]:
            row = back[was["id"]]
            over = was["status"] not in GOES_ON  # an end resets what an end of that version reset, if a little earlier
            reset = {"armed_at", "armed_shown_at", "awake_until", "waived_close", "ready_at"} if over else set()
            assert {name: row[name] for name in was if name not in reset} == {
                name: was[name] for name in was if name not in reset
            }

    def test_on_the_way_back_a_machine_whose_alarm_has_the_second_name_is_armed_by_the_first(self, after):
        row = machine("bob")
        Instance.objects.filter(pk=row.pk).update(alarm_name=row.alarm_names[1])
        migrate(BEFORE)
        with connection.cursor() as cursor:
            cursor.execute("SELECT alarm_name, armed_at FROM instances_instance WHERE id = %s", [row.pk])
            assert cursor.fetchone() == (row.alarm_names[0], None)

    def test_on_the_way_back_a_credit_mode_that_is_not_known_counts_as_standard(self, after):
        row = machine("bob")
        Instance.objects.filter(pk=row.pk).update(is_unlimited=None, is_type_unsure=True)
        migrate([("instances", "0016_credits")])
        with connection.cursor() as cursor:
            cursor.execute("SELECT is_unlimited FROM instances_instance WHERE id = %s", [row.pk])
            assert cursor.fetchone() == (False,)


def test_it_may_be_broken_off_and_begun_again(before):
    migrate([("instances", "0007_runs")])
    fill = import_module("ondol.instances.migrations.0008_fill_runs")
    executor = MigrationExecutor(connection)
    apps = executor.loader.project_state([("instances", "0007_runs")]).apps
    fill.forwards(apps, None)
    made = apps.get_model("instances", "Run").objects.count()
    fill.forwards(apps, None)
    assert apps.get_model("instances", "Run").objects.count() == made
    connection.check_constraints()
    migrate(newest())
    assert Run.objects.count() == made
