"""Alice is warned before her idle machine stops, keeps it awake from the letter, is warned again, and it does stop.

The clock here runs 120 times as fast: a minute of it is half a second, and a letter comes six seconds before the stop.
"""

import re
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
import requests

from tests.journey.aws import stops_of, things_of
from tests.journey.site import Site, furnished, until

pytestmark = [pytest.mark.slow, pytest.mark.waits, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def fast_site(tmp_path_factory):
    site = Site(furnished(tmp_path_factory.mktemp("ondol") / "fast"), "--speed", "120").start()
    yield site
    site.stop()


def letters(site):
    """The links in them, oldest first."""
    files = sorted((site.home / "mail").glob("*"), key=lambda file: file.stat().st_mtime)
    texts = [message_from_bytes(file.read_bytes(), policy=policy.default).get_content() for file in files]
    return [link for text in texts for link in re.findall(r"^http\S+(/awake/\S+/)$", text, re.M)]


def press(site, link):
    """Open the page, signed in nowhere, and press its button."""
    with requests.Session() as browser:
        page = browser.get(site.url + link, timeout=20)
        assert page.status_code == 200
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text.partition("<main")[2])[1]
        return browser.post(site.url + link, {"csrfmiddlewaretoken": token}, timeout=20).status_code


def test_warned_kept_awake_past_the_old_deadline_warned_again_and_stopped(fast_site):
    alice = fast_site.person("alice")
    alice.create(seconds=90)
    [link] = until(lambda: letters(fast_site), 60, "a letter")
    assert alice.machine()["status"] == "RUNNING"
    assert press(fast_site, link) == 200
    assert requests.get(fast_site.url + link, timeout=20).status_code == 410
    until(lambda: len(letters(fast_site)) == 2, 60, "a letter about the later stop")
    assert alice.wait_for("STOPPED", seconds=90)["status_reason"] == "IDLE"
    [first, second] = fast_site.ask("SELECT at, stops_at, used_at FROM autostop_stopwarning ORDER BY at")
    [machine], [stop] = things_of(alice)["instance"], stops_of(alice)
    assert first[2] < first[1] < machine["LaunchTime"] + timedelta(minutes=45)
    assert second[0] < second[1] <= stop
    assert stop >= first[2] + timedelta(hours=1)
    assert len(letters(fast_site)) == 2
    assert link.split("/")[2] not in "".join(fast_site.lines)
