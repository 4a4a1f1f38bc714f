"""Our pages and API beside those of JupyterHub: one web process each, one PostgreSQL, 10,000 people in each database.

JupyterHub is installed from the package index when this runs, into an environment of its own; Ondol never needs it. It
runs as it comes, but for its proxy, which is left out, and its dummy authenticator, which takes any password.
"""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import quote

import psycopg
import requests
from django.conf import settings
from django.db import connection
from django.test import Client
from psycopg.conninfo import conninfo_to_dict

from bench import institute
from bench.hub_install import CACHE, VERSION, install
from bench.place import table
from bench.polls import asked, web
from bench.processor import Meter, bind
from bench.record import bars, ratio
from ondol.accounts.models import User
from ondol.commands.web import collect_static
from ondol.instances.models import Instance
from ondol.instances.states import Status
from tests.journey.site import free_port, until
from tests.signed_in import sign_in

ROUNDS, SECONDS, CONNECTIONS, ASKERS = 3, 0.7, 4, 40
"""Rounds, the seconds of each, the connections, and the people who ask in turn: one may read by our API ten times a
second."""
WARM_UP = 0.5
"""The seconds of the same before the first round, so that nothing is cold."""
_CHANGING = {
    Status.PENDING: "being made", Status.STARTING: "starting", Status.STOPPING: "stopping", Status.FAILED: "failed",
}  # fmt: skip
ON_ONE = ("our status of a machine that runs", "a poll without news (204), running", "our dashboard, running")
"""Those that are measured once more with each server bound to one processor, as each process of several has one. Theirs
is one thread; ours are several, which wait for each other where two run at once.
"""
DATABASE = "jupyterhub"
_CONFIG = """
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    should_start = False
    async def add_route(self, routespec, target, data): pass
    async def delete_route(self, routespec): pass
    async def get_all_routes(self): return {{}}

c = get_config()
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.db_url = "{url}"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
"""
_PEOPLE = """
INSERT INTO users (name, admin, created, last_activity, cookie_id)
SELECT 'person' || lpad(n::text, 5, '0'), false, now(), now(), md5(n::text) FROM generate_series(0, %s - 1) AS n
"""


@dataclass
class Peer:
    """One of the two servers."""

    process: int
    port: int
    database: str
    headers: list[dict[str, str]]
    """The cookies and the like of the people who ask, each signed in."""


@dataclass
class Found:
    """What the rounds have measured of one request: numbers of each request, by round."""

    bytes: int = 0
    rates: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    """Processor seconds of the server's processes."""
    postgres: list[float] = field(default_factory=list)

    @property
    def both(self) -> float:
        return median(one + other for one, other in zip(self.pages, self.postgres, strict=True))


def main() -> None:
    """Measure ours and theirs in turn, several times: the medians count."""
    install()
    collect_static()
    institute.furnish()
    with (
        tempfile.TemporaryDirectory(prefix="ondol-jupyterhub-") as folder,
        jupyterhub(Path(folder)) as theirs,
        institute.changing(ASKERS),
        ondol() as ours,
    ):
        running, stopped, without = (ours[status] for status in (Status.RUNNING, Status.STOPPED, None))
        user = "/hub/api/users/person{:05}"
        pairs = {
            "our status of a machine that runs": (running, "/api/instances/status", theirs, user),
            "our status of one that is stopped": (stopped, "/api/instances/status", theirs, user),
            "a poll without news (204), running": (running, "POLL", theirs, user),
            "a poll without news (204), stopped": (stopped, "POLL", theirs, user),
            "our dashboard, running": (running, "/", theirs, "/hub/home"),
            "our dashboard, stopped": (stopped, "/", theirs, "/hub/home"),
            "our dashboard, without a machine": (without, "/", theirs, "/hub/home"),
            "a poll without news (204), starting": (ours[Status.STARTING], "POLL", theirs, user),
        }
        for status, words in _CHANGING.items():
            pairs[f"our dashboard, {words}"] = (ours[status], "/", theirs, "/hub/home")
        found: dict[str, tuple[Found, Found]] = {}
        for bound, some in ((None, pairs), (_last_processor(), {name: pairs[name] for name in ON_ONE})):
            for server in (running.process, theirs.process):
                bind(server, bound or os.sched_getaffinity(0))
            found |= _asked(some, ", on one processor" if bound else "")
    _print(found)


def _last_processor() -> set[int]:
    return {max(os.sched_getaffinity(0))}


def _asked(pairs: Mapping[str, tuple[Peer, str, Peer, str]], how: str) -> dict[str, tuple[Found, Found]]:
    """Return what the rounds of these have found, by the name of each pair with what is added to it."""
    found: dict[str, tuple[Found, Found]] = {name + how: (Found(), Found()) for name in pairs}
    for us, path, them, their_path in pairs.values():
        for peer, at in ((us, path), (them, their_path)):
            _ask(peer, _paths(peer, at), WARM_UP, Found())
    for number in range(ROUNDS):
        for name, (us, path, them, their_path) in pairs.items():
            both = [(us, path, found[name + how][0]), (them, their_path, found[name + how][1])]
            for peer, at, into in both if number % 2 else reversed(both):
                _ask(peer, _paths(peer, at), SECONDS, into)
    return found


def _print(found: dict[str, tuple[Found, Found]]) -> None:
    rows = []
    for name, (us, them) in found.items():
        ours, theirs = median(us.rates), median(them.rates)
        ratio(f"jupyterhub: {name}, per processor second", median(them.pages) / median(us.pages))
        rows.append(
            (
                name,
                f"{ours:.0f}",
                f"{theirs:.0f}",
                f"{ours / theirs:.2f} ×",
                *(f"{median(one.pages) * 1000:.2f} + {median(one.postgres) * 1000:.2f} ms" for one in (us, them)),
                f"{median(them.pages) / median(us.pages):.2f} ×",
                f"{them.both / us.both:.2f} ×",
                f"{us.bytes} / {them.bytes}",
            )
        )
    each = {
        name.removeprefix("our ").removeprefix("a "): median(them.pages) / median(us.pages)
        for name, (us, them) in found.items()
    }
    bars("jupyterhub", f"Answers per processor second beside JupyterHub {VERSION}", "times as many", {"ours": each})
    head = [
        f"against JupyterHub {VERSION}", "requests a second", "theirs", "ratio", "processor: ours + PostgreSQL",
        "theirs + PostgreSQL", "ratio per processor second", "with PostgreSQL", "bytes",
    ]  # fmt: skip
    table(
        f"{institute.PEOPLE} people; `/hub/api/users/NAME` for status and polls, `/hub/home` for dashboards", head, rows
    )


def _paths(peer: Peer, path: str) -> list[str]:
    """Return what each of the people asks for."""
    if path == "POLL":
        return [_poll(peer, headers) for headers in peer.headers]
    return [path.format(number) for number in range(len(peer.headers))]


def _poll(peer: Peer, headers: dict[str, str]) -> str:
    """Return the path of a poll that is up to date, for a page that polls or could."""
    http = HTTPConnection("127.0.0.1", peer.port, timeout=60)
    found = re.search(r'hx-get="(/machine/\?[^"]+)"', asked(http, "/", headers["Cookie"])[1])
    assert found
    return found[1].replace("&amp;", "&") + "&banner="


def _ask(peer: Peer, paths: list[str], seconds: float, found: Found) -> None:
    """Ask as fast as it answers: while one connection's answer is read, the others' requests are worked on."""
    lines = [HTTPConnection("127.0.0.1", peer.port, timeout=60) for _ in range(CONNECTIONS)]
    done, sent = 0, 0

    def ask(line: HTTPConnection) -> None:
        nonlocal sent
        which = sent % len(paths)
        htmx = {"HX-Request": "true"} if paths[which].startswith("/machine/") else {}
        line.request("GET", paths[which], headers=peer.headers[which] | htmx)
        sent += 1

    meter, began = Meter(peer.process, peer.database), time.monotonic()
    for line in lines:
        ask(line)
    while lines:
        for line in list(lines):
            answer = line.getresponse()
            found.bytes = len(answer.read())
            assert answer.status in {200, 204}, f"{answer.status} of {paths[0]}"
            done += 1
            if time.monotonic() - began < seconds:
                ask(line)
            else:
                line.close()
                lines.remove(line)
    took, (pages, postgres) = time.monotonic() - began, meter.seconds()
    found.rates.append(done / took)
    found.pages.append(pages / done)
    found.postgres.append(postgres / done)


@contextmanager
def ondol() -> Iterator[dict[Status | None, Peer]]:
    """Yield our server as the owners of machines in each of these states see it, and those who have none (None)."""
    people: dict[Status | None, list[User]] = {
        status: [row.owner for row in Instance.objects.filter(status=status).order_by("id")[:ASKERS]]
        for status in (Status.RUNNING, Status.STOPPED, *_CHANGING)
    }
    people[None] = list(User.objects.filter(approval="APPROVED", instances=None).order_by("id")[:ASKERS])
    with web(port := free_port()) as process:
        name = connection.settings_dict["NAME"]
        yield {status: Peer(process, port, name, [_browser(one) for one in some]) for status, some in people.items()}


def _browser(person: User) -> dict[str, str]:
    return _FETCH | {"Cookie": f"{settings.SESSION_COOKIE_NAME}={sign_in(Client(), person)}"}


_FETCH = {
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept-Language": "ko,en;q=0.5",
    "Accept-Encoding": "gzip, deflate",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
}
"""What a browser sends; JupyterHub writes a warning for each request without the last two."""


@contextmanager
def jupyterhub(folder: Path) -> Iterator[Peer]:
    """Yield theirs, with as many people, of whom some have signed in."""
    own = conninfo_to_dict(os.environ["DATABASE_URL"])
    login = f"{own['user']}:{quote(str(own['password']), safe='')}@"
    url = f"postgresql+psycopg://{login}/{DATABASE}?host={own['host']}&port={own['port']}"
    config, port = folder / "jupyterhub_config.py", free_port()
    config.write_text(_CONFIG.format(port=port, url=url, folder=folder))
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    with _hub(config, port):
        pass  # it has made its tables
    with psycopg.connect(os.environ["DATABASE_URL"], dbname=DATABASE) as other:
        other.execute(_PEOPLE, [institute.PEOPLE])
        other.execute("ANALYZE")
    with _hub(config, port) as process:
        yield Peer(process, port, DATABASE, [_signed_in(port, f"person{n:05}") for n in range(ASKERS)])


@contextmanager
def _hub(config: Path, port: int) -> Iterator[int]:
    words = [str(CACHE / "bin" / "jupyterhub"), "-f", str(config)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    log = config.with_suffix(".log").open("wb")
    with log, subprocess.Popen(words, cwd=config.parent, env=env, stdout=log, stderr=log) as process:
        try:
            until(lambda: _is_up(port, process), 180, "JupyterHub answers")
            yield process.pid
        except BaseException:
            print(config.with_suffix(".log").read_text()[-3000:])
            raise
        finally:
            process.send_signal(signal.SIGTERM)


def _is_up(port: int, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "JupyterHub has ended"
    return requests.get(f"http://127.0.0.1:{port}/hub/health", timeout=5).ok


def _signed_in(port: int, name: str) -> dict[str, str]:
    browser, page = requests.Session(), f"http://127.0.0.1:{port}/hub/login?next=/hub/home"
    browser.headers.update(_FETCH)
    browser.get(page, timeout=30).raise_for_status()
    form = {"username": name, "password": "x", "_xsrf": _token(browser)}
    browser.post(page, data=form, timeout=30).raise_for_status()
    home = browser.get(f"http://127.0.0.1:{port}/hub/home", timeout=30)
    assert name in home.text, home.text[:500]
    cookies = "; ".join(
        f"{one.name}={one.value}" for one in browser.cookies if one.name != "_xsrf" or one.path == "/hub/"
    )
    return _FETCH | {"Cookie": cookies, "X-XSRFToken": _token(browser)}


def _token(browser: requests.Session) -> str:
    return next(str(one.value) for one in browser.cookies if one.name == "_xsrf")
