"""`python -m bench.one_look ROUNDS`: looks at all machines in a process of its own, and a line of JSON about them.

So what it takes is what a worker takes for its looks: nothing else has run in it.
"""

import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any


def main() -> None:
    """Look: first as a worker that has just started, then as often as is asked for."""
    began = time.perf_counter(), time.process_time()
    import django  # noqa: PLC0415  that takes part of the time

    django.setup()
    from django.db import connection  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from bench.processor import seconds_of  # noqa: PLC0415
    from ondol.deployment.connection import cloud  # noqa: PLC0415
    from ondol.reconciler.observe import observe_all  # noqa: PLC0415

    asked = cloud()
    asked.account()
    told: dict[str, Any] = {"start": _since(*began)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [backend] = cursor.fetchone()
    began = time.perf_counter(), time.process_time()
    told["found"] = _running()
    told["listing"] = _since(*began)
    looks, before = [], seconds_of([backend])[backend]
    for _ in range(int(sys.argv[1]) + 1):
        began = time.perf_counter(), time.process_time()
        observe_all(asked)
        looks.append(_since(*began))
    told["postgres"] = (seconds_of([backend])[backend] - before) / len(looks)
    told["first"] = looks.pop(0)
    told["look"] = [median(column) for column in zip(*looks, strict=True)]
    told["peak"] = _peak()
    with CaptureQueriesContext(connection) as queries:
        observe_all(asked)
    print(json.dumps(told | {"statements": len(queries)}))


def _running() -> int:
    """List all machines by clients of its own: what these have read, the first look would not read again."""
    from ondol.cloud.aws import AwsCloud  # noqa: PLC0415
    from ondol.config import config  # noqa: PLC0415
    from ondol.deployment.models import deployment_id  # noqa: PLC0415

    listed = AwsCloud.from_config(config(), deployment_id()).ec2_instances()
    return sum(shown.state == "running" for shown in listed)


def _since(wall: float, processor: float) -> tuple[float, float]:
    return time.perf_counter() - wall, time.process_time() - processor


def _peak() -> int:
    """Return the most memory that this process has had, in kB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


if __name__ == "__main__":
    main()
