"""What all parts cost together while nobody does anything: a thousand machines run, with 14 days of readings.

One web and two workers, whose cloud is `bench.stand_in`. Processor time is that of all processes of PostgreSQL, by
/proc, in a first run; statements are counted by PostgreSQL's own log, in a second run of as long.
"""

import os
import re
import signal
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.db import connection

from bench import institute
from bench.place import ONDOL, table
from bench.polls import web
from bench.processor import of_tree
from bench.record import bars, ratio
from bench.stand_in import WORKS
from ondol import clock
from ondol.audit import linking
from ondol.autostop.models import CpuReading
from ondol.costs import prepared
from ondol.costs.bills import this_month
from tests.journey.site import free_port

SECONDS, SETTLED_AFTER, WORKERS = 60.0, 10.0, 2
GOAL_CORE, GOAL_STATEMENTS = 0.05, 20.0
SHOWN, WIDTH = 15, 200
TABLES = {
    "autostop_cpureading": "30 days",
    "instances_statuschange": "for ever",
    "instances_run": "for ever",
    "instances_instance": "for ever",
    "accounts_user": "until they are deleted",
    "audit_entry": "as the rule for it says",
    "audit_link": "as its entry",
    "costs_monthfigure": "for ever",
    "procrastinate_jobs": "3 days after they ended; those without an error until then",
    "procrastinate_events": "as its job",
}
"""Those that grow, and how long a row is kept."""
_SIZES = """
SELECT relname, greatest(reltuples, 0)::bigint, pg_total_relation_size(oid)
FROM pg_class WHERE relname = ANY(%s) ORDER BY pg_total_relation_size(oid) DESC
"""
_LINE = re.compile(
    r"^@(?P<part>[^@]*)@LOG:  duration: (?P<ms>[\d.]+) ms  (?P<step>statement|parse|bind|execute)[^:]*: "
)
"""One line of the log."""


@dataclass
class Parts:
    """The processes that run, by name."""

    pids: dict[str, int]

    def seconds(self) -> dict[str, float]:
        return {name: of_tree(pid) for name, pid in self.pids.items()}


@dataclass
class Told:
    """What PostgreSQL has logged: how many statements there were, and the milliseconds that they took."""

    counts: Counter[str] = field(default_factory=Counter)
    milliseconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    parts: Counter[str] = field(default_factory=Counter)


def main() -> None:
    """Measure processor time, then statements; print both beside the goals, and how large the tables are."""
    institute.furnish()
    lately = CpuReading.objects.filter(at__gt=clock.now() - timedelta(hours=1), percent__lt=WORKS)
    lately.update(percent=WORKS)  # else some of them would stop soon, and get letters
    linking.link(everything=True)
    while linking.link():
        pass
    for month in (this_month(), this_month().previous):
        prepared.refresh(month)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
    spent = _spent()
    told = _told()
    core, each = spent["PostgreSQL"] / SECONDS, told.counts.total() / SECONDS
    rows = [
        ("PostgreSQL, of a core", f"{core:.1%}", f"{GOAL_CORE:.0%}", f"{core / GOAL_CORE:.2f} ×"),
        ("statements a second", f"{each:.1f}", f"{GOAL_STATEMENTS:.0f}", f"{each / GOAL_STATEMENTS:.2f} ×"),
        *((f"{name}, of a core", f"{spent[name] / SECONDS:.1%}", "", "") for name in spent if name != "PostgreSQL"),
    ]
    ratio("idle: PostgreSQL's core beside the goal", core / GOAL_CORE, more_is_better=False)
    ratio("idle: statements beside the goal", each / GOAL_STATEMENTS, more_is_better=False)
    done = {"PostgreSQL's processor time": core / GOAL_CORE, "statements": each / GOAL_STATEMENTS, "goal": 1.0}
    bars("idle", "While nobody does anything", "of the goal", {"measured": done})
    title = f"{institute.RUNNING} machines run, {institute.DAYS} days of readings, and nobody does anything"
    table(title, ["", "measured", "goal", "ratio"], rows)
    dearest = sorted(told.counts, key=lambda sql: (-told.milliseconds[sql], sql))[:SHOWN]
    frequent = [sql for sql, _count in told.counts.most_common(SHOWN)]
    for title, some in (("The dearest statements", dearest), ("The most frequent ones", frequent)):
        shown = [
            (f"{told.counts[one] / SECONDS:.2f}", f"{told.milliseconds[one] / SECONDS:.2f} ms", one) for one in some
        ]
        table(title, ["a second", "take in a second", "statement"], shown)
    table("By part", ["part", "statements a second"], [(p, f"{n / SECONDS:.1f}") for p, n in told.parts.most_common()])
    _sizes()


def _spent() -> dict[str, float]:
    """Return the processor seconds of each part."""
    with _parts() as parts:
        before = parts.seconds()
        time.sleep(SECONDS)
        return {name: now - before[name] for name, now in parts.seconds().items()}


def _told() -> Told:
    """Return which statements there were, by PostgreSQL's log."""
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET log_line_prefix = '@%a@'")
        cursor.execute("SELECT pg_reload_conf()")
        cursor.execute(f"ALTER DATABASE {name} SET log_min_duration_statement = 0")
    try:
        with _parts():
            log = Path(os.environ["ONDOL_HOME"]) / "postgres.log"
            began = log.stat().st_size
            time.sleep(SECONDS)
            with log.open() as lines:
                lines.seek(began)
                return _read(lines.read())
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} RESET log_min_duration_statement")


def _read(log: str) -> Told:
    told = Told()
    for entry in re.split(r"\n(?=@)", log):
        if not (found := _LINE.match(entry)):
            continue
        sql = re.sub(r"\s+", " ", re.sub(r"\$\d+|'[^']*'|\b\d+\b", "?", entry[found.end() :]))
        sql = re.sub(r"\?(, \?)+", "?, …", sql).strip()
        sql = re.sub(r"^SELECT \"\w+\"\.\"\w+\",.*? FROM ", "SELECT … FROM ", sql)
        told.milliseconds[sql] += float(found["ms"])
        if found["step"] in {"statement", "execute"}:
            told.counts[sql] += 1
            told.parts[found["part"]] += 1
    return told


@contextmanager
def _parts() -> Iterator[Parts]:
    """Yield all parts once what a start does is over; the newest readings are to be asked for once more."""
    with ExitStack() as stack:
        pids = {"web": stack.enter_context(web(free_port()))}
        for number in range(1, WORKERS + 1):
            pids[f"worker {number}"] = stack.enter_context(worker())
        pids["PostgreSQL"] = postmaster()
        time.sleep(SETTLED_AFTER)
        newest = CpuReading.objects.latest("at").at
        CpuReading.objects.filter(at=newest).delete()
        connection.close()
        yield Parts(pids)


def postmaster() -> int:
    """Return the id of PostgreSQL's first process."""
    return int((Path(os.environ["ONDOL_HOME"]) / "postgres/data/postmaster.pid").read_text().split()[0])


@contextmanager
def worker() -> Iterator[int]:
    """Yield the id of a worker whose cloud is the stand-in."""
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "bench.idle_settings"}
    log = (Path(os.environ["ONDOL_HOME"]) / "worker.log").open("ab")
    with log, subprocess.Popen([*ONDOL, "worker"], env=env, stderr=log, stdout=log) as process:
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def _sizes() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [list(TABLES)])
        rows = [
            (name, f"{rows:,}", f"{size / 1e6:.1f} MB", f"{size / rows:.0f}" if rows else "–", TABLES[name])
            for name, rows, size in cursor.fetchall()
        ]
    table("Tables that grow", ["table", "rows", "with indexes", "bytes a row", "a row is kept"], rows)
