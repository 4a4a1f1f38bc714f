"""What a browser gets on a slow network: requests, bytes and the first paint of each page, cold and warm."""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from bench import institute
from bench.place import table
from bench.polls import web
from bench.record import bars, ratio
from ondol.accounts.models import User
from ondol.commands.web import collect_static
from ondol.instances.models import Instance
from tests.chromium import launch
from tests.journey.site import free_port
from tests.signed_in import sign_in

ROUNDS = 2
LATENCY, DOWN, UP = 150, 1.6e6 / 8, 0.75e6 / 8
"""A slow mobile network: milliseconds of a round trip, bytes a second; as Lighthouse's "slow 4G"."""
SETTLED = 1000
"""Milliseconds after its load event in which a page may still ask for something."""
_FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)[0] ?? null"


@dataclass
class Look:
    """One page load."""

    requests: int
    bytes: int
    paint: float
    """Milliseconds from the navigation to the first contentful paint."""


def main() -> None:
    """Load each page in a fresh browser, and once more."""
    collect_static()
    institute.furnish()
    rows: list[tuple[str, ...]] = []
    sizes: dict[str, dict[str, float]] = {"cold": {}, "warm": {}}
    with web(port := free_port()), sync_playwright() as playwright:
        browser = launch(playwright)
        for who, path, cookie in _pages():
            looks = [_looked(browser, f"http://127.0.0.1:{port}", path, cookie) for _round in range(ROUNDS)]
            cold, warm = (_median(kind) for kind in zip(*looks, strict=True))
            if path == "/" and who == "running":
                ratio("browsers: dashboard, cold, bytes of 40 kB", cold.bytes / 40_000, more_is_better=False)
                ratio("browsers: dashboard, cold, requests of 6", cold.requests / 6, more_is_better=False)
                ratio("browsers: dashboard, warm, requests of 2", warm.requests / 2, more_is_better=False)
            for kind, one in (("cold", cold), ("warm", warm)):
                sizes[kind][f"{path} ({who})"] = one.bytes / 1000
            cells = (f"{one.requests} / {one.bytes / 1000:.1f} kB / {one.paint:.0f} ms" for one in (cold, warm))
            rows.append((who, path, *cells))
        browser.close()
    bars("browsers", "What a browser gets for a page", "kB", sizes)
    table(f"Requests, bytes, first paint on a network of {LATENCY} ms", ["who", "page", "cold", "warm"], rows)


def _pages() -> Iterator[tuple[str, str, str]]:
    """Yield the person, the path and the cookie of each request."""
    yield "nobody", "/accounts/login/", ""
    for status in ("RUNNING", "STOPPED"):
        yield status.lower(), "/", _cookie(Instance.objects.filter(status=status).earliest("created_at").owner)
    without = User.objects.filter(approval="APPROVED", instances=None)
    yield "without a machine", "/", _cookie(without.earliest("pk"))
    administrator = without.latest("pk")
    User.objects.filter(pk=administrator.pk).update(role="ADMIN")
    for path in ("", "people/", "fleet/", "activity/", "costs/", "policy/"):
        yield "administrator", f"/admin/{path}", _cookie(administrator)


def _cookie(person: User) -> str:
    return sign_in(Client(), person)


def _looked(browser: Browser, site: str, path: str, cookie: str) -> tuple[Look, Look]:
    """Return the page load of a browser with an empty cache, and the second one."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    if cookie:
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": site}])
    page = context.new_page()
    looks = _look(page, site + path), _look(page, site + path)
    context.close()
    return looks


def _look(page: Page, url: str) -> Look:
    came: dict[str, float] = {}
    network = page.context.new_cdp_session(page)
    network.on("Network.loadingFinished", lambda event: came.update({event["requestId"]: event["encodedDataLength"]}))
    network.send("Network.enable")
    limits = {"offline": False, "latency": LATENCY, "downloadThroughput": DOWN, "uploadThroughput": UP}
    network.send("Network.emulateNetworkConditions", limits)
    page.goto(url, wait_until="load", timeout=60_000)
    page.wait_for_timeout(SETTLED)
    paint = page.evaluate(_FIRST_PAINT)
    network.detach()
    return Look(sum(size > 0 for size in came.values()), int(sum(came.values())), float(paint or 0))


def _median(looks: tuple[Look, ...]) -> Look:
    return Look(
        round(median(look.requests for look in looks)),
        round(median(look.bytes for look in looks)),
        median(look.paint for look in looks),
    )
