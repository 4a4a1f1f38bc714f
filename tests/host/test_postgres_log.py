"""The embedded PostgreSQL's own log has no value of any statement: who reads logs may not read tables."""

from contextlib import suppress

import psycopg
import pytest
from django.db import connection as database

from ondol.database import server_log
from ondol.host.postgres import EmbeddedPostgres
from tests.furnished import HASTE

pytestmark = pytest.mark.slow
CANARY = "scrypt$16384$n0tInAnyL0g"
_TABLES = """
CREATE TYPE mood AS ENUM ('warm');
CREATE TABLE person (
  id int PRIMARY KEY, hash text NOT NULL CHECK (hash <> 'scrypt$16384$n0tInAnyL0g'), at date, short varchar(5), m mood,
  other text UNIQUE, boss int REFERENCES person, key uuid, about json,
  EXCLUDE USING hash (short WITH =)
);
INSERT INTO person (id, hash, other) VALUES (1, '-', 'scrypt$16384$n0tInAnyL0g');
CREATE FUNCTION refuse(text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused %', $1; END $$;
"""
FAILING = {
    "a check": "INSERT INTO person (id, hash) VALUES (2, '{}')",
    "a missing value in a row": "INSERT INTO person (id, hash, other) VALUES (2, NULL, '{}')",
    "a unique value": "INSERT INTO person (id, hash, other) VALUES (2, '-', '{}')",
    "an excluded one": "INSERT INTO person (id, hash, short, other) VALUES (3, '-', 'a', '{0}'), (4, '-', 'a', '{0}x')",
    "a foreign key": "INSERT INTO person (id, hash, boss, other) VALUES (2, '-', 9, '{}x')",
    "no number": "INSERT INTO person (id, hash) VALUES ('{}', '-')",
    "no date": "INSERT INTO person (id, hash, at) VALUES (2, '-', '{}')",
    "no UUID": "INSERT INTO person (id, hash, key) VALUES (2, '-', '{}')",
    "no JSON": "INSERT INTO person (id, hash, about) VALUES (2, '-', '{}')",
    "no member of an enum": "INSERT INTO person (id, hash, m) VALUES (2, '-', '{}')",
    "too long": "INSERT INTO person (id, hash, short) VALUES (2, '-', '{}')",
    "no such column": "INSERT INTO person (id, hash, nothing) VALUES (2, '-', '{}')",
    "no syntax": "INSERT INTO person SET '{}'",
    "an update": "UPDATE person SET hash = NULL WHERE other = '{}'",
    "a function's own words": "SELECT refuse('{}')",
    "a division": "SELECT 1 / (length('{}') - length('{}'))",
    "too slow": "SET statement_timeout = 50; SELECT pg_sleep(5), '{}'",
    "locked": "SET lock_timeout = 50; LOCK TABLE person; SELECT '{}'",
    "in a block": "DO $$ BEGIN INSERT INTO person (id, hash) VALUES (2, '{}'); END $$",
    "a warning": "DO $$ BEGIN RAISE WARNING 'beware of %', '{}'; END $$",
    "a log line": "DO $$ BEGIN PERFORM pg_sleep(0), '{}'; END $$",
}


def log_of(folder, settings):
    """Return what a server says while all of these fail, with values in the statement and beside it."""
    log = folder / "postgres.log"
    server = EmbeddedPostgres(folder / "postgres", lambda text: None, settings=HASTE | settings)
    with log.open("ab") as output:
        server.start(output.fileno())
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(_TABLES)
        for statement in FAILING.values():
            with psycopg.connect(server.url) as holder, psycopg.connect(server.url, autocommit=True) as connection:
                if "LOCK" in statement:
                    holder.execute("SELECT * FROM person")
                with suppress(psycopg.Error):
                    connection.execute(statement.replace("{0}", CANARY).replace("{}", CANARY))
                if statement.startswith("INSERT") and "'{}'" in statement:
                    with suppress(psycopg.Error):
                        connection.execute(statement.replace("'{}'", "%s"), [CANARY])
        copying = "COPY person (id, hash) FROM STDIN"
        with (
            suppress(psycopg.Error),
            psycopg.connect(server.url) as connection,
            connection.cursor().copy(copying) as copy,
        ):
            copy.write(f"{CANARY}\t-\n")
    finally:
        server.stop()
    return log.read_text()


def test_no_value_of_a_statement_is_in_the_log_and_what_is_said_of_the_server_is(tmp_path):
    said = log_of(tmp_path, {})
    assert CANARY not in said
    assert "person" not in said
    assert "database system is ready to accept connections" in said


def test_with_postgresqls_own_settings_nearly_all_of_them_are(tmp_path):
    """Otherwise the test above would find nothing whatever was set."""
    own = {"log_error_verbosity": "default", "log_min_error_statement": "error", "log_min_messages": "warning"}
    assert log_of(tmp_path, own).count(CANARY) > 30


# The settings of somebody's own server → what `ondol doctor` wants to be changed.
SERVERS = [
    ({}, set()),
    ({"log_error_verbosity": "default"}, {"log_error_verbosity"}),
    ({"log_error_verbosity": "verbose"}, {"log_error_verbosity"}),
    ({"log_min_error_statement": "error"}, {"log_min_error_statement"}),
    ({"log_min_error_statement": "log"}, {"log_min_error_statement"}),
    ({"log_min_error_statement": "fatal"}, set()),
    ({"log_statement": "ddl"}, set()),
    ({"log_statement": "mod"}, {"log_statement"}),
    ({"log_statement": "all"}, {"log_statement"}),
    ({"log_min_duration_statement": "0"}, {"log_min_duration_statement"}),
    ({"log_min_duration_sample": "1000"}, {"log_min_duration_sample"}),
    ({"log_transaction_sample_rate": "0.1"}, {"log_transaction_sample_rate"}),
    ({"log_parameter_max_length_on_error": "-1"}, {"log_parameter_max_length_on_error"}),
    ({"auto_explain.log_min_duration": "250"}, {"auto_explain.log_min_duration"}),
    ({"pgaudit.log": "write"}, {"pgaudit.log"}),
    ({"work_mem": "4096"}, set()),
]


@pytest.mark.parametrize(("settings", "lacking"), SERVERS)
def test_each_setting_that_lets_values_into_the_log_is_named(settings, lacking):
    assert set(server_log.lacking(server_log.ours() | settings)) == lacking


@pytest.mark.django_db
def test_postgresql_has_all_of_these_settings():
    with database.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(server_log.ours())])
        assert dict(cursor.fetchall()) == server_log.ours()
