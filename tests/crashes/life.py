"""One machine from the first click to its end, and the workers that come and go meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.crashes.ground import Ground
from tests.crashes.parts import Web, Worker
from tests.crashes.points import Point

SETTLED_WITHIN = 60.0
"""Seconds from the last crash until everything is as requested. Promised."""
CLOSED_WITHIN = 10.0
"""Seconds for which a worker that comes late may leave a group wider than its row says. Promised."""
ENDED_WITHIN = 10.0
"""Seconds from SIGTERM until a worker has ended. Promised."""
THAWED_FOR = 3.0
"""Seconds that a frozen worker has for finishing what it was about to do."""
LATE = 5.0
"""Seconds in which a point may still be reached after all is done: a look comes every two."""

_FACTS = """
SELECT i.id::text AS row, status, status_reason AS reason, i.instance_id AS machine, security_group_id AS group_id,
       i.key_pair_name AS key_pair, alarm_name AS alarm, has_other_alarm, armed_at,
       host(i.public_ip) AS address, is_clean, error_code,
       k.key_pair_name AS sealed, is_key_due, p.replacement, p.replaced_by,
       CASE WHEN ended_at IS NULL THEN awake_until END AS awake_until,
       armed_awake_until AS armed_until, CASE WHEN ended_at IS NULL THEN lease_until END AS lease_until,
       armed_lease_until AS armed_lease,
       coalesce(nullif(seen_type, ''), instance_type) || ', ' || coalesce(seen_volume_gib, volume_gib) || ' GiB'
         AS size,
       (SELECT detail->>'instance_type' || ', ' || (detail->>'volume_gb') || ' GiB'
          FROM instances_statuschange c WHERE c.instance_id = i.id ORDER BY id DESC LIMIT 1) AS recorded_size,
       ssh_ranges, ssh_ranges_at,
       (SELECT count(*) FROM audit_entry e WHERE details->>'machine' = i.id::text AND action = 'key.change'
           AND outcome = 'done') AS key_changes,
       (SELECT count(*) FROM procrastinate_jobs
         WHERE queue_name = 'instances' AND status IN ('todo', 'doing')) AS jobs,
       (SELECT id::text FROM instances_deployment) AS deployment, (SELECT trouble FROM instances_deployment),
       (SELECT array_agg(old || '>' || new ORDER BY id) FROM instances_statuschange c WHERE c.instance_id = i.id)
         AS changes,
       (SELECT array_agg(coalesce(details->>'old', '') || '>' || (details->>'new') ORDER BY id) FROM audit_entry e
         WHERE details->>'machine' = i.id::text AND details ? 'reason') AS told
  FROM instances_instance i JOIN instances_run r ON r.id = i.run_id JOIN accounts_user u ON u.id = i.owner_id
  LEFT JOIN instances_sshkey k ON k.instance_id = i.id
  LEFT JOIN (SELECT instance_id, state AS replacement, request::text AS replaced_by FROM instances_keyreplacement) p
         ON p.instance_id = i.id
 WHERE u.email = %s ORDER BY i.created_at DESC LIMIT 1
"""
Facts = dict[str, Any]


class Life:
    """One deployment with one person, alice; `async with`."""

    def __init__(self, ground: Ground, how: str = "kill") -> None:
        """`how` a worker is struck: kill, term or freeze."""
        self.ground, self.how = ground, how
        self.workers: list[Worker] = []
        self.webs: list[Web] = []
        self.keys_replaced = 0
        """How often she has asked for another key."""
        self.meanwhile: asyncio.Task[None] | None = None
        """What happens beside the worker's work; it ends before the life does."""

    async def __aenter__(self) -> "Life":
        self.database = await self.ground.make_database()
        self.url = self.ground.url(self.database)
        self.folder = self.ground.folder / self.database
        self.sql = await psycopg.AsyncConnection.connect(self.url, autocommit=True, row_factory=dict_row)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self.meanwhile:
            self.meanwhile.cancel()
        for part in (*self.workers, *self.webs):
            part.end()
        await self.sql.close()
        await self.ground.drop_database(self.database)

    @property
    def worker(self) -> Worker:
        """The one that works now."""
        return self.workers[-1]

    @property
    def launched(self) -> set[str]:
        """Every machine that was ever made for it."""
        return {machine for worker in self.workers for machine in worker.aws.launched}

    async def hire(self, target: Point | None = None) -> None:
        """Start the next worker, which is to be struck at `target`."""
        worker = Worker(self.ground, self.database, self.folder / f"worker{len(self.workers)}", self.how)
        worker.watch.begin(target)
        self.workers.append(worker)
        await worker.start("worker")

    async def open_pages(self) -> Web:
        """Start a web part."""
        web = Web(self.ground, self.database, self.folder / "web", self.how)
        self.webs.append(web)
        # Styles and scripts are collected once for all.
        await web.start("web", "--port", str(web.port), ONDOL_HOME=str(self.ground.folder / "web"))
        return web

    async def thaw(self) -> bool:
        """Let frozen workers go on and do what they were about to; whether there are any."""
        frozen = [worker for worker in self.workers[:-1] if self.how == "freeze" and not worker.thawed.is_set()]
        for worker in frozen:
            worker.thaw()
        if frozen:
            await asyncio.sleep(THAWED_FOR)
        return bool(frozen)

    async def dismiss(self) -> None:
        """All but the newest worker. Raises TimeoutError if one that was asked to end still runs."""
        for worker in self.workers[:-1]:
            if self.how == "term":
                await worker.ended(ENDED_WITHIN)
            worker.end()

    async def ask(self, what: str, *about: str) -> None:
        """Alice asks for something."""
        await self.ground.ask(self.url, what, "alice", *about)

    async def facts(self, name: str = "alice") -> Facts:
        """The row of this person's newest machine, and how much is still to be done."""
        answer = await self.sql.execute(_FACTS, [f"{name}@example.org"])
        return await answer.fetchone() or {}

    async def until(self, is_so: Callable[[Facts], bool], seconds: float) -> Facts:
        """Wait; raises TimeoutError, telling what there is instead."""
        end = time.monotonic() + seconds
        while not is_so(facts := await self.facts()):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds:.0f} s; {facts}\n{await self._at_work()}")
            await asyncio.sleep(0.2)
        return facts

    async def _at_work(self) -> str:
        """What the workers have before them, and what the last one has said: both are gone when somebody reads it."""
        jobs = "SELECT id, task_name, status, worker_id FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
        workers = "SELECT id, now() - last_heartbeat AS silent_for FROM procrastinate_workers"
        rows = [str(row) for words in (jobs, workers) for row in await (await self.sql.execute(words)).fetchall()]
        said = [(worker.folder / "log").read_text()[-3000:] for worker in self.workers[-1:]]
        return "\n".join([*rows, *said])

    async def struck_or(self, done: Awaitable[Facts]) -> Facts | None:
        """Return None once the worker is struck, or what `done` returns if it never is."""
        struck = asyncio.create_task(self.worker.watch.struck.wait())
        other = asyncio.ensure_future(done)
        await asyncio.wait([struck, other], return_when=asyncio.FIRST_COMPLETED)
        if not struck.done() and self.worker.watch.target:
            await asyncio.wait([struck], timeout=LATE)
        if struck.done():
            other.cancel()
            await asyncio.gather(other, return_exceptions=True)
            return None
        struck.cancel()
        return await other
