"""The worker: Procrastinate's, with what its command line does not offer.

Heartbeats go on every 2 s until the last job has ended (the stock worker stops them when draining starts, and the job
is then run twice), and jobs of dead workers are swept by a coroutine in every worker (a sweeping *job* may itself be on
the dead one). A private name of Procrastinate is used, `_new_job_event`, and `stop` and `get_sync_connector` are
overridden: its version is pinned exactly, and `tests/test_worker.py` kills workers and PostgreSQL.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import cast

from procrastinate import exceptions
from procrastinate.app import App
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import Job, Status
from procrastinate.worker import Worker

log = logging.getLogger(__name__)

HEARTBEAT = 2.0
DEAD_AFTER = 10.0
SWEEP = 1.0
POLL = 1.0
DRAIN = 8.0
"""The seconds that running jobs have to end after SIGTERM. What is cut off is done again by another worker."""


def work(concurrency: int) -> int:
    """Run until SIGTERM or SIGINT, or until PostgreSQL is gone for some seconds. The exit code says nothing."""
    ours = cast(DjangoConnector, django_app.connector)
    connector = ours.get_worker_connector()
    # Else another worker would see and run what a job enqueues before the job has committed.
    connector.get_sync_connector = lambda: ours  # type: ignore[method-assign]
    with django_app.replace_connector(connector) as app:
        asyncio.run(_run(app, concurrency))
    return 0


class _Worker(Worker):
    """A worker that ends in any case: Procrastinate would wait for ever for a job in a thread."""

    def stop(self) -> None:
        """Stop at SIGTERM, and when Procrastinate can no longer listen."""
        super().stop()  # type: ignore[no-untyped-call]
        asyncio.get_running_loop().call_later(DRAIN + 1, _cut_off)


def _cut_off() -> None:
    log.warning("what still runs is cut off; another worker does it again")
    logging.shutdown()
    os._exit(0)


async def _run(app: App, concurrency: int) -> None:
    loop = asyncio.get_running_loop()
    # The default executor has cpu + 4 threads, whatever the concurrency is.
    loop.set_default_executor(ThreadPoolExecutor(concurrency, thread_name_prefix="job"))
    async with app.open_async():
        app.perform_import_paths()
        worker = _Worker(
            app, concurrency=concurrency, update_heartbeat_interval=HEARTBEAT, stalled_worker_timeout=DEAD_AFTER,
            fetch_job_polling_interval=POLL, shutdown_graceful_timeout=DRAIN, delete_jobs="successful",
            install_signal_handlers=False,
            # Procrastinate's own: closes the connections that a job in a thread has left broken or idle for long.
            task_middleware=app.worker_defaults.get("task_middleware"),
        )  # fmt: skip
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, worker.stop)
        ended = asyncio.Event()
        side = [
            asyncio.create_task(_every(HEARTBEAT, ended, partial(_beat, app, worker))),
            asyncio.create_task(_every(SWEEP, ended, partial(_sweep, app, worker))),
        ]
        log.info("worker is ready")
        try:
            await worker.run()  # type: ignore[no-untyped-call]
        finally:
            # Not by cancelling: a pool whose PostgreSQL went away ignores that, and the heartbeat would go on for ever.
            ended.set()
            await asyncio.wait(side, timeout=2)


async def _every(seconds: float, ended: asyncio.Event, act: Callable[[], Awaitable[None]]) -> None:
    while not ended.is_set():
        try:
            await act()
        except exceptions.ConnectorException:
            log.warning("PostgreSQL does not answer")
        except Exception:  # without heartbeat and sweep, jobs would be done twice, or never
            log.exception("unforeseen")
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), seconds)


async def _beat(app: App, worker: Worker) -> None:
    """Write heartbeats, also while draining: else another worker takes over the jobs that we are about to finish."""
    if worker.worker_id is not None:
        await app.job_manager.update_heartbeat(worker.worker_id)


async def _sweep(app: App, worker: Worker) -> None:
    """Pass on the jobs of dead workers."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER):
        if job.worker_id != worker.worker_id:
            await _hand_on(app, job)
            worker._new_job_event.set()


async def _hand_on(app: App, job: Job) -> None:
    log.warning("handing on a dead worker's job", extra={"job": job.id, "task": job.task_name})
    try:
        await app.job_manager.retry_job(job)
    except exceptions.UniqueViolation:
        # A twin waits already and will do the work.
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=False)
    except exceptions.ConnectorException:
        log.info("another worker was faster", extra={"job": job.id})
