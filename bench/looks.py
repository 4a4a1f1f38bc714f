"""One observation of 1, 10, 100, 1000 machines, on the cloud in memory: what Ondol itself takes for it."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from statistics import median

from django.db import transaction

from bench.place import table
from ondol.accounts.models import User
from ondol.cloud.port import IdleRule, Image, LaunchSpec, Tag
from ondol.instances.models import Instance, Run
from ondol.reconciler.observe import observe_all
from ondol.testing.fake import FakeCloud
from ondol.testing.fake_world import Group, Thing

SIZES = (1, 10, 100, 1000)


def main() -> None:
    """Measure the usual observation: nothing has changed since the last one."""
    rows, alone = [], 0.0
    for size in SIZES:
        seconds, calls = _observe(size)
        alone = alone or seconds
        each = seconds / size
        rows.append((size, calls, f"{seconds * 1000:.1f} ms", f"{each * 1000:.2f} ms", f"{each / alone:.2f} ×"))
    table("One observation", ["machines", "calls", "all", "each", "each, ratio"], rows)


def _observe(size: int) -> tuple[float, int]:
    """Return the median of five observations in seconds, and the calls that one makes."""
    cloud = FakeCloud()
    cloud.world.groups["sg-1"] = Thing(Group("bench"), {})
    cloud.world.keys["bench"] = Thing("bench", {})
    _make(size, cloud)
    cloud.world.settle()
    observe_all(cloud)  # this one writes down what it sees
    cloud.calls.clear()
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        observe_all(cloud)
        times.append(time.perf_counter() - begun)
    return median(times), len(cloud.calls) // 5


def _make(size: int, cloud: FakeCloud) -> None:
    """Running machines, of as many people; those of the size before are gone."""
    Instance.objects.all().delete()
    User.objects.all().delete()
    people = User.objects.bulk_create([User(email=f"person{n}@example.org", name=f"Person {n}") for n in range(size)])
    rows, now = [], datetime.now(UTC)
    armed = now - timedelta(minutes=5)  # long enough ago that each observation proves it
    common = {"status": "RUNNING", "instance_type": "t3.small", "volume_gib": 30}
    cloud.world.now = lambda: armed  # type: ignore[method-assign]
    rule = IdleRule(30, 5.0)
    put = {
        "armed_at": armed,
        "ready_at": now,
        "armed_idle_minutes": rule.minutes,
        "armed_cpu_percent": rule.cpu_percent,
        "warm_up_minutes": 40,
    }
    for owner in people:
        row, token = uuid.uuid4(), uuid.uuid4().hex
        spec = LaunchSpec(Image("ami-1", "/dev/sda1"), "t3.small", 30, "sg-1", "bench", {Tag.ROW: str(row)})
        server = cloud.launch(spec, token)
        shown = {"client_token": token, "instance_id": server.instance_id, "seen_launched_at": server.launched_at}
        alarm = f"ondol-{row}"
        cloud.arm(alarm, server.instance_id, rule, 40, {Tag.ROW: str(row)})
        run = Run(instance_id=row, launched_at=server.launched_at, **put)
        rows.append(Instance(id=row, owner=owner, run=run, is_clean=False, alarm_name=alarm, **common, **shown))
    with transaction.atomic():
        Instance.objects.bulk_create(rows)
        Run.objects.bulk_create([row.run for row in rows])
