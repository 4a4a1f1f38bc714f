"""Keep awake and "not this time" on the dashboard, and the rules that apply to its reader."""

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from ondol.instances.models import Instance, Run
from ondol.instances.states import Status
from ondol.policy.models import Policy
from tests.web.conftest import machine

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 1, 5, 12, tzinfo=ZoneInfo("Asia/Seoul"))


@pytest.fixture(autouse=True)
def _noon(machines_clock):
    machines_clock.freeze(NOON)


@pytest.fixture
def hours():
    """Return workdays until 22 o'clock."""
    return Policy.objects.create(
        owner=None, has_hours=True, opens_at=time(9), closes_at=time(22), weekends=False, zone="Asia/Seoul"
    )


def page(browser, path="/"):
    return " ".join(browser.get(path).content.decode().split())


def mine():
    return Instance.objects.get()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["1 hour", "4 hours", "Until <time", "18:00", "tomorrow 09:00"]),
        ("ko", ["1시간", "4시간", "18:00</time>까지", "내일 09:00</time>까지"]),
    ],
)
def test_the_times_to_choose_from_are_told_with_their_clock(browser_of, bob, language, words):
    machine(bob)
    shown = page(browser_of(bob, language))
    assert all(word in shown for word in words)
    assert "13:00" not in shown  # which would be wrong a minute later


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            ["Kept awake until 13:00", "It is no longer kept awake.", "It does not stop when the hours end (22:00).",
             "It stops when the hours end, as planned."],
        ),
        (
            "ko",
            ["13:00까지 켜 둡니다", "이제 켜 두지 않습니다.", "운영 시간이 끝나도(22:00) 중지하지 않습니다.",
             "운영 시간이 끝나면 예정대로 중지합니다."],
        ),
    ],
)  # fmt: skip
def test_without_a_script_each_choice_says_what_it_has_changed(browser_of, bob, hours, language, words):
    machine(bob)
    browser = browser_of(bob, language)
    acts = [("awake/", {"until": "1h"}), ("awake/end/", {}), ("not-tonight/", {}), ("tonight/", {})]
    for (act, form), said in zip(acts, words, strict=True):
        answer = browser.post(f"/machine/{act}", form, follow=True).text
        assert re.search(rf'(?s)note-done"\s+role="status">.*<span>{re.escape(said)}</span>', answer), act


def test_a_click_keeps_it_awake_and_another_ends_it(browser_of, bob):
    machine(bob)
    browser = browser_of(bob)
    browser.post("/machine/awake/", {"until": "9"})
    assert mine().run.awake_until == NOON + timedelta(hours=21)
    assert "Kept awake until <time" in page(browser)
    browser.post("/machine/awake/end/")
    assert mine().run.awake_until is None
    assert "Kept awake until <time" not in page(browser)


@pytest.mark.parametrize("wish", ["", "99", "2026-01-05T20:00:00Z"])
def test_what_was_not_offered_is_refused_in_words(browser_of, bob, wish):
    machine(bob)
    answer = browser_of(bob).post("/machine/awake/", {"until": wish}, follow=True)
    assert "can no longer be chosen" in answer.content.decode()
    assert mine().run.awake_until is None


def test_a_resting_machine_has_nothing_to_keep_awake(browser_of, bob):
    machine(bob, Status.STOPPED)
    browser = browser_of(bob)
    assert "Keep it awake" not in page(browser)
    assert "is not running" in browser.post("/machine/awake/", {"until": "1h"}, follow=True).content.decode()


def test_where_it_is_not_allowed_it_is_not_offered(browser_of, bob):
    machine(bob)
    Policy.objects.create(owner=bob, awake_hours=0)
    assert "awake" not in page(browser_of(bob)).replace("/machine/awake", "").replace("awake-line", "").lower()


def test_the_next_closing_time_can_be_waived_and_taken_back(browser_of, bob, hours):
    machine(bob, launched_at=NOON)
    browser = browser_of(bob)
    assert "It will be stopped then, even if busy." in page(browser)
    assert "22:00 KST" in page(browser)
    browser.post("/machine/not-tonight/")
    assert "this time, your machine keeps running" in page(browser)
    browser.post("/machine/tonight/")
    assert mine().run.waived_close is None


def test_it_is_told_when_auto_stop_was_last_checked(browser_of, bob):
    row = machine(bob)
    Run.objects.update(alarm_verified_at=NOON - timedelta(minutes=1))
    assert "Auto-stop is set in AWS · checked at <time" in page(browser_of(bob))
    Run.objects.filter(instance=row).update(armed_at=None)
    assert "Auto-stop is being set in AWS." in page(browser_of(bob))


def test_a_check_alone_does_not_make_the_page_load_anew(browser_of, bob):
    machine(bob)
    browser = browser_of(bob)
    version = browser.get("/").context["page"].version
    Run.objects.update(alarm_verified_at=NOON + timedelta(minutes=1))
    assert browser.get("/machine/", {"v": version}).status_code == 204
    Run.objects.update(awake_until=NOON + timedelta(hours=1))
    assert browser.get("/machine/", {"v": version}).status_code == 200


def test_the_rule_on_the_page_is_ones_own_with_an_administrators_words(browser_of, bob):
    machine(bob)
    Policy.objects.create(owner=bob, idle_minutes=90, idle_core_percent="2.5", why="Your models idle while they load.")
    shown = page(browser_of(bob))
    assert "stays below 2.5% of one core for 90 minutes" in shown
    assert "Your models idle while they load." in shown


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["90 idle minutes", "set for you", "Monday to Friday 09:00–22:00 (Asia/Seoul)",
                "set for all", "CPU below 10% of one core", "as installed", "at most 24 hours at a time"]),
        ("ko", ["유휴 90분", "나에게 정한 규칙",
                "월~금 09:00~22:00 (Asia/Seoul)", "기본값", "한 번에 최대 24시간"]),
    ],
)  # fmt: skip
def test_the_account_page_tells_all_rules_and_who_set_them(browser_of, bob, hours, language, words):
    Policy.objects.create(owner=bob, idle_minutes=90)
    shown = page(browser_of(bob, language), "/settings/")
    assert all(word in shown for word in words)


@pytest.mark.parametrize(
    "path", ["/machine/awake/", "/machine/awake/end/", "/machine/not-tonight/", "/machine/tonight/"]
)
def test_a_link_changes_nothing_and_nobody_else_is_let_in(browser_of, bob, carol, path):
    machine(bob)
    assert browser_of(bob).get(path).status_code == 405
    assert browser_of(carol).post(path, {"until": "1h"}).status_code in {302, 403}
    assert mine().run.awake_until is None
