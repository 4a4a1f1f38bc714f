"""The CPU of bob's machine: the chart, the forecast, and the warning before a stop."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import translation

from ondol import clock
from ondol.autostop.forecast import PERIOD
from ondol.autostop.models import CpuReading
from ondol.autostop.work import Limits, Sample
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.policy.models import Policy
from ondol.web.cpu.chart import BACK, chart
from ondol.web.stop_notice import about
from tests.web.conftest import machine
from tests.web.screens import loads

IDLE = [90, *[0.4] * 7]


@pytest.fixture
def idles(bob):
    """Return Bob's machine, about to be stopped for idling."""
    row = machine(bob, minutes_ago=100)
    loads(row, IDLE)
    return row


def test_the_chart_has_a_bar_for_each_five_minutes_and_the_same_as_a_table(bob, idles, browser_of):
    page = browser_of(bob).get("/").text
    assert (page.count("chart-bar"), page.count("chart-active")) == (8, 1)
    assert "<td>180%</td>" in page
    assert "dashed line: 10% of one core" in page
    assert "100% is one core at work, 200% are all of them. Idle is below 10%." in page
    assert page.count("<td>idle</td>") == 7


def test_the_forecast_is_a_range_in_minutes_and_on_the_clock(bob, idles, browser_of):
    page = browser_of(bob).get("/").text
    assert re.search(
        r"If it stays idle, it stops\s+in about \d+–\d+ minutes \(\d\d:\d\d–\u2060\d\d:\d\d\xa0KST\)", page
    )


@pytest.mark.parametrize("second", [0, 1, 29, 59])
def test_minutes_and_clock_name_ranges_of_the_same_width(second):
    now = datetime(2026, 6, 20, 9, 1, second, tzinfo=UTC)
    for later in (0, 1, 30, 59):
        earliest = datetime(2026, 6, 20, 9, 16, later, tzinfo=UTC)
        with translation.override("en"):
            told = about(earliest, earliest + PERIOD, now)
        found = re.search(r"(\d+)–(\d+) minutes \(\d\d:(\d\d)–\u2060\d\d:(\d\d)", told)
        low, high, first, last = map(int, found.groups())
        assert high - low == last - first == 5


def test_a_machine_that_aws_slows_down_is_said_to_be_slow(bob, idles, browser_of):
    assert "credits are used up" not in browser_of(bob).get("/").text
    idles.readings.filter(at=idles.readings.latest("at").at).update(percent=20, credits=0)
    page = browser_of(bob).get("/").text
    assert "AWS slows this t3.small down to 20% of each vCPU" in page
    told = browser_of(bob).get("/").text
    assert told.count("credits are used up") == 1


@pytest.mark.parametrize(("kind", "says"), [("t3.small", 0), ("t2.small", 1)])
def test_where_aws_does_not_tell_the_disk_its_owner_is_told_that_it_does_not_count(bob, idles, browser_of, kind, says):
    Instance.objects.update(instance_type=kind, seen_type=kind)
    assert browser_of(bob).get("/").text.count(f"AWS does not report what the disk of this {kind} does") == says
    assert browser_of(bob).get("/help/").text.count(f"not on a {kind}") == says


def test_where_the_disk_does_not_count_anyway_nothing_is_said_of_it(bob, idles, browser_of):
    Instance.objects.update(instance_type="t2.small", seen_type="t2.small")
    Policy.objects.create(owner=bob, disk_mbs=0)
    assert "what the disk of this" not in browser_of(bob).get("/").text


def test_a_busy_machine_is_told_that_it_does_not_stop(bob, browser_of):
    loads(machine(bob, minutes_ago=100), [90] * 12)
    page = browser_of(bob).get("/").text
    assert "It is working, so it does not stop." in page
    assert "minutes left)" not in page


def test_a_download_is_named_with_its_speed_in_chart_and_forecast(bob, browser_of):
    row = machine(bob, minutes_ago=100)
    loads(row, [0.4] * 12)
    CpuReading.objects.filter(instance=row).update(network_in=int(300 * 2.1e6), network_out=int(300 * 4e3))
    page = " ".join(browser_of(bob).get("/").text.split())
    assert "It is downloading (2.1 MB/s), so it does not stop. If it is idle from now on, it stops in about" in page
    assert page.count("<td>2.1 MB/s</td><td></td><td>downloading</td>") == 12
    assert "minutes left)" not in page


@pytest.mark.parametrize("path", ["/", "/settings/", "/help/", "/costs/"])
def test_ten_minutes_before_the_stop_every_page_warns_and_its_title_too(bob, idles, browser_of, path):
    page = browser_of(bob).get(path).text
    title = re.search(r"(?s)<title>(.*?)</title>", page)[1]
    assert re.search(r"\(\d+ minutes? left\)", title)
    assert "Your machine stops" in page
    assert "Keep it awake for 1 hour" in page


def test_the_warning_keeps_it_awake_with_one_click(bob, idles, browser_of):
    browser_of(bob).post(reverse("machine_awake"), {"until": "1h"})
    until = Instance.objects.get(pk=idles.pk).run.awake_until
    assert timedelta(minutes=59) < until - clock.now() <= timedelta(minutes=60)


def test_others_are_not_warned(alice, idles, browser_of):
    assert "Your machine stops" not in browser_of(alice).get("/").text


def test_the_chart_looks_for_news_and_brings_warning_and_title_along(bob, idles, browser_of):
    page = browser_of(bob).get("/").text
    path = re.search(r'hx-get="(/machine/cpu/[^"]+)"', page)[1]
    answer = browser_of(bob).get(path, headers={"hx-request": "true"})
    assert 'id="cpu"' in answer.text
    assert 'hx-swap-oob="outerHTML"' in answer.text
    assert "minutes left)" in answer.text
    assert "ondol:moved" in answer.headers["HX-Trigger"]  # the rest may have changed, too, such as by the e-mail's link


def test_once_the_machine_has_stopped_the_page_looks_at_it(bob, browser_of):
    machine(bob, Status.STOPPED)
    answer = browser_of(bob).get(reverse("machine_cpu"), {"s": "RUNNING"}, headers={"hx-request": "true"})
    assert (answer.status_code, "ondol:moved" in answer.headers["HX-Trigger"]) == (204, True)


def test_a_machine_that_has_just_begun_says_when_values_come(bob, browser_of):
    machine(bob)
    assert "The first CPU values come some minutes after the start." in browser_of(bob).get("/").text


def test_a_resting_machine_shows_its_last_hours_and_asks_no_more(bob, browser_of):
    loads(machine(bob, Status.STOPPED), IDLE)
    page = browser_of(bob).get("/").text
    assert "chart-bar" in page
    assert not re.search(r'id="cpu"[^>]*hx-trigger="every', page)


def test_where_all_is_drawn_stays_within_the_drawing():
    now = clock.now()
    samples = [Sample(now - BACK, 100.0), Sample(now - timedelta(minutes=5), 250.0)]
    drawn = chart(samples, Limits(5.0, 1e5, 1e6, now - BACK), now, 2, (now, now + timedelta(hours=3)))
    for bar in (*drawn.bars, drawn.stop):
        left, width = float(bar.x.rstrip("%")), float(bar.width.rstrip("%"))
        assert left >= 0
        assert left + width <= 100.01
        assert 0 <= float(bar.y) < drawn.foot
