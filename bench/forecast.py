"""How good the forecast of the stop is: ten machines with ten loads in one trial at speed, against AWS's own times."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import requests

from bench.place import table
from ondol.clock import Clock
from tests.journey.aws import stops_of
from tests.journey.site import Person, Site

SPEED, ROUNDS = 60, 2
PERIOD = timedelta(minutes=5)
BEFORE = (timedelta(minutes=15), timedelta(minutes=5))
PASSWORD = "warm floors in winter"
_RANGE = re.compile(r'class="forecast">.*?(\d\d):(\d\d)–(\d\d):(\d\d) ', re.DOTALL)
_BUSY = "timeout {seconds} sh -c 'while :; do {work}; done'; true"
_SOME = "i=0; while [ $i -lt {n} ]; do i=$((i+1)); done; sleep 0.1"
LOADS: dict[str, str] = {
    "nothing": "",
    "5 min busy": _BUSY.format(seconds=5, work=":"),
    "12 min busy": _BUSY.format(seconds=12, work=":"),
    "20 min busy": _BUSY.format(seconds=20, work=":"),
    "33 min busy": _BUSY.format(seconds=33, work=":"),
    "bursts": "for n in 1 2 3 4; do timeout 2 sh -c 'while :; do :; done'; sleep 4; done",
    "pauses of 14 min": "for n in 1 2 3; do timeout 3 sh -c 'while :; do :; done'; sleep 14; done",
    "a little": _BUSY.format(seconds=25, work=_SOME.format(n=3000)),
    "very little": _BUSY.format(seconds=25, work=_SOME.format(n=300)),
    "kept awake": "",
}


@dataclass
class Watched:
    """One person's machine, and the forecasts of its stop."""

    person: Person
    load: str
    said: list[tuple[datetime, datetime, datetime]] = field(default_factory=list)
    """The forecasts: the time of each, and its range."""
    stop: datetime | None = None

    def forecast(self, before: timedelta) -> tuple[datetime, datetime] | None:
        """Return the last forecast that was shown at least this long before the stop."""
        told = [(low, high) for at, low, high in self.said if self.stop and at <= self.stop - before]
        return told[-1] if told else None

    def is_right(self, before: timedelta) -> bool:
        told = self.forecast(before)
        return bool(told and self.stop and told[0] - PERIOD <= self.stop <= told[1] + PERIOD)


def main(folder: Path) -> None:
    """Run two rounds: every machine created, loaded, left alone."""
    site = Site(folder / "home", "--speed", str(SPEED)).start()
    try:
        clock = Clock.parse((site.home / "clock").read_text().strip())
        for number in range(ROUNDS):
            _round(site, number, folder, lambda: clock.at(time.time()))
    finally:
        site.stop()


def _round(site: Site, number: int, folder: Path, now: Callable[[], datetime]) -> None:
    watched = [Watched(_somebody(site, f"p{number}{n}"), load) for n, load in enumerate(LOADS)]
    threads = [threading.Thread(target=_watch, args=(one, folder, now)) for one in watched]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = [
        (one.load, f"{one.stop:%H:%M}" if one.stop else "–", *(_told(one, before) for before in BEFORE))
        for one in watched
    ]
    right = sum(all(one.is_right(before) for before in BEFORE) for one in watched)
    title = f"round {number + 1}: {right} of {len(watched)} within one 5-minute period (UTC)"
    table(title, ["load", "stopped", "15 minutes before", "5 minutes before"], rows)


def _told(one: Watched, before: timedelta) -> str:
    told = one.forecast(before)
    return f"{told[0]:%H:%M}–{told[1]:%H:%M}{'' if one.is_right(before) else ' wrong'}" if told else "nothing"


def _watch(one: Watched, folder: Path, now: Callable[[], datetime]) -> None:
    one.person.create(seconds=120)
    browser = _signed_in(one.person)
    load = threading.Thread(target=_load, args=(one, folder, now))
    load.start()
    while (machine := one.person.machine()) and machine["status"] == "RUNNING":
        at, page = now(), browser.get(f"{one.person.site.url}/", timeout=20).text
        if found := _RANGE.search(page):
            hour, minute, last_hour, last_minute = map(int, found.groups())
            one.said.append((at, _next(at, hour, minute), _next(at, last_hour, last_minute)))
        time.sleep(1.5)
    load.join()
    one.person.wait_for("STOPPED", seconds=60)
    one.stop = max(stops_of(one.person), default=None)


def _load(one: Watched, folder: Path, now: Callable[[], datetime]) -> None:
    if one.load == "kept awake":
        until = now() + timedelta(minutes=75)
        one.person.call("POST", "/instances/keep-awake", json={"until": until.isoformat()}).raise_for_status()
    elif LOADS[one.load]:
        one.person.try_ssh(one.person.key(folder), LOADS[one.load], seconds=120)


def _next(at: datetime, hour: int, minute: int) -> datetime:
    """Return the moment next to `at` with this time of day."""
    local = at.astimezone(ZoneInfo("Asia/Seoul"))
    found = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if found < local - timedelta(hours=6):
        found += timedelta(days=1)
    return found.astimezone(at.tzinfo)


def _somebody(site: Site, name: str) -> Person:
    email = f"{name}@example.org"
    site.command("user", "add", email, "--approved", "--password-stdin", text=PASSWORD + "\n")
    return Person(site, name, site.command("token", "create", email).splitlines()[-1])


def _signed_in(person: Person) -> requests.Session:
    browser, url = requests.Session(), f"{person.site.url}/accounts/login/"
    browser.get(url, timeout=20)
    form = {"login": person.email, "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["ondol_csrf"]}
    browser.post(url, data=form, headers={"Referer": url}, timeout=20).raise_for_status()
    return browser
