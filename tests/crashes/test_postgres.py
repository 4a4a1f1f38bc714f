"""PostgreSQL is restarted while people click: what was acknowledged happens, and they see a page that says so."""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import psycopg
import pytest
import requests

from tests.furnished import furnished
from tests.journey.aws import ONE_OF_EACH, count, things_of
from tests.journey.site import Person, Site, slowness

# A killed worker leaves connections of our proxies half open.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
NAMES = [f"person{n}" for n in range(5)]
BACK_WITHIN = 15.0
HOWS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill -9": signal.SIGKILL}
DONE = ["", "PENDING", "RUNNING", "STOPPING", "STOPPED"]
CHANGES = (
    "SELECT c.new FROM instances_statuschange c JOIN instances_instance i ON i.id = c.instance_id"
    " JOIN accounts_user u ON u.id = i.owner_id WHERE u.email = %s ORDER BY c.id"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(furnished(tmp_path_factory.mktemp("postgres") / "home")).start()
    yield site
    site.stop()


@dataclass
class Clicker(threading.Thread):
    """Wants a machine, and then wants it stopped; clicks until it is told that this will be done, and never again."""

    person: Person
    begins: float
    answers: Counter = field(default_factory=Counter)
    undesigned: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        time.sleep(self.begins)
        for path, status in (("", "RUNNING"), ("/stop", "STOPPED")):
            self._until(lambda path=path: self._ask("POST", f"/instances{path}").status_code == 202)
            self._until(lambda status=status: self._shows(status))

    def _shows(self, status: str) -> bool:
        answer = self._ask("GET", "/instances/status")
        return answer.status_code == 200 and answer.json()["instance"]["status"] == status

    def _until(self, is_done) -> None:
        end = time.monotonic() + 120
        while not is_done():
            assert time.monotonic() < end
            time.sleep(0.3)

    def _ask(self, method: str, path: str) -> requests.Response:
        answer = self.person.call(method, path)
        self.answers[answer.status_code] += 1
        if answer.status_code not in {200, 202} and not is_designed(answer):
            self.undesigned.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    __hash__ = threading.Thread.__hash__


def is_designed(answer: requests.Response) -> bool:
    """It says that it is for a moment only."""
    return answer.status_code == 503 and bool(answer.headers.get("Retry-After")) and "Traceback" not in answer.text


def postmaster(site: Site) -> int:
    return int((site.home / "postgres/data/postmaster.pid").read_text().split()[0])


def is_back(site: Site, since: float) -> bool:
    """Pages answer, and a worker has shown since that it lives."""
    if not site.is_healthy():
        return False
    with contextlib.suppress(psycopg.OperationalError, OSError):
        return site.ask("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > to_timestamp(%s)", since)[0][
            0
        ]
    return False


def strike(site: Site, how: str, pages: list[requests.Response]) -> float:
    """Seconds until all is back; meanwhile somebody looks at a page again and again."""
    began, struck = time.monotonic(), time.time()
    os.kill(postmaster(site), HOWS[how])
    while True:
        pages.append(requests.get(f"{site.url}/accounts/login/", timeout=20))
        with contextlib.suppress(requests.ConnectionError):
            if time.time() > struck + 1 and is_back(site, struck + 1):
                return time.monotonic() - began
        assert time.monotonic() < began + 60 * slowness(), f"not back after {how}"
        time.sleep(0.2)


def test_no_acknowledged_click_is_lost_when_postgresql_is_restarted(site, record_property):
    people = site.people(*NAMES)
    clickers = [Clicker(person, begins=3.0 * n) for n, person in enumerate(people)]
    for clicker in clickers:
        clicker.start()
    pages, took = [], {}
    for how in HOWS:
        time.sleep(2)
        took[how] = strike(site, how, pages)
    for clicker in clickers:
        clicker.join(120)
        assert not clicker.is_alive(), clicker
    answers = sum((clicker.answers for clicker in clickers), Counter())
    record_property("told", f"PostgreSQL restarted, all parts back after {took}; clicks answered: {dict(answers)}")
    assert max(took.values()) < BACK_WITHIN * slowness()
    assert not [text for clicker in clickers for text in clicker.undesigned]
    assert {page.status_code for page in pages} == {200, 503}
    assert all(is_designed(page) for page in pages if page.status_code != 200)
    for person in people:
        # Each click has its record, once; and there is one machine of each.
        assert ["", *(new for (new,) in site.ask(CHANGES, person.email))] == DONE
        assert count(things_of(person)) == ONE_OF_EACH
