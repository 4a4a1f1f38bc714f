"""Two webs and three workers on hosts of their own, against one of each; and what becomes of the work of a lost one.

The hosts are networks of their own on one bridge, with PostgreSQL and a trial cloud behind it. Each gets the same small
share of the processors, so that one more host is one more processor, as it would be elsewhere.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import requests
from django.conf import settings
from django.test import Client
from procrastinate.types import JSONValue

from bench import networks, record
from bench.faulty import CONTROL, faulty_cloud, real_clock
from bench.networks import Host
from bench.place import ONDOL, database, table
from bench.processor import Meter
from ondol.host.postgres import EmbeddedPostgres
from tests.furnished import environment
from tests.journey.site import until

SHARE = 0.3
"""The share of a core that each host has."""
WEBS, WORKERS = 2, 3
ROUNDS, SECONDS, CONNECTIONS, ASKERS = 3, 1.5, 4, 40
"""Rounds, the seconds of each, the connections to each web, and the people who ask in turn."""
JOBS, LATE, PASSES = 200, 0.15, 2
"""Jobs, the seconds that each waits as for one answer of AWS, and how often one, two and three workers do them."""
PEOPLE = 8
"""The people who ask for a machine before each loss."""
SLOW = {"operation": "*", "when": "delay", "seconds": 0.4, "times": None}
"""Calls to the cloud are so slow that a worker is lost in the middle of its work."""
GOAL = 15.0
"""The seconds within which another worker has the jobs of one that is lost."""
WORK = "work"
"""The database of the losses: without the people of the other measurements."""


def main(folder: Path) -> None:
    """Measure, in namespaces that end with this process."""
    (folder / "database").mkdir(parents=True)
    networks.apart([sys.executable, "-m", "bench.hosts", str(folder)], folder.parent.name)
    record.take_over(folder / "found.json")


def _inside(folder: Path) -> None:
    networks.lay_out()
    with database(folder / "database", {"listen_addresses": networks.DATABASE}) as server:
        _open(server)
        with psycopg.connect(server.url, autocommit=True) as other:
            other.execute(f"CREATE DATABASE {WORK} TEMPLATE ondol")
        webs = [Host(11 + number, f"web{number + 1}", folder) for number in range(WEBS)]
        workers = [Host(21 + number, f"worker{number + 1}", folder) for number in range(WORKERS)]
        try:
            _webs(webs, server)
            _jobs(workers, server)
            _losses(workers, webs[0], server, folder)
        except BaseException:
            for host in (*webs, *workers):
                if host.log.exists():
                    print(f"--- {host.name}\n{host.log.read_text(errors='replace')[-1500:]}")
            raise
        finally:
            for host in (*webs, *workers):
                host.kill()
    record.hand_over(folder / "found.json")


def _open(server: EmbeddedPostgres) -> None:
    """Let the hosts in, by their passwords."""
    with (server.data / "pg_hba.ondol.conf").open("a") as file:
        file.write("host all all 10.99.0.0/24 scram-sha-256\n")
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")


def _env(host: Host, server: EmbeddedPostgres, name: str = "ondol", **more: str) -> dict[str, str]:
    """Return what a part on a host is told: the way to PostgreSQL over its network."""
    kept = {key: os.environ[key] for key in ("ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS", "AWS_VPC_ID", "AWS_SUBNET_ID")}
    ours = {"ONDOL_CLOUD": "local", "ONDOL_SSH_CIDRS": "0.0.0.0/0", "DATABASE_URL": _url(server, name)}
    return environment(host.folder / "home", **kept | ours | {"ONDOL_WORKER_METRICS_PORT": "0"} | more)


def _url(server: EmbeddedPostgres, name: str) -> str:
    given = psycopg.conninfo.conninfo_to_dict(server.url)
    return f"postgresql://{given['user']}:{given['password']}@{networks.DATABASE}:{given['port']}/{name}"


# --- pages -----------------------------------------------------------------------------------------------------------
def _webs(hosts: Sequence[Host], server: EmbeddedPostgres) -> None:
    """Ask one web, and two, in turn."""
    cookies = _people()
    for host in hosts:
        _start_web(host, _env(host, server))
    is_limited = all([host.limit(SHARE) for host in hosts])
    print(_said(is_limited), flush=True)
    rows = []
    for name, path in (("status of a machine", "/api/instances/status"), ("dashboard", "/")):
        found: dict[int, list[tuple[float, float]]] = {1: [], len(hosts): []}
        _asked(hosts, path, cookies, 1.0)
        for number in range(ROUNDS):
            for count in sorted(found, reverse=number % 2 == 1):
                found[count].append(_asked(hosts[:count], path, cookies, SECONDS))
        (one, each), (many, each_of_many) = (
            [median(column) for column in zip(*some, strict=True)] for some in found.values()
        )
        record.ratio(f"hosts: {name}, {len(hosts)} webs beside 1", many / one)
        costs = f"{each * 1000:.1f} ms", f"{each_of_many * 1000:.1f} ms"
        rows.append((name, f"{one:.0f}", f"{many:.0f}", f"{many / one:.2f} ×", *costs))
    head = ["", "a second, 1 web", f"{len(hosts)} webs", "ratio", "processor time each, 1 web", f"{len(hosts)} webs"]
    table("Pages by webs on hosts of their own, one PostgreSQL", head, rows)
    for host in hosts:
        host.limit(None)
        host.end()


def _said(is_limited: bool) -> str:
    if is_limited:
        return f"\nEach host has {SHARE:.0%} of a core."
    return "\nNo control group can be written here: the hosts share the processors, so one more host is no faster one."


def _people() -> list[str]:
    """Furnish the database; return the cookies of people whose machines are stopped."""
    from bench import institute  # noqa: PLC0415 - once Django is set up
    from ondol.accounts.models import User  # noqa: PLC0415
    from tests.signed_in import sign_in  # noqa: PLC0415

    institute.furnish(people=1000, machines=200, running=0, changes=20_000)
    people = User.objects.exclude(instances=None).order_by("id")[:ASKERS]
    return [f"{settings.SESSION_COOKIE_NAME}={sign_in(Client(), person)}" for person in people]


def _start_web(host: Host, env: dict[str, str]) -> None:
    host.start([*ONDOL, "web", "--host", host.address, "--port", "8000"], env)
    until(lambda: requests.get(f"http://{host.address}:8000/healthz", timeout=5).ok, 120, f"{host.name} answers")


def _asked(hosts: Sequence[Host], path: str, cookies: Sequence[str], seconds: float) -> tuple[float, float]:
    """Ask as fast as they answer; return how many a second, and the processor seconds of the webs for each."""
    lines = [HTTPConnection(host.address, 8000, timeout=60) for host in hosts for _ in range(CONNECTIONS)]
    meters = [Meter(host.processes[-1].pid, "no database") for host in hosts]
    sent = done = 0

    def ask(line: HTTPConnection) -> None:
        nonlocal sent
        line.request("GET", path, headers={"Cookie": cookies[sent % len(cookies)]})
        sent += 1

    began = time.monotonic()
    for line in lines:
        ask(line)
    while lines:
        for line in list(lines):
            answer = line.getresponse()
            answer.read()
            assert answer.status == 200, f"{answer.status} of {path}"
            done += 1
            if time.monotonic() - began < seconds:
                ask(line)
            else:
                line.close()
                lines.remove(line)
    return done / (time.monotonic() - began), sum(meter.seconds()[0] for meter in meters) / done


# --- jobs ------------------------------------------------------------------------------------------------------------
def _jobs(hosts: Sequence[Host], server: EmbeddedPostgres) -> None:
    """Let one worker do jobs, and three, in turn."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bench_ran (job bigint, worker bigint)")
        rates: dict[int, list[float]] = {count + 1: [] for count in range(len(hosts))}
        for _pass in range(PASSES):
            for count, host in enumerate(hosts, 1):
                _start_worker(host, _env(host, server, DJANGO_SETTINGS_MODULE="bench.settings"), connection)
                host.limit(SHARE)
                rates[count].append(JOBS / _done(connection))
            for host in hosts:
                host.end()
        ran, jobs = connection.execute("SELECT count(*), count(DISTINCT job) FROM bench_ran").fetchone() or (0, 0)
        for host in hosts:
            host.limit(None)
    found = {count: median(some) for count, some in rates.items()}
    record.ratio(f"hosts: jobs, {len(hosts)} workers beside 1", found[len(hosts)] / found[1])
    ideal = [(count, found[1] * count) for count in found]
    lines = {"measured": list(found.items()), "as many for each as the first one does": ideal}
    title = f"Jobs that wait {LATE * 1000:.0f} ms each, by workers on hosts of their own"
    record.series("hosts", title, "workers", "jobs a second", lines)
    rows = [(count, f"{rate:.0f}", f"{rate / found[1]:.2f} ×") for count, rate in found.items()]
    table(title, ["workers", "jobs a second", "ratio"], rows)
    print(f"\n{jobs} of {JOBS * PASSES * len(hosts)} jobs were done, {ran - jobs} of them twice")


def _done(connection: psycopg.Connection[Any]) -> float:
    """Return the seconds from the last click to the last job's end."""
    from bench.tasks import called  # noqa: PLC0415 - once Django is set up

    before = _count(connection)
    jobs: list[dict[str, JSONValue]] = [{"seconds": LATE} for _ in range(JOBS)]
    called.configure().batch_defer(*jobs)
    began = time.monotonic()
    until(lambda: _count(connection) - before == JOBS, 180, "all jobs are done", every=0.05)
    return time.monotonic() - began


def _count(connection: psycopg.Connection[Any]) -> int:
    [[count]] = connection.execute("SELECT count(*) FROM bench_ran").fetchall()
    return int(count)


def _start_worker(host: Host, env: dict[str, str], connection: psycopg.Connection[Any]) -> int:
    """Return the number by which jobs name it."""
    known = _workers(connection)
    host.start([*ONDOL, "worker"], env)
    [number] = until(lambda: _workers(connection) - known, 120, f"{host.name} works")
    return int(number)


def _workers(connection: psycopg.Connection[Any]) -> set[int]:
    return {number for (number,) in connection.execute("SELECT id FROM procrastinate_workers").fetchall()}


# --- losses ----------------------------------------------------------------------------------------------------------
def _losses(workers: Sequence[Host], web: Host, server: EmbeddedPostgres, folder: Path) -> None:
    """Lose a worker in the middle of its work, in each way."""
    ways: dict[str, tuple[Callable[[Host], None], bool]] = {
        "killed (SIGKILL)": (Host.kill, False),
        "its network is cut": (Host.cut, True),
        "only its way to PostgreSQL is cut": (Host.lose_database, True),
    }
    quotas = ("--vcpu-quota", "400", "--alarm-quota", "400", "--hurry", "10")
    with ExitStack() as stack:
        told = stack.enter_context(faulty_cloud(folder, real_clock(), SLOW, *quotas))
        connection = stack.enter_context(_connected(_url(server, WORK)))
        aws = told | {"ONDOL_CLOUD": "aws"}
        _start_web(web, _env(web, server, WORK, **aws))
        numbers = {host: _start_worker(host, _env(host, server, WORK, **aws), connection) for host in workers}
        people = iter(_admitted(web, _env(web, server, WORK, **aws), PEOPLE * len(ways)))
        rows: list[tuple[str, ...]] = []
        for way, (lose, comes_back) in ways.items():
            tokens = [next(people) for _ in range(PEOPLE)]
            lost, jobs, taken, settled = _lost(numbers, lose, web, tokens, connection)
            if comes_back:
                lost.join()
                time.sleep(10)  # what it was about to do when it was cut off, it may do now
            else:
                numbers[lost] = _start_worker(lost, _env(lost, server, WORK, **aws), connection)
            made = _made(told["AWS_ENDPOINT_URL"], connection)
            record.ratio(f"hosts: {way}: seconds until others go on, of {GOAL:.0f}", taken / GOAL, more_is_better=False)
            rows.append((way, str(jobs), f"{taken:.1f} s", f"{settled:.1f} s", *made))
            if comes_back:
                lost.end()
                numbers[lost] = _start_worker(lost, _env(lost, server, WORK, **aws), connection)
        head = ["a worker of three", "jobs it had", "others have them after", "all run after", *_HEAD]
        table(f"A worker is lost while {PEOPLE} machines are made", head, rows)
        [people_of_all, machines], alone = rows[-1][4].split(" / "), rows[-1][6]
        assert (people_of_all, alone) == (machines, "0"), "somebody has two machines, or none"


_HEAD = ("people / machines ever made", "groups / keys / volumes / alarms", "people without theirs")


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def _admitted(web: Host, env: dict[str, str], number: int) -> list[str]:
    """Return the tokens of people who may have a machine."""
    names = [f"person{n}" for n in range(number)]
    code = "import django; django.setup(); from tests.crashes import asks; names = " + repr(names)
    code += "; asks.people(*names); print(*map(asks.token, names))"
    process = web.start([sys.executable, "-c", code], env | {"DJANGO_SETTINGS_MODULE": "ondol.settings"})
    assert process.wait(60) == 0
    web.processes.remove(process)
    return web.log.read_text().splitlines()[-1].split()


def _lost(
    numbers: dict[Host, int],
    lose: Callable[[Host], None],
    web: Host,
    tokens: Sequence[str],
    connection: psycopg.Connection[Any],
) -> tuple[Host, int, float, float]:
    """Click, and lose the worker with the most jobs; return it, them, and when others had them and all machines ran."""
    for token in tokens:
        answer = _call("POST", web, "/instances", token)
        assert answer.status_code == 202, answer.text
    at_work = until(lambda: _busy(connection), 30, "workers are at work", every=0.05)
    lost = max(numbers, key=lambda host: at_work[numbers[host]])
    lose(lost)
    began = time.monotonic()
    theirs = {lock for (lock,) in connection.execute(_THEIRS, [numbers[lost]]).fetchall()}
    waiting = set(theirs)

    def are_taken() -> bool:
        asked = {"locks": list(waiting), "lost": numbers[lost]}
        waiting.intersection_update(lock for (lock,) in connection.execute(_WAITING, asked).fetchall())
        return not waiting

    until(are_taken, 120, "others have the jobs", every=0.05)
    taken = time.monotonic() - began
    running = "SELECT count(*) FROM instances_instance WHERE status = 'RUNNING'"
    wanted = connection.execute("SELECT count(*) FROM instances_instance").fetchone()
    until(lambda: connection.execute(running).fetchone() == wanted, 180, "all machines run", every=0.1)
    return lost, len(theirs), taken, time.monotonic() - began


_THEIRS = "SELECT lock FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = %s AND lock <> ''"
_WAITING = """
SELECT lock FROM procrastinate_jobs WHERE lock = ANY(%(locks)s) GROUP BY lock
HAVING bool_or(status = 'doing' AND worker_id = %(lost)s)
    OR bool_or(status = 'todo') AND NOT bool_or(status = 'doing' AND worker_id <> %(lost)s)
"""
"""Others do the job itself, or its twin under the same lock, which a look has enqueued meanwhile."""


def _busy(connection: psycopg.Connection[Any]) -> Counter[int]:
    """Return how many jobs about machines each worker has, once they have some."""
    query = "SELECT worker_id FROM procrastinate_jobs WHERE status = 'doing' AND queue_name = 'instances'"
    found = Counter(worker for (worker,) in connection.execute(query).fetchall())
    return found if sum(found.values()) >= PEOPLE // 2 else Counter()


def _made(cloud: str, connection: psycopg.Connection[Any]) -> tuple[str, str, str]:
    """Return what there is in the cloud, by its own record: for each person one of each, and no more."""
    found = requests.get(f"{cloud}{CONTROL}/resources", timeout=20).json()
    rows = connection.execute("SELECT instance_id, alarm_name FROM instances_instance").fetchall()
    there, ever = found["now"], found["ever"]["instance"]
    without = sum(instance not in there["instance"] or alarm not in there["alarm"] for instance, alarm in rows)
    of_each = " / ".join(str(len(there[kind])) for kind in ("security-group", "key-pair", "volume", "alarm"))
    return f"{len(rows)} / {len(ever)}", of_each, str(without)


def _call(method: str, web: Host, path: str, token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, f"http://{web.address}:8000/api{path}", headers=headers, timeout=20)


if __name__ == "__main__":
    _inside(Path(sys.argv[1]))
