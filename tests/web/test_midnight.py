"""A page that stays open over midnight does not say “today” about yesterday."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from ondol import clock
from ondol.accounts.models import Role
from ondol.audit.models import Entry
from ondol.web import times
from tests.web.browser import page_of
from tests.web.conftest import machine, person

EVENING = datetime(2026, 6, 3, 13, 50, tzinfo=UTC)
"""22:50 in Seoul."""


def until(element):
    return int(re.search(r'data-until="(\d+)"', element)[1])


def test_what_is_said_of_today_holds_until_midnight_here(machines_clock):
    machines_clock.set(EVENING)
    for value in (EVENING, EVENING - timedelta(days=1), EVENING + timedelta(hours=3)):
        assert 4198 <= until(times.of_today(value, "x")) - time.time() <= 4202
    assert until(times.heading(EVENING.date())) == until(times.of_today(EVENING, "x"))
    for value in (EVENING - timedelta(days=2), EVENING + timedelta(days=2)):
        assert "data-until" not in times.of_today(value, "x")


def test_a_trial_at_speed_is_at_midnight_sooner(machines_clock):
    machines_clock.set(EVENING, speed=60)
    assert 68 <= until(times.of_today(EVENING, "x")) - time.time() <= 72


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_open_page_tells_dates_after_midnight(site, browser, machines_clock):
    machines_clock.set(EVENING)
    ada = person("ada@example.org", role=Role.ADMIN)
    machine(ada, minutes_ago=10)
    Entry.objects.create(action="sign_in", source="page", at=clock.now(), by_id=ada.pk, by_email=ada.email)
    with page_of(browser, site, ada.email) as page:
        for path, before, after in (
            ("/admin/fleet/", "22:40", "3 Jun 2026, 22:40 KST"),
            ("/admin/activity/", "Today, Wed 3 Jun 2026", "Wed 3 Jun 2026"),
            ("/", "today 22:40", "3 Jun 2026, 22:40 KST"),
        ):
            page.clock.install()
            page.goto(path)
            shown = page.locator("main time[data-until]").filter(has_text=before).first.element_handle()
            page.clock.run_for(31_000)
            assert shown.text_content() == before
            page.clock.fast_forward(4300_000)
            page.clock.run_for(31_000)
            assert shown.text_content() == after
            expect(page.locator("main")).not_to_contain_text("Today,")
            page.wait_for_load_state("networkidle")
