"""Jobs held up by a forged row in the job tables: each worker releases them, by a timer of its own.

Otherwise, whoever can write rows of jobs, and nothing else, could stop the linking of the record, the checks of
machines, or what follows a suspension, for as long as the row is there. Our own jobs wait with a lock for seconds only.
"""

import logging
import time
from collections.abc import Iterable

from procrastinate.app import App
from procrastinate.worker import Worker

from ondol.deployment.workers import DEAD_AFTER

log = logging.getLogger(__name__)

_PUT_OFF = """
UPDATE procrastinate_jobs SET scheduled_at = NULL
WHERE status = 'todo' AND (lock IS NOT NULL OR queueing_lock IS NOT NULL) AND scheduled_at > now() + interval '15 s'
RETURNING id, left(task_name, 80) AS task
"""
"""A scheduled job blocks others with the same lock or queueing lock. Ours are scheduled five seconds ahead at most."""
_AHEAD = """
UPDATE procrastinate_workers SET last_heartbeat = now() WHERE last_heartbeat > now() + interval '1 minute' RETURNING id
"""
"""A worker whose heartbeat is in the future counts as alive until then, and its jobs count as running."""
_DEFERRED = """
DELETE FROM procrastinate_periodic_defers WHERE defer_timestamp > extract(epoch FROM now()) + 60 RETURNING id
"""
"""A periodic job that is already noted as enqueued for a future time is not enqueued then."""
_MINE = "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = %(worker)s"
_NOBODYS = """
UPDATE procrastinate_jobs SET worker_id = NULL WHERE id = %(job)s AND status = 'doing' AND worker_id = %(worker)s
"""


class Held:
    """Knows since when jobs are marked as running here that are not."""

    def __init__(self) -> None:
        self._since: dict[int, float] = {}

    async def let_go(self, app: App, worker: Worker) -> None:
        """Release what is held up; other workers may do the same at this moment."""
        ask = app.connector.execute_query_all_async
        for job in await ask(_PUT_OFF):
            log.warning(
                "a job was put off that never is; it is done now", extra={"job": job["id"], "task": job["task"]}
            )
        for row in await ask(_AHEAD):
            log.warning("a worker had a heartbeat of a time to come", extra={"worker": row["id"]})
        if gone := await ask(_DEFERRED):
            log.warning("periodic jobs were said to be enqueued for a time to come", extra={"count": len(gone)})
        if worker.worker_id is None:
            return
        said = {job["id"] for job in await ask(_MINE, worker=worker.worker_id)}
        for lost in self._not_run(said, {context.job.id for context in worker._running_jobs.values()}):
            log.warning("a job is said to run here and does not; it is done now", extra={"job": lost})
            await app.connector.execute_query_async(_NOBODYS, job=lost, worker=worker.worker_id)

    def _not_run(self, said: set[int], running: Iterable[int | None]) -> list[int]:
        """Return the jobs that have long been marked as running here; not those just being handed over."""
        now = time.monotonic()
        self._since = {job: self._since.get(job, now) for job in said.difference(running)}
        return [job for job, since in self._since.items() if now - since > DEAD_AFTER]
