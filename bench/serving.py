"""What serving costs: as `ondol web` does it, and by granian's own WSGI interface, which loses headers."""

import os
import signal
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from statistics import median

from bench.place import percentiles, table
from bench.polls import _somebody, asked
from bench.processor import Meter
from bench.record import ratio
from ondol.commands.web import collect_static
from tests.journey.site import free_port, until

SECONDS, CONNECTIONS, ROUNDS = 3.0, 4, 3
PATHS = ("/healthz", "/")
_GRANIAN = [sys.executable, "-m", "granian", "--workers", "1", "--backlog", "128", "--log-level", "warning"]
WAYS = {
    "our gateway": [*_GRANIAN, "--interface", "asginl", "--no-ws", "ondol.asgi:application"],
    "granian's WSGI": [*_GRANIAN, "--interface", "wsgi", "--blocking-threads", "5", "ondol.wsgi:application"],
}


def main() -> None:
    """Measure both in turn, several times: the median counts."""
    collect_static()
    cookie, rows = _somebody(10_000), []
    found: dict[tuple[str, str], list[tuple[float, float, float, float]]] = {}
    for number in range(ROUNDS):
        for way, words in sorted(WAYS.items(), reverse=number % 2 == 1):  # the first one finds colder caches
            for path, numbers in _measured(words, cookie).items():
                found.setdefault((path, way), []).append(numbers)
    for (path, way), rounds in sorted(found.items()):
        each, p50, p99, rate = sorted(rounds)[ROUNDS // 2]
        rows.append((path, way, f"{rate:.0f}", f"{each * 1000:.2f} ms", f"{p50 * 1000:.1f} ms", f"{p99 * 1000:.1f} ms"))
    for path in PATHS:
        ours, theirs = (median(each for each, *_ in found[path, way]) for way in WAYS)
        ratio(f"serving: {path}, processor time of granian's WSGI beside our gateway", theirs / ours)
    head = ["", "", "requests a second", "processor time each", "p50", "p99"]
    table(f"{CONNECTIONS} browsers ask as fast as they can", head, rows)


def _measured(words: list[str], cookie: str) -> dict[str, tuple[float, float, float, float]]:
    """Return processor time of each request, the median, the slowest hundredth, and how many a second, by path."""
    port = free_port()
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "ondol.settings"}
    with subprocess.Popen([*words, "--port", str(port)], env=env, stderr=subprocess.DEVNULL) as web:
        try:
            until(lambda: _is_up(port), 120, "it answers")
            return {path: _numbers(web.pid, port, path, cookie) for path in PATHS}
        finally:
            web.send_signal(signal.SIGTERM)


def _numbers(web: int, port: int, path: str, cookie: str) -> tuple[float, float, float, float]:
    _load(port, path, cookie, 1.0)
    meter, took = Meter(web), _load(port, path, cookie, SECONDS)
    return sum(meter.seconds()) / len(took), *percentiles(took), len(took) / SECONDS


def _is_up(port: int) -> bool:
    try:
        return asked(HTTPConnection("127.0.0.1", port, timeout=5), "/healthz", "")[0] == 200
    except (OSError, HTTPException):
        return False


def _load(port: int, path: str, cookie: str, seconds: float) -> list[float]:
    took: list[float] = []
    browsers = [threading.Thread(target=_browser, args=(port, path, cookie, seconds, took)) for _ in range(CONNECTIONS)]
    for browser in browsers:
        browser.start()
    for browser in browsers:
        browser.join()
    return took


def _browser(port: int, path: str, cookie: str, seconds: float, took: list[float]) -> None:
    http, end = HTTPConnection("127.0.0.1", port, timeout=20), time.monotonic() + seconds
    while (begun := time.monotonic()) < end:
        assert asked(http, path, cookie)[0] == 200
        took.append(time.monotonic() - begun)
    http.close()
