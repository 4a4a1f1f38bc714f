"""What each page and the status of a machine cost in a large institute, with one `ondol web`."""

import re
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from statistics import median

from django.conf import settings
from django.test import Client

from bench import institute
from bench.place import percentiles, table
from bench.polls import asked, web
from bench.processor import Meter
from ondol.accounts.models import User
from ondol.commands.web import collect_static
from ondol.instances.models import Instance
from tests.journey.site import free_port
from tests.signed_in import sign_in

ROUNDS, SECONDS, MOST = 3, 1.5, 150
"""A person may read 600 times a minute by the API."""
_STATUS = "/api/instances/status"


def main() -> None:
    """Measure all of them in turn, several times: the median counts."""
    collect_static()
    institute.furnish()
    found: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    with web(port := free_port()) as serving:
        pages = list(_pages(port))
        for _round in range(ROUNDS):
            for who, path, cookie in pages:
                name = path if path.startswith("/admin/") else path.partition("?")[0]
                found.setdefault((who, name), []).append(_measured(serving, port, path, cookie))
    rows = [(who, path, *_row(rounds)) for (who, path), rounds in found.items()]
    title = f"{institute.PEOPLE} people, {institute.MACHINES} machines, {institute.CHANGES} lines of their record"
    table(title, ["who", "page", "processor time each", "p50", "bytes"], rows)


def _row(rounds: list[tuple[float, float, int]]) -> tuple[str, str, str]:
    each, p50, size = (median(column) for column in zip(*rounds, strict=True))
    return f"{each * 1000:.1f} ms", f"{p50 * 1000:.1f} ms", f"{size:.0f}"


def _pages(port: int) -> Iterator[tuple[str, str, str]]:
    """Yield who asks, for what, and with which cookie."""
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
        yield "administrator", f"/admin/{path}", reader


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


def _measured(serving: int, port: int, path: str, cookie: str) -> tuple[float, float, int]:
    """Return processor time of each request, the median in seconds, and the bytes of an answer."""
    http, took = HTTPConnection("127.0.0.1", port, timeout=120), []
    body = asked(http, path, cookie)[1]
    meter, end = Meter(serving), time.monotonic() + SECONDS
    while len(took) < 2 or (time.monotonic() < end and len(took) < MOST):
        begun = time.monotonic()
        status = asked(http, path, cookie)[0]
        assert status in {200, 204}, f"{path}: {status}"
        took.append(time.monotonic() - begun)
    spent = sum(meter.seconds())
    http.close()
    return spent / len(took), percentiles(took)[0], len(body.encode())
