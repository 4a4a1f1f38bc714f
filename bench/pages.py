"""What each page and the status of a machine cost in a large institute, with one `ondol web`."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from http.client import HTTPConnection
from statistics import median

from django.conf import settings
from django.db import connection
from django.test import Client

from bench import institute
from bench.place import percentiles, table
from bench.polls import asked, web
from bench.processor import Meter
from bench.record import bars, ratio
from ondol.accounts.models import User
from ondol.commands.web import collect_static
from ondol.instances.models import Instance
from tests.journey.site import free_port
from tests.signed_in import sign_in

ROUNDS, SECONDS, MOST = 3, 0.7, 150
"""A person may read 600 times a minute by the API."""
MILLISECONDS, KILOBYTES = 100, 100
"""The most that a page of administrators is to take, of processor time with that of PostgreSQL, and of bytes."""
_STATUS = "/api/instances/status"


def main() -> None:
    """Measure all of them in turn, several times: the median counts."""
    collect_static()
    institute.furnish()
    found: dict[tuple[str, str], list[Measured]] = {}
    with web(port := free_port()) as serving:
        pages = list(_pages(port))
        for _round in range(ROUNDS):
            for who, path, cookie in pages:
                name = path if path.startswith("/admin/") else path.partition("?")[0]
                found.setdefault((who, name), []).append(_measured(serving, port, path, cookie))
    rows, ours_of, postgres_of = [], {}, {}
    for (who, path), rounds in found.items():
        ours, postgres, p50, size, statements = (median(column) for column in zip(*map(astuple, rounds), strict=True))
        told = f"{ours * 1000:.1f} + {postgres * 1000:.1f} ms", f"{p50 * 1000:.1f} ms", f"{size / 1000:.1f} kB"
        both, goal = (ours + postgres) * 1000, ""
        if who == _READER:
            ours_of[path], postgres_of[path] = ours * 1000, postgres * 1000
            goal = f"{both / MILLISECONDS:.2f} and {size / 1000 / KILOBYTES:.2f}"
            ratio(f"pages: {path} beside {MILLISECONDS} ms", both / MILLISECONDS, more_is_better=False)
        rows.append((who, path, *told, f"{statements:.0f}", goal))
    kinds = {"ours": ours_of, "PostgreSQL's": postgres_of}
    bars("pages", "Processor time of administrators' pages", "milliseconds of one request", kinds)
    title = f"{institute.PEOPLE} people, {institute.MACHINES} machines, {institute.CHANGES} lines of their record"
    head = ["who", "page", "processor: ours + PostgreSQL", "p50", "size", "statements"]
    table(title, [*head, f"of {MILLISECONDS} ms and of {KILOBYTES} kB"], rows)


@dataclass(frozen=True)
class Measured:
    """What a round has found, of each request: processor seconds, seconds, bytes and statements."""

    ours: float
    postgres: float
    p50: float
    bytes: int
    statements: int


def _pages(port: int) -> Iterator[tuple[str, str, str]]:
    """Yield the person, the path and the cookie of each request."""
    running, stopped = (_cookie(Instance.objects.filter(status=s).earliest("created_at").owner) for s in _STATES)
    without = _cookie(User.objects.filter(approval="APPROVED", instances=None).earliest("pk"))
    administrator = User.objects.filter(approval="APPROVED", instances=None).latest("pk")
    User.objects.filter(pk=administrator.pk).update(role="ADMIN")
    reader = _cookie(administrator)
    for who, cookie in (("running", running), ("stopped", stopped), ("without a machine", without)):
        yield who, _STATUS, cookie
        yield who, "/", cookie
    yield "running, no news", _poll(port, running), running
    for path in _ADMINISTRATORS:
        yield _READER, f"/admin/{path}", reader


_READER = "administrator"
_STATES = ("RUNNING", "STOPPED")
_ADMINISTRATORS = (
    "", "people/", "people/?sort=-cost", "fleet/", "fleet/?sort=-cost", "activity/", "costs/", "costs/?sort=-forecast",
    "policy/",
)  # fmt: skip


def _cookie(person: User) -> str:
    return f"{settings.SESSION_COOKIE_NAME}={sign_in(Client(), person)}"


def _poll(port: int, cookie: str) -> str:
    """Return the path of a poll that is up to date: that is what the page asks for."""
    page = asked(HTTPConnection("127.0.0.1", port, timeout=60), "/", cookie)[1]
    found = re.search(r'hx-get="([^"]+)"', page)
    assert found
    return found[1].replace("&amp;", "&")


def _measured(serving: int, port: int, path: str, cookie: str) -> Measured:
    """Ask for a page until the round is over."""
    http = HTTPConnection("127.0.0.1", port, timeout=120)
    took: list[float] = []
    body = asked(http, path, cookie)[1]
    meter, end = Meter(serving, connection.settings_dict["NAME"]), time.monotonic() + SECONDS
    while len(took) < 2 or (time.monotonic() < end and len(took) < MOST):
        begun = time.monotonic()
        status = asked(http, path, cookie)[0]
        assert status in {200, 204}, f"{path}: {status}"
        took.append(time.monotonic() - begun)
    ours, postgres = meter.seconds()
    http.close()
    return Measured(
        ours / len(took), postgres / len(took), percentiles(took)[0], len(body.encode()), _statements(path, cookie)
    )


def _statements(path: str, cookie: str) -> int:
    """Return how many statements a request makes, in this process, without the first one, whose caches are cold."""
    browser, count = Client(), 0
    browser.cookies.load(cookie)

    def counted(execute: Callable[..., object], *statement: object) -> object:
        nonlocal count
        count += 1
        return execute(*statement)

    headers = {"Host": "127.0.0.1", **({"HX-Request": "true"} if path.startswith("/machine/") else {})}
    browser.get(path, headers=headers)
    with connection.execute_wrapper(counted):
        assert browser.get(path, headers=headers).status_code in {200, 204}
    return count
