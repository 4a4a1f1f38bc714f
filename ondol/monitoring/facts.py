"""What the database knows of this deployment, for Prometheus. It is read at a scrape: seldom, and with short time
limits.

Every process that serves metrics reports the same facts, so that one of them is enough: take their `max`.
"""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.registry import Collector

from ondol import clock
from ondol.accounts.models import Approval, User
from ondol.deployment.models import Deployment
from ondol.deployment.workers import count_alive
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.outbox.summary import summary

log = logging.getLogger(__name__)

FRESH = 10.0
"""The seconds for which facts are cached, however often they are scraped."""
ANSWERS_WITHIN = 5.0
"""The seconds that a scrape waits for the database. Prometheus gives up after ten."""
_STATEMENT = "SET LOCAL statement_timeout = '2s'"
Facts = list[Gauge]


class DatabaseFacts(Collector):
    """Reports the facts; one of them is whether the database answers."""

    def __init__(self, read: Callable[[], Facts] | None = None) -> None:
        self._read = read or _read_and_hang_up
        self._thread = ThreadPoolExecutor(1, "facts")
        self._asked: Future[Facts] | None = None
        self._known: Facts = []
        self._at = 0.0

    def collect(self) -> Iterator[Gauge]:
        """Yield what is known now; after ANSWERS_WITHIN at most, even if a connection hangs."""
        facts = self._facts()
        yield _gauge("ondol_database_up", "Whether the database has answered this process.", float(bool(facts)))
        yield from facts

    def describe(self) -> Iterator[Gauge]:
        """Yield nothing: without this method, registering the collector would read the database."""
        return iter(())

    def _facts(self) -> Facts:
        if self._known and time.monotonic() - self._at < FRESH:
            return self._known
        if self._asked is None or self._asked.done():  # never two at once: the first may still hang
            self._asked = self._thread.submit(self._read)
        try:
            self._known, self._at = self._asked.result(ANSWERS_WITHIN), time.monotonic()
        except Exception as error:
            log.warning("the facts for metrics cannot be read", extra={"kind": type(error).__name__})
            self._known = []
        return self._known


def read_facts() -> Facts:
    """Return all facts, in one short transaction."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_STATEMENT)
        return [*_jobs(), *_emails(), *_machines(), *_deployment(), _people()]


def _read_and_hang_up() -> Facts:
    """Return all facts, and close the connection: none is held between scrapes."""
    try:
        return read_facts()
    finally:
        connection.close()


def _jobs() -> Iterator[Gauge]:
    jobs = Gauge("ondol_jobs", "Jobs that wait, run, or have failed within three days.", labels=["queue", "state"])
    late = Gauge("ondol_job_wait_seconds", "How long the job that has waited longest could have run.", labels=["queue"])
    workers = Gauge("ondol_workers", "Workers with a heartbeat within ten seconds.")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT queue_name, status::text, count(*),"
            " max(extract(epoch FROM now() - coalesce(scheduled_at, (SELECT max(at) FROM procrastinate_events e"
            " WHERE e.job_id = j.id AND e.type = 'deferred')))) FILTER (WHERE status = 'todo')"
            " FROM procrastinate_jobs j WHERE status IN ('todo', 'doing', 'failed') GROUP BY 1, 2"
        )
        for queue, state, count, seconds in cursor.fetchall():
            jobs.add_metric([queue, state], count)
            if seconds is not None:
                late.add_metric([queue], max(0.0, float(seconds)))
    workers.add_metric([], count_alive())
    yield from (jobs, late, workers)


def _emails() -> Iterator[Gauge]:
    """Yield the facts of the outbox. The queue does not show them: a job that gives its e-mail up succeeds, and one
    that is put off is not late."""
    known = summary()
    emails = Gauge("ondol_emails", "E-mails that wait to be sent, or were given up.", labels=["state"])
    emails.add_metric(["waiting"], known.waiting)
    emails.add_metric(["given_up"], known.given_up)
    yield emails
    seconds = _age(known.failing_since) if known.failing_since else 0.0
    yield _gauge("ondol_emails_failing_seconds", "Real time for which no e-mail could be delivered.", seconds)


def _machines() -> Iterator[Gauge]:
    machines = Gauge("ondol_machines", "Machines by status.", labels=["status"])
    counted = dict(Instance.objects.values_list("status").annotate(Count("pk")))
    for status in Status:
        machines.add_metric([status.lower()], counted.get(status, 0))
    running = Instance.objects.filter(status=Status.RUNNING).select_related("run")
    unarmed = sum(not row.is_armed for row in running.iterator())
    yield machines
    yield _gauge(
        "ondol_machines_unarmed", "Running machines without an alarm that counts: nothing stops them.", unarmed
    )


def _deployment() -> Iterator[Gauge]:
    row = Deployment.objects.first()
    if row is None:
        return
    yield _gauge("ondol_findings", "What the last sweep has found that is not as it should be.", len(row.findings))
    yield _gauge("ondol_aws_trouble", "Whether the last observation of AWS has failed.", float(bool(row.trouble)))
    if row.confirmed_at:
        yield _gauge(
            "ondol_last_observation_age_seconds", "Real time since all machines were last seen.", _age(row.confirmed_at)
        )
    if row.swept_at:
        yield _gauge("ondol_last_sweep_age_seconds", "Real time since the last sweep.", _age(row.swept_at))


def _people() -> Gauge:
    people = Gauge("ondol_people", "People by approval.", labels=["approval"])
    counted = dict(User.objects.filter(is_active=True).values_list("approval").annotate(Count("pk")))
    for approval in Approval:
        people.add_metric([approval.lower()], counted.get(approval, 0))
    return people


def _age(at: datetime) -> float:
    return max(0.0, (clock.now() - at).total_seconds() / clock.clock().speed)


def _gauge(name: str, text: str, value: float) -> Gauge:
    return Gauge(name, text, value=value)
