"""A large institute in the database: people, machines, and what they have done for months."""

import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from ondol.accounts.models import User
from ondol.autostop.models import ReadingRound
from ondol.costs.bills import this_month
from ondol.costs.prepared import Basis, refresh, stale
from ondol.instances.models import Instance, Run
from ondol.instances.observation import View
from ondol.instances.states import Reason, Status

PEOPLE, MACHINES, RUNNING, CHANGES, DAYS = 10_000, 3_000, 1_000, 600_000, 14
ACTS = 100_000
"""How many there are; `RUNNING` of the machines run, and have readings of so many days."""
WAITING = 25
PERIOD = timedelta(minutes=5)


def furnish(people: int = PEOPLE, machines: int = MACHINES, running: int = RUNNING, changes: int = CHANGES) -> None:
    """Fill the database, once: what other benchmarks have left there goes."""
    if User.objects.filter(email=_person(0, datetime.now(UTC)).email).exists():
        prepare()
        return
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE instances_instance, accounts_user CASCADE")
    now = datetime.now(UTC)
    User.objects.bulk_create([_person(number, now) for number in range(people)], batch_size=2000)
    User.objects.bulk_create([_person(people + number, now, "PENDING") for number in range(WAITING)])
    owners = list(User.objects.filter(approval="APPROVED").order_by("id").values_list("id", flat=True)[:machines])
    runs, rows = [], []
    for number, owner in enumerate(owners):
        row, run = _machine(number, owner, now, is_running=number < running)
        rows.append(row)
        runs.append(run)
    with transaction.atomic():
        Instance.objects.bulk_create(rows, batch_size=1000)
        Run.objects.bulk_create(runs, batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute(_ACTS, [now, ACTS])
        cursor.execute("SET session_replication_role = replica")  # else the machine of each row is looked up
        cursor.execute(_CHANGES, [now, changes // machines])
        cursor.execute(_READINGS, [now - timedelta(days=DAYS), now])
        cursor.execute("RESET session_replication_role")
        cursor.execute("ANALYZE")
    ReadingRound.objects.get_or_create(only=True, defaults={"at": now})
    prepare()


@contextmanager
def changing(each: int) -> Iterator[None]:
    """Let so many of those that are stopped be made, start, stop, and have failed; afterwards they are as before."""
    now, rows = datetime.now(UTC), Instance.objects.filter(status="STOPPED").select_related("run").order_by("-id")
    changed = [(row, _MOVING[number // each]) for number, row in enumerate(rows[: each * len(_MOVING)])]
    before = [(type(one), one.pk, _stored(one)) for row, _ in changed for one in (row, row.run)]
    try:
        _change(changed, now)
        yield
    finally:
        for model, pk, fields in before:
            model.objects.filter(pk=pk).update(**fields)


def _change(changed: Iterable[tuple[Instance, tuple[Status, View, Reason]]], now: datetime) -> None:
    for row, (status, seen, reason) in changed:
        is_launched = seen != View.UNSEEN
        Instance.objects.filter(pk=row.pk).update(
            status=status, status_reason=reason, status_since=now, stopped_at=None, seen_view=seen, seen_since=now,
            instance_id=row.instance_id if is_launched else None,
            error_code="InsufficientInstanceCapacity" if status == Status.FAILED else "",
        )  # fmt: skip
        Run.objects.filter(pk=row.run_id).update(
            began_at=now, launched_at=now if is_launched else None, ready_at=None, ended_at=None, end_reason=""
        )


def _stored(row: Instance | Run) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key}


_MOVING = (
    (Status.PENDING, View.UNSEEN, Reason.PERSON),
    (Status.STARTING, View.PENDING, Reason.PERSON),
    (Status.STOPPING, View.STOPPING, Reason.PERSON),
    (Status.FAILED, View.UNSEEN, Reason.NO_CAPACITY),
)


def prepare() -> None:
    """Make the figures of costs, as a worker does within 30 seconds of its start: here there is none."""
    began, month = time.monotonic(), this_month()
    made = sum(len(stale(Basis.of(one))) for one in (month, month.previous))
    for one in (month, month.previous):
        refresh(one)
    if made:
        print(f"{made} figures of costs are prepared in {time.monotonic() - began:.1f} s", flush=True)


def _person(number: int, now: datetime, approval: str = "APPROVED") -> User:
    return User(
        email=f"person{number:05}@example.org",
        name=f"Person {number:05}",
        affiliation="Institute of Radar Imaging",
        purpose="Interferograms of the Korean peninsula.",
        approval=approval,
        created_at=now - timedelta(days=200, minutes=number),
    )


def _machine(number: int, owner: int, now: datetime, *, is_running: bool) -> tuple[Instance, Run]:
    launched = now - timedelta(hours=number % 240 + 1)
    row = uuid.UUID(int=number + 1, version=4)
    run = Run(
        instance_id=row,
        began_at=launched,
        launched_at=launched,
        ready_at=launched,
        armed_at=launched,
        warm_up_minutes=40,
        armed_idle_minutes=30,
        armed_cpu_percent=5.0,
        alarm_verified_at=now,
        ended_at=None if is_running else launched + timedelta(minutes=50),
        end_reason="" if is_running else "IDLE",
    )
    machine = Instance(
        id=row,
        owner_id=owner,
        run=run,
        status="RUNNING" if is_running else "STOPPED",
        status_since=launched,
        instance_type="t3.small",
        seen_type="t3.small",
        volume_gib=30,
        seen_volume_gib=30,
        client_token=uuid.uuid4().hex,
        instance_id=f"i-{number:017x}",
        ami_id="ami-1",
        security_group_id=f"sg-{number:017x}",
        ssh_ranges=["203.0.113.0/24"],
        ssh_ranges_at=now,
        key_pair_name=f"ondol-{number}",
        alarm_name=f"ondol-{row}",
        volume_id=f"vol-{number:017x}",
        public_ip=f"198.51.{number // 250}.{number % 250 + 1}" if is_running else None,
        is_clean=False,
        seen_view="running" if is_running else "stopped",
        seen_since=launched,
        seen_at=now,
        seen_launched_at=launched,
        stopped_at=None if is_running else launched + timedelta(minutes=50),
        created_at=now - timedelta(days=300),
    )
    return machine, run


_CHANGES = """
INSERT INTO instances_statuschange (instance_id, old, new, reason, detail, by_id, at)
SELECT i.id,
  (ARRAY['STOPPED', 'STARTING', 'RUNNING', 'STOPPING'])[n %% 4 + 1],
  (ARRAY['STARTING', 'RUNNING', 'STOPPING', 'STOPPED'])[n %% 4 + 1],
  (ARRAY['PERSON', 'DONE', 'UNKNOWN', 'IDLE'])[n %% 4 + 1],
  '{"instance_type": "t3.small", "volume_gb": 30}', NULL,
  least(i.status_since, %s - interval '1 hour') - (n + 1) * interval '12 hours'
FROM instances_instance i CROSS JOIN generate_series(0, %s - 1) AS n
"""
_ACTS = """
INSERT INTO audit_entry
  (at, action, outcome, code, by_id, by_email, on_id, on_email, source, address, agent, request_id, details)
SELECT %s - (n || ' minutes')::interval,
  (ARRAY['aws', 'machine.status', 'sign_in', 'aws', 'machine.start', 'machine.stop', 'key.read', 'mail.sent'])
    [n %% 8 + 1],
  'done', '', u.id, u.email, u.id, u.email, 'page', '203.0.113.9', 'Mozilla/5.0 (Windows NT 10.0) Firefox/140', '',
  jsonb_build_object('machine', i.id, 'old', 'STARTING', 'new', 'RUNNING', 'reason', 'DONE')
FROM generate_series(%s, 1, -1) AS n
JOIN (SELECT *, row_number() OVER (ORDER BY id) AS k FROM instances_instance) i ON i.k = n %% 3000 + 1
JOIN accounts_user u ON u.id = i.owner_id
"""
_READINGS = """
INSERT INTO autostop_cpureading (instance_id, at, percent, network_in, network_out, disk_read, disk_written, credits)
SELECT i.id, at, random() * 20, random() * 1e6, random() * 1e5, 0, random() * 1e6, 100
FROM instances_instance i CROSS JOIN generate_series(
  date_bin('5 minutes', %s, 'epoch'), date_bin('5 minutes', %s, 'epoch') - interval '5 minutes', '5 minutes') AS at
WHERE i.status = 'RUNNING'
"""
