"""What waiting pages cost: fifty people poll one `ondol web`, and nothing has changed."""

import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException

from django.conf import settings
from django.test import Client

from bench.place import ONDOL, percentiles, table
from bench.processor import Meter
from bench.record import ratio
from ondol import clock
from ondol.accounts.models import User
from ondol.instances.models import Instance
from tests.journey.site import free_port
from tests.signed_in import sign_in

PEOPLE, SECONDS = 50, 10.0
WAYS = {"every second": (1.0, ""), "every 3 s": (3.0, ""), "every 10 s": (10.0, ""), "every second, whole": (1.0, "x")}
"""The seconds between two polls, and what is added to the page's version: `whole` is answered by the fragment."""


def main() -> None:
    """Measure several paces, and what an answer of 204 saves."""
    cookies = [_somebody(number) for number in range(PEOPLE)]
    rows, costs = [], {}
    with web(port := free_port()) as serving:
        for way, (pace, stale) in WAYS.items():
            Instance.objects.update(status_since=clock.now())
            pages = [_opened(port, cookie, stale) for cookie in cookies]
            meter, took = Meter(serving), _polls(pages, cookies, pace, 200 if stale else 204)
            cpu, (p50, p99) = sum(meter.seconds()), percentiles(took)
            costs[way] = cpu / len(took)
            each, core = f"{cpu / len(took) * 1000:.1f} ms", f"{cpu / SECONDS:.1%}"
            rows.append((way, len(took), f"{p50 * 1000:.1f} ms", f"{p99 * 1000:.1f} ms", each, core))
    ratio(
        "polls: processor time of a whole fragment beside a 204", costs["every second, whole"] / costs["every second"]
    )
    head = ["", f"polls in {SECONDS:.0f} s", "p50", "p99", "processor time each", "of one core"]
    table(f"{PEOPLE} people wait for their machines", head, rows)


def _somebody(number: int) -> str:
    """Return the cookie of a new person who waits for a machine."""
    person = User.objects.create(email=f"poll{number}@example.org", name=f"Person {number}", approval="APPROVED")
    Instance.objects.create(owner=person, instance_type="t3.small", volume_gib=30)
    return f"{settings.SESSION_COOKIE_NAME}={sign_in(Client(), person)}"


@contextmanager
def web(port: int) -> Iterator[int]:
    """Yield the id of the process that serves the pages."""
    words, env = [*ONDOL, "web", "--port", str(port)], os.environ | {"DJANGO_SETTINGS_MODULE": "ondol.settings"}
    with subprocess.Popen(words, env=env, stderr=subprocess.DEVNULL) as process:
        while True:
            with suppress(OSError, HTTPException):
                if asked(HTTPConnection("127.0.0.1", port, timeout=5), "/healthz", "")[0] == 200:
                    break
            time.sleep(0.1)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def asked(http: HTTPConnection, path: str, cookie: str) -> tuple[int, str]:
    """Return the status and the text of an answer, of a page or of what its poll asks for."""
    http.request(
        "GET", path, headers={"Cookie": cookie} | ({"HX-Request": "true"} if path.startswith("/machine/") else {})
    )
    answer = http.getresponse()
    return answer.status, answer.read().decode()


def _opened(port: int, cookie: str, stale: str) -> tuple[HTTPConnection, str]:
    """Return the connection of a page, and the path by which it polls."""
    http = HTTPConnection("127.0.0.1", port, timeout=20)
    found = re.search(r'hx-get="([^"]+)"', asked(http, "/", cookie)[1])
    assert found
    return http, found[1].replace("&amp;", "&").replace("?v=", f"?v={stale}")


def _polls(pages: list[tuple[HTTPConnection, str]], cookies: list[str], pace: float, status: int) -> list[float]:
    """Return the seconds that each poll took."""
    took: list[float] = []
    people = [
        threading.Thread(target=_person, args=(*page, cookie, pace, status, took))
        for page, cookie in zip(pages, cookies, strict=True)
    ]
    for person in people:
        person.start()
    for person in people:
        person.join()
    return took


def _person(http: HTTPConnection, path: str, cookie: str, pace: float, status: int, took: list[float]) -> None:
    end = time.monotonic() + SECONDS
    time.sleep(random.uniform(0, pace))
    while (begun := time.monotonic()) < end:
        answered = asked(http, path, cookie)[0]
        took.append(time.monotonic() - begun)
        assert answered == status
        time.sleep(max(0.0, begun + pace - time.monotonic()))
