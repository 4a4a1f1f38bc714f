"""What a log must not contain."""

import json
import logging
import re

import pytest
from django.db import Error, connection, transaction
from django.urls import get_resolver

from ondol.logs import JsonFormatter, TextFormatter

LINKS = [
    "/awake/12.cRk3Wq_-s3cret/",
    "/old-address/WzFd:1xX6qo:s3cret/",
    "/invitation/WzFd:1xX6qo:s3cret/",
    "/accounts/password/reset/key/1-s3cret/",
    "/accounts/confirm-email/MQ:s3cret/",
]


@pytest.mark.parametrize("path", LINKS)
@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_failed_request_is_named_without_the_secret_of_its_link(formatter, path):
    record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "Failed: %s", (path,), None)
    record.request = f"<WSGIRequest: GET '{path}'>"
    told = formatter.format(record)
    assert f"Failed: {path.rsplit('/', 2)[0]}/" in told
    assert "s3cret" not in told


def routes(patterns, before=""):
    for one in patterns:
        route = before + str(one.pattern)
        yield from routes(one.url_patterns, route) if hasattr(one, "url_patterns") else [route]


def test_each_route_with_more_than_a_number_in_it_is_among_the_links():
    """Whatever is not a number may be a secret."""
    told = [route for route in routes(get_resolver().url_patterns) if re.search(r"<(?!int:)", route)]
    assert len(told) == len(LINKS), told
    for route in told:
        start = re.split(r"[<(]", re.sub(r"[\\^$]", "", route))[0]
        assert any(link.startswith(f"/{start}") for link in LINKS), route


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_whoever_is_told_a_reference_number_finds_it_in_the_log(formatter, caplog):
    logging.getLogger("ondol").error("gave up", extra={"row": "5f0c", "reference": "7KQ4MX2P", "worker": {"id": 1}})
    assert "7KQ4MX2P" in formatter.format(caplog.records[0])


FORGED = "2026-11-28 10:00:00.000+09:00 INFO ondol.job: all is well"
# What a machine, or whoever sends a request, may say, and what would become of the line.
SAYS = {
    "LF": f"a\n{FORGED}",
    "CR": f"a\r{FORGED}",
    "both": f"a\r\n{FORGED}",
    "NUL": "a\0b",
    "clears the terminal": "a\x1b[2J\x1b]0;title\x07b",
    "C1's own ESC": "a\x9b2Jb",
    "backspaces": "a\b\b\x7fb",
    "form feed and vertical tab": "a\f\vb",
    "next line": "a\x85b",
    "line separator": f"a\u2028{FORGED}",
    "paragraph separator": f"a\u2029{FORGED}",
    "turns words round": "a\u202e\u2066b\u2069\u200fc",
    "nothing to be seen": "a\u200b\u2060\ufeffb\U000e0041",
    "half a character": "a\udc80\ud800b",
    "10 MB": "a\n\x1b" * (10 * 2**20 // 3),
}


def logged(formatter, says, way):
    """A record with what somebody says: in its message, its arguments, `extra=`, or the traceback."""
    info = (ValueError, ValueError(says), None) if way == "traceback" else None
    message, values = {"message": (says, ()), "argument": ("it says: %s", (says,))}.get(way, ("hello", ()))
    record = logging.LogRecord("asyncssh", logging.WARNING, __file__, 1, message, values, info)
    if way == "extra":
        record.code = says
    return formatter.format(record)


@pytest.mark.parametrize("way", ["message", "argument", "extra", "traceback"])
@pytest.mark.parametrize("says", SAYS)
@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_nobody_writes_lines_or_escape_sequences_into_the_log(formatter, says, way):
    told = logged(formatter, SAYS[says], way)
    first, *more = told.split("\n")
    assert all(line.startswith("  | ") for line in more)
    if way != "traceback" or isinstance(formatter, JsonFormatter):
        assert not more
    assert all(line.isprintable() for line in (first, *more))
    assert len(told) < 200_000
    told.encode()
    if isinstance(formatter, JsonFormatter):
        assert "a" in str(json.loads(told))


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_what_people_read_stays_as_it_is(formatter):
    assert "김앨리스 · 50 % → é" in logged(formatter, "김앨리스 · 50 % → é", "argument")


REFUSED_BY_DJANGO = (
    *("RequestDataTooBig", "TooManyFieldsSent", "TooManyFilesSent", "DisallowedRedirect", "SuspiciousFileOperation"),
    *("SuspiciousMultipartForm", "SuspiciousOperation", "InvalidSessionKey", "SuspiciousSession"),
)


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_what_anybody_can_send_is_one_line_without_a_traceback(formatter):
    error = (ValueError, ValueError("too big"), None)
    for kind in REFUSED_BY_DJANGO:
        record = logging.LogRecord(f"django.security.{kind}", logging.ERROR, __file__, 1, "Refused", (), error)
        told = formatter.format(record)
        assert "Refused" in told
        assert "too big" not in told
        assert "\n" not in told
        assert record.exc_info, "other handlers get it as it was"
    record.name = "django.request"
    assert "too big" in formatter.format(record)


def test_other_paths_are_told():
    record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "Failed: %s", ("/admin/fleet/",), None)
    assert TextFormatter().format(record).endswith(" ERROR django.request: Failed: /admin/fleet/")


CANARY = "scrypt$16384$n0tInAnyL0g"
# Statements that PostgreSQL refuses → what it says of them; `%s` is a password's hash.
REFUSED = {
    "INSERT INTO accounts_user (password) VALUES (%s)": "violates not-null constraint",
    "INSERT INTO accounts_user SELECT (jsonb_populate_record(u, jsonb_build_object('id', 0, 'name', %s))).* "
    "FROM accounts_user u": "violates unique constraint",
    "UPDATE accounts_user SET role = 'X', password = %s": "violates check constraint",
    "UPDATE accounts_user SET role = 'TOO LONG TO BE ONE', password = %s": "value too long",
    "UPDATE accounts_user SET decided_by_id = 0, password = %s; SET CONSTRAINTS ALL IMMEDIATE": "violates foreign key",
    "UPDATE accounts_user SET nothing = %s": 'column "nothing"',
    "SELECT %s FROM nowhere": 'relation "nowhere"',
    "UPDATE accounts_user password = %s": "syntax error",
    "DO $$ BEGIN PERFORM 1 / 0, %s; END $$": "division by zero",
}


@pytest.mark.django_db
@pytest.mark.parametrize("statement", REFUSED)
def test_a_statement_that_fails_is_told_without_its_values(statement):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_user (email, name, password, affiliation, purpose, approval, role, decision_reason,"
            " language, is_active, created_at) VALUES ('bob@example.org', 'Bob', '', '', '', 'PENDING', 'MEMBER', '',"
            " 'en', true, now())"
        )
        with pytest.raises(Error) as refused, transaction.atomic():
            cursor.execute(statement, [CANARY])
    assert REFUSED[statement] in str(refused.value)
    info = (refused.type, refused.value, refused.tb)
    record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "Failed: %s", (refused.value,), info)
    for formatter in (TextFormatter(), JsonFormatter()):
        assert REFUSED[statement].split('"')[0] in formatter.format(record)
        assert CANARY not in formatter.format(record)
