"""Rows of the machines of `bench.amazon`, as a worker would have left them: all run, each of a person of its own."""

from django.db import connection, transaction

from bench.amazon import WARM_UP, Amazon, alarm_of, instance_id_of, row_of
from ondol import clock
from ondol.accounts.models import User
from ondol.deployment.models import Deployment
from ondol.instances.models import Instance, Run


def furnish(amazon: Amazon) -> None:
    """Put them into the database; what other benchmarks have left there is gone, and so is a changed rule."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE instances_instance, accounts_user, policy_policy CASCADE")
    people = User.objects.bulk_create(
        [
            User(email=f"person{number:05}@example.org", name=f"Person {number:05}", approval="APPROVED")
            for number in range(amazon.machines)
        ],
        batch_size=2000,
    )
    rows, runs = [], []
    for number, owner in enumerate(people):
        row, run = _machine(number, owner, amazon)
        rows.append(row)
        runs.append(run)
    with transaction.atomic():
        Instance.objects.bulk_create(rows, batch_size=1000)
        Run.objects.bulk_create(runs, batch_size=1000)
    Deployment.current().update(looked_at=amazon.launched, confirmed_at=None)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # else plans are those for what was there before


def _machine(number: int, owner: User, amazon: Amazon) -> tuple[Instance, Run]:
    launched, now, row = amazon.launched, clock.now(), row_of(number)
    address = f"198.51.{number // 250}.{number % 250 + 1}"
    run = Run(
        instance_id=row,
        began_at=launched,
        launched_at=launched,
        ready_at=launched,
        armed_at=launched,
        warm_up_minutes=WARM_UP,
        armed_idle_minutes=30,
        armed_cpu_percent=5.0,
        alarm_verified_at=now,
        public_ip=address,
    )
    machine = Instance(
        id=row,
        owner=owner,
        run=run,
        status="RUNNING",
        status_since=launched,
        instance_type="t3.small",
        seen_type="t3.small",
        volume_gib=30,
        seen_volume_gib=30,
        client_token=f"token-{number}",
        instance_id=instance_id_of(number),
        ami_id="ami-0123456789abcdef0",
        security_group_id=f"sg-{number:017x}",
        ssh_ranges=["203.0.113.0/24"],
        ssh_ranges_at=now,
        key_pair_name=f"ondol-{number:017x}",
        alarm_name=alarm_of(number),
        volume_id=f"vol-{number:017x}",
        public_ip=address,
        last_public_ip=address,
        private_ip=f"10.20.{number // 250 % 250}.{number % 250 + 4}",
        is_clean=False,
        seen_view="running",
        seen_since=launched,
        seen_at=now,
        seen_launched_at=launched,
        created_at=launched,
    )
    return machine, run
