"""What a log must not contain."""

import logging

import pytest
from django.db import Error, connection, transaction

from ondol.logs import JsonFormatter, TextFormatter

LINKS = [
    "/awake/12.cRk3Wq_-s3cret/",
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


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_whoever_is_told_a_reference_number_finds_it_in_the_log(formatter, caplog):
    logging.getLogger("ondol").error("gave up", extra={"row": "5f0c", "reference": "7KQ4MX2P", "worker": {"id": 1}})
    assert "7KQ4MX2P" in formatter.format(caplog.records[0])


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
