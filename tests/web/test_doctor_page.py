"""Administrators read the last check-up in their language, and ask for another."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.deployment.models import Deployment
from ondol.doctor import records
from ondol.doctor.findings import failed, ok, unknown, warning
from ondol.doctor.models import CheckUp

pytestmark = pytest.mark.django_db
PAGE, AGAIN = "/admin/doctor/", "/admin/doctor/again/"
FOUND = [
    ok("database", "sound", version="18.4"),
    failed("subnet", "missing", subnet="subnet-1", region="ap-northeast-2"),
    warning("quota", "low", vcpus=5, machines=2, type="t3.small", quota="L-1216C47A"),
]


@pytest.fixture
def worker(db):
    """Add a worker with a heartbeat."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")


@pytest.mark.parametrize(
    ("language", "fix", "title"),
    [
        ("ko", "AWS_SUBNET_ID나 AWS_REGION을 고치십시오", "문제 2건"),
        ("en", "Correct AWS_SUBNET_ID", "2 problems to fix"),
    ],
)
def test_alice_reads_what_is_wrong_first_and_in_her_language(alice, browser_of, worker, language, fix, title):
    records.keep(FOUND, datetime.now(UTC))
    page = browser_of(alice, language).get(PAGE).content.decode()
    assert fix in page
    assert title in page
    assert page.index("subnet-1") < page.index("L-1216C47A") < page.index("PostgreSQL 18.4")
    assert "hx-trigger" not in page.partition('id="check-up"')[2]


def test_bob_does_not(bob, browser_of):
    browser = browser_of(bob)
    assert browser.get(PAGE).status_code == browser.post(AGAIN).status_code == 403
    assert not CheckUp.objects.exists()


def test_alice_asks_twice_and_one_worker_looks_once(alice, browser_of, worker):
    browser = browser_of(alice)
    for _ in range(2):
        assert browser.post(AGAIN).headers["Location"] == PAGE
    assert ProcrastinateJob.objects.filter(task_name=records.TASK).count() == 1
    page = browser.get(PAGE).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "There has been no check-up yet" in page


def test_the_page_stops_asking_when_the_check_up_is_there(alice, browser_of, worker):
    browser = browser_of(alice, headers={"HX-Request": "true"})
    records.ask()
    records.keep(FOUND, datetime.now(UTC))
    part = browser.get(PAGE).content.decode()
    assert "<html" not in part
    assert "hx-trigger" not in part
    assert "The check-up is done." in part


def test_a_check_up_from_before_the_question_is_no_answer_to_it(alice, browser_of, worker):
    began = datetime.now(UTC)
    records.ask()
    records.keep(FOUND, began)
    assert records.last().is_asked_for


def test_an_older_check_up_does_not_replace_a_newer_one(db):
    now = datetime.now(UTC)
    records.keep(FOUND, now)
    records.keep([], now - timedelta(seconds=9))
    assert records.last().findings == FOUND


def test_nobody_waits_for_ever_for_a_worker_that_is_not_there(alice, browser_of):
    records.ask()
    CheckUp.objects.update(asked_at=datetime.now(UTC) - timedelta(minutes=3))
    page = browser_of(alice).get(PAGE).content.decode()
    assert "hx-trigger" not in page.partition('id="check-up"')[2]
    assert "No worker has reported for 10 seconds." in page
    assert "<code>ondol worker</code>" in page
    assert "Check now" in page, "again is after a first time"


def test_what_a_sweep_has_found_is_told_in_words(alice, browser_of, worker):
    page = browser_of(alice, "en").get(PAGE).content.decode()
    assert "They have not been compared yet" in page
    finding = {"kind": "key-pair", "id": "ondol-late", "why": "SURPLUS", "row": "", "detail": "", "since": ""}
    Deployment.current().update(swept_at=datetime.now(UTC), findings=[finding])
    page = browser_of(alice, "ko").get(PAGE).content.decode()
    assert "키 페어" in page
    assert "ondol-late" in page
    assert "자동으로 지웁니다" in page


def test_what_cannot_be_tested_is_counted_in_the_head_and_its_names_are_folded(alice, browser_of, worker):
    actions = "ec2:RunInstances, ec2:StopInstances"
    records.keep([ok("clock", "database_sound"), unknown("permissions", "untried", actions=actions)], datetime.now(UTC))
    page = browser_of(alice).get(PAGE).text
    head = " ".join(re.sub("<[^>]+>", "", page[page.index('id="check-up-title">') :].partition("</h2>")[0]).split())
    assert head.endswith("All is well · 1 not testable")
    assert re.search(
        r"<details[^>]*>\s*<summary>Which ones.*?</summary>\s*<p class=\"soft\">" + actions, page, re.DOTALL
    )
    assert "Permissions that cannot be tested" in page


def test_two_lines_of_one_check_have_two_names(alice, browser_of, worker):
    records.keep([ok("clock", "database_sound"), ok("clock", "amazon_sound")], datetime.now(UTC))
    page = browser_of(alice).get(PAGE).text
    assert re.findall("<h3>(.*?)</h3>", page) == ["Clock", "Clock, compared with Amazon"]
