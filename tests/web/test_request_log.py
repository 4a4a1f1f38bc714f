"""One line for each request, under an id that its answer, its errors and its jobs share."""

import logging
import re

import pytest
from django.http import HttpResponse
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import metrics
from ondol.config import Config
from ondol.logs import JsonFormatter, TextFormatter
from ondol.web import request_log
from ondol.web.machine import page as machine_page
from ondol.web.request_log import request_log as middleware

pytestmark = pytest.mark.django_db
ID = re.compile(r"[0-9a-f]{16}")


@pytest.fixture
def lines(caplog):
    """Return what was logged of requests, as dictionaries; each line with the id in force when it was written."""
    caplog.set_level(logging.INFO)
    return lambda: [record for record in caplog.records if record.name == "ondol.request"]


def test_a_request_has_one_line_with_its_route_and_never_with_what_was_typed(alice, browser_of, lines):
    answer = browser_of(alice).get("/costs/?month=2026-01&secret=s3cret", headers={"Accept": "s3cret"})
    (line,) = lines()
    assert (line.method, line.route, line.code, line.person) == ("GET", "costs/", 200, alice.pk)
    assert isinstance(line.ms, int)
    assert "s3cret" not in TextFormatter().format(line) + JsonFormatter().format(line)
    assert ID.fullmatch(answer.headers["X-Request-ID"])


@pytest.mark.parametrize(
    ("path", "route", "code"),
    [
        ("/", "/", 302),
        ("/nowhere/s3cret", "unmatched", 404),
        ("/awake/12.s3cret/", "awake/<str:token>/", 404),
        ("/accounts/login/?next=/s3cret", "accounts/login/", 200),
        ("/accounts/confirm-email/MQ:s3cret/", "accounts/confirm-email/(?P<key>[-:\\w]+)/$", 200),
        ("/admin/people/77/", "admin/people/<int:pk>/", 302),
        ("/api/instances/status", "api/instances/status", 401),
        ("/machine/start/", "machine/start/", 405),
    ],
)
def test_a_route_is_the_pattern_and_not_the_address(client, lines, path, route, code):
    client.get(path)
    (line,) = lines()
    assert (line.route, line.code) == (route, code)
    assert not hasattr(line, "person")


@pytest.mark.parametrize("path", ["/healthz", "/static/ondol/none.css"])
def test_probes_and_styles_are_counted_and_have_no_line(client, lines, path):
    client.get(path)
    assert [line for line in lines() if line.code < 400] == []


def test_what_an_open_page_asks_by_itself_has_no_line_unless_it_fails(alice, browser_of, lines):
    browser = browser_of(alice)
    browser.get("/machine/", headers={"HX-Request": "true"})
    assert not lines()
    browser.get("/nowhere", headers={"HX-Request": "true"})
    assert [line.code for line in lines()] == [404]


def test_an_error_page_tells_the_id_by_which_the_log_has_its_traceback(bob, browser_of, monkeypatch, caplog):
    browser = browser_of(bob)
    browser.raise_request_exception = False
    monkeypatch.setattr(machine_page, "card_of", lambda user: 1 / 0)
    caplog.handler.setFormatter(JsonFormatter())
    answer = browser.get("/")
    told = answer.headers["X-Request-ID"]
    assert told in answer.text
    (trace,) = [line for line in caplog.text.splitlines() if "ZeroDivisionError" in line and "django.request" in line]
    assert f'"request_id": "{told}"' in trace


def test_a_job_carries_the_id_of_the_click_that_asked_for_it(alice, browser_of):
    answer = browser_of(alice).post("/machine/create/")
    job = ProcrastinateJob.objects.get(queue_name="instances")
    assert job.args["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("behind_proxy", "given", "is_taken"),
    [
        (True, "b7ad6b7169203331", True),
        (True, "0af76519-16cd-43dd-8448-eb211c80319c", True),
        (True, "short", False),
        (True, "x" * 65, False),
        (True, "two\nlines of a log", False),
        (True, "spaces are not taken", False),
        (True, "한글이라고해도안됩니다", False),
        (True, '"quoted-in-json"', False),
        (False, "b7ad6b7169203331", False),
    ],
)
def test_the_id_of_a_proxy_is_taken_if_it_can_be_no_other_line(rf, monkeypatch, behind_proxy, given, is_taken):
    monkeypatch.setattr(request_log, "config", lambda: Config.model_construct(behind_proxy=behind_proxy))
    request = rf.get("/healthz", HTTP_X_REQUEST_ID=given)
    answer = middleware(lambda request: HttpResponse())(request)
    assert (answer.headers["X-Request-ID"] == given) is is_taken


def test_an_invented_method_is_no_new_row_of_the_metrics(client):
    client.generic("S3CRET", "/nowhere")
    labels = {sample.labels["method"] for family in metrics.REQUESTS.collect() for sample in family.samples}
    assert "OTHER" in labels
    assert "S3CRET" not in labels
