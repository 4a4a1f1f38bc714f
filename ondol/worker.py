"""Procrastinate's worker, with what its command line does not offer.

Heartbeats go on every 2 s until the last job has ended (the stock worker stops them when draining starts, and the job
is then run twice), and jobs of dead workers are swept by a coroutine in every worker (a sweeping *job* may itself be on
the dead one). Private names of Procrastinate are used, `_new_job_event` and `_running_jobs`, and `stop`,
`get_sync_connector` and `listen_notify` are overridden: its version is pinned exactly, and `tests/test_worker.py` kills
workers and PostgreSQL.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, cast

from procrastinate import exceptions
from procrastinate.app import App
from procrastinate.connector import Notify
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.utils import connector_params
from procrastinate.jobs import Job, Status
from procrastinate.psycopg_connector import PsycopgConnector
from procrastinate.worker import Worker
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from ondol.database.still_open import ensure_open
from ondol.deployment.workers import DEAD_AFTER
from ondol.held_jobs import Held
from ondol.host import signs_of_life
from ondol.jobs import follow

log = logging.getLogger(__name__)

HEARTBEAT, NEVER = 2.0, 86_400.0
"""Our `_beat` writes heartbeats. Procrastinate's own are switched off: they stop while it drains."""
SWEEP = 1.0
POLL = 1.0
LET_GO = 5.0
DRAIN = 8.0
"""The seconds that running jobs have to end after SIGTERM. A job that is cut off is run again by another worker."""
LOST_AFTER = 20.0
"""The worker ends after so many seconds without an answer to a heartbeat. Others have taken its jobs by then."""


def work(concurrency: int, begin_again: Callable[[], None]) -> int:
    """Run until SIGTERM or SIGINT. When PostgreSQL is gone, call `begin_again`, which does not return.

    `begin_again` has to replace this process: its threads and connections may hang.
    """
    ours = cast(DjangoConnector, django_app.connector)
    connector = _Connector(pool_factory=_pool, kwargs=connector_params(), configure=_commit_at_once)
    # Else another worker would see and run what a job enqueues before the job has committed.
    connector.get_sync_connector = lambda: ours  # type: ignore[method-assign]
    try:
        with django_app.replace_connector(connector) as app:
            is_told = asyncio.run(_run(app, concurrency, begin_again))
    except exceptions.ConnectorException:  # PostgreSQL has gone just before the first connection
        is_told = False
    if not is_told:
        begin_again()
    return 0


async def _commit_at_once(connection: AsyncConnection[Any]) -> None:
    """Let each of Procrastinate's statements commit at once.

    In a transaction, a worker that freezes or loses its network before the COMMIT would keep its locks, and no other
    worker could defer, fetch or finish a job until it is back.
    """
    await connection.set_autocommit(True)


def _pool(**options: Any) -> "AsyncConnectionPool[Any]":
    """Return Procrastinate's pool. Its own would check each connection with an extra query before each statement."""
    return AsyncConnectionPool(**options | {"check": _is_open})


async def _is_open(connection: AsyncConnection[Any]) -> None:
    ensure_open(connection)  # raises if it is closed: the pool then opens another


class _Connector(PsycopgConnector):
    """Goes on listening after any notification: whoever may connect can send any text, without a right to any table."""

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Listen, and ignore notifications that are not Procrastinate's; jobs are polled for, too."""

        async def hear(*, channel: str, payload: str) -> None:
            try:
                await on_notification(channel=channel, payload=payload)
            except Exception:
                log.warning("a notification is none of ours", extra={"channel": channel})

        await super().listen_notify(hear, channels)


class _Worker(Worker):
    """A worker that ends in any case: Procrastinate would wait for ever for a job in a thread."""

    is_told = False
    """Whether it was asked to end; if it ends otherwise, PostgreSQL has gone."""
    is_stopping = False
    begin_again: Callable[[], None]
    answered_at = 0.0

    def end(self) -> None:
        """Stop at SIGTERM."""
        self.is_told = True
        self.stop()

    def stop(self) -> None:
        """Stop at SIGTERM, and when Procrastinate can no longer listen."""
        self.is_stopping = True
        super().stop()  # type: ignore[no-untyped-call]
        asyncio.get_running_loop().call_later(DRAIN + 1, self._cut_off)

    def _cut_off(self) -> None:
        log.warning("what still runs is cut off; another worker does it again")
        if not self.is_told:
            self.begin_again()
        logging.shutdown()
        os._exit(0)


async def _run(app: App, concurrency: int, begin_again: Callable[[], None]) -> bool:
    """Work; return whether it ended because it was asked to."""
    loop = asyncio.get_running_loop()
    # The default executor has cpu + 4 threads, whatever the concurrency is.
    loop.set_default_executor(ThreadPoolExecutor(concurrency, thread_name_prefix="job"))
    async with app.open_async():
        app.perform_import_paths()
        worker = _Worker(
            app, concurrency=concurrency, update_heartbeat_interval=NEVER, stalled_worker_timeout=DEAD_AFTER,
            fetch_job_polling_interval=POLL, shutdown_graceful_timeout=DRAIN, delete_jobs="successful",
            install_signal_handlers=False, worker_middleware=[follow],
            # Procrastinate's middleware closes connections that a job in a thread has left broken or idle for long.
            task_middleware=app.worker_defaults.get("task_middleware"),
        )  # fmt: skip
        worker.begin_again, worker.answered_at = begin_again, loop.time()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, worker.end)
        ended = asyncio.Event()
        side = [
            asyncio.create_task(_every(HEARTBEAT, ended, partial(_beat, app, worker))),
            asyncio.create_task(_every(SWEEP, ended, partial(_sweep, app, worker))),
            asyncio.create_task(_every(LET_GO, ended, partial(Held().let_go, app, worker))),
            asyncio.create_task(_every(SWEEP, ended, partial(_give_up_silence, worker))),
        ]
        log.info("worker is ready")
        try:
            await worker.run()  # type: ignore[no-untyped-call]
        except exceptions.ConnectorException as error:
            log.warning("PostgreSQL does not answer: %s", error)
        finally:
            # Not by cancelling: a pool that has lost PostgreSQL ignores that, and the heartbeat would go on for ever.
            ended.set()
            await asyncio.wait(side, timeout=2)
        if not worker.is_told:
            begin_again()  # here, since closing the pool would wait for its connections
    return worker.is_told


async def _every(seconds: float, ended: asyncio.Event, act: Callable[[], Awaitable[None]]) -> None:
    while not ended.is_set():
        signs_of_life.turn()
        try:
            await act()
        except exceptions.ConnectorException:
            log.warning("PostgreSQL does not answer")
        except Exception:  # without heartbeat and sweep, jobs would be done twice, or never
            log.exception("unforeseen")
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ended.wait()


async def _beat(app: App, worker: _Worker) -> None:
    """Write heartbeats, also while draining: else another worker takes over the jobs that we are about to finish."""
    if worker.worker_id is not None:
        await app.job_manager.update_heartbeat(worker.worker_id)
    worker.answered_at = asyncio.get_running_loop().time()
    signs_of_life.beat()


async def _give_up_silence(worker: _Worker) -> None:
    """Stop if no heartbeat has been answered for long: a network that drops all packets raises no error."""
    silent = asyncio.get_running_loop().time() - worker.answered_at
    if silent > LOST_AFTER and not worker.is_stopping:
        log.warning("PostgreSQL has not answered for %.0f s", silent)
        worker.stop()


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
        # An equal job waits already and will do the work.
        await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=False)
    except exceptions.ConnectorException:
        log.info("another worker was faster", extra={"job": job.id})
