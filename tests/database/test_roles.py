"""The application's role reads and writes rows; whoever has it cannot change the record, make anything, or get further.

The server is the embedded one, as `ondol up` runs it: with a password for each role.
"""

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest
from psycopg import errors

from ondol.database import roles
from ondol.host.postgres import EmbeddedPostgres
from tests.database.conftest import SECRETS
from tests.furnished import HASTE, ONDOL, environment, furnished

pytestmark = pytest.mark.slow
FAST = {name: value for name, value in HASTE.items() if name != "hba_file"}
RECORD = "a_record"
CHANGES = {
    "a change": "UPDATE a_record SET what = 'nothing'",
    "a change of one column": "UPDATE a_record SET who = 'bob' WHERE id = 1",
    "a deletion": "DELETE FROM a_record",
    "a deletion of one": "DELETE FROM a_record WHERE id = 1",
    "a change by ON CONFLICT": "INSERT INTO a_record VALUES (1, '') ON CONFLICT (id) DO UPDATE SET who = 'bob'",
    "a change by MERGE": "MERGE INTO a_record USING (SELECT 1) x ON true WHEN MATCHED THEN UPDATE SET who = 'bob'",
    "a deletion by MERGE": "MERGE INTO a_record USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE",
    "a change inside a query": "WITH gone AS (DELETE FROM a_record RETURNING *) SELECT * FROM gone",
    "emptying it": "TRUNCATE a_record",
    "emptying it with others": "TRUNCATE accounts_user CASCADE",
    "emptying another table": "TRUNCATE django_session",
    "removing it": "DROP TABLE a_record",
    "removing all that is the owner's": "DROP OWNED BY ondol",
    "taking over all that is the owner's": "REASSIGN OWNED BY ondol TO ondol_app",
    "another shape": "ALTER TABLE a_record DROP COLUMN who",
    "another name": "ALTER TABLE a_record RENAME TO gone",
    "another owner": "ALTER TABLE a_record OWNER TO ondol_app",
    "its trigger off": "ALTER TABLE a_record DISABLE TRIGGER ALL",
    "its trigger removed": "DROP TRIGGER guard ON a_record",
    "a trigger of one's own": "CREATE TRIGGER mine BEFORE INSERT ON a_record EXECUTE FUNCTION guard()",
    "a rule": "CREATE RULE mine AS ON INSERT TO a_record DO INSTEAD NOTHING",
    "triggers off for a session": "SET session_replication_role = replica",
    "another guard": "CREATE OR REPLACE FUNCTION guard() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
    "numbers set back": "SELECT setval('a_record_id_seq', 1)",
    "sequence begun again": "ALTER SEQUENCE a_record_id_seq RESTART",
    "a lock against everybody": "BEGIN; LOCK TABLE a_record IN ACCESS EXCLUSIVE MODE",
    "locking its rows": "SELECT * FROM a_record FOR UPDATE",
    "a program's output into it": "COPY a_record FROM PROGRAM 'true'",
    "a file into it": "COPY a_record FROM '/etc/passwd'",
    "a row of the catalogue": "UPDATE pg_class SET relowner = 'ondol_app'::regrole WHERE relname = 'a_record'",
}  # fmt: skip
GETTING_FURTHER = {
    "becoming the owner": "SET ROLE ondol",
    "signing in as the owner": "SET SESSION AUTHORIZATION ondol",
    "membership": "GRANT ondol TO ondol_app",
    "superuser": "ALTER ROLE ondol_app SUPERUSER",
    "making roles": "ALTER ROLE ondol_app CREATEROLE",
    "inheriting": "ALTER ROLE ondol_app INHERIT",
    "the owner's password": "ALTER ROLE ondol PASSWORD 'x'",
    "another role": "CREATE ROLE mallory",
    "hashes of passwords": "SELECT rolpassword FROM pg_authid",
    "a table": "CREATE TABLE mine (x int)",
    "a table in front of the record": "CREATE TEMP TABLE a_record (LIKE public.a_record)",
    "a table from another": "CREATE TABLE mine AS SELECT * FROM accounts_user",
    "a view": "CREATE VIEW mine AS SELECT 1",
    "a function": "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a schema": "CREATE SCHEMA mine",
    "an extension": "CREATE EXTENSION vector",
    "a database": "CREATE DATABASE mine",
    "settings of the database": "ALTER DATABASE ondol SET search_path = pg_temp",
    "settings of the owner": "ALTER ROLE ondol SET search_path = pg_temp",
    "settings of the server": "ALTER SYSTEM SET log_statement = 'all'",
    "rights on what comes": "ALTER DEFAULT PRIVILEGES FOR ROLE ondol GRANT ALL ON TABLES TO ondol_app",
    "a file of the server": "SELECT pg_read_file('PG_VERSION')",
    "a program on the server": "COPY (SELECT 1) TO PROGRAM 'true'",
    "a shape of another table": "ALTER TABLE accounts_user ADD COLUMN x int",
    "an index": "CREATE INDEX ON accounts_user (name)",
    "a publication": "CREATE PUBLICATION mine FOR TABLE accounts_user",
}
MAY = {
    "a row of the record": "INSERT INTO a_record (who, what) VALUES ('alice', 'signed in')",
    "reading it": "SELECT count(*) FROM a_record",
    "rows of a session": "INSERT INTO django_session VALUES ('x', '', now());"
    " UPDATE django_session SET session_data = 'y'; DELETE FROM django_session",
    "waiting for news": "LISTEN procrastinate_any_queue",
    "telling news": "NOTIFY procrastinate_any_queue",
    "a lock of its own": "SELECT pg_advisory_lock(1), pg_advisory_unlock(1)",
    "a lock of rows": "SELECT * FROM accounts_user FOR UPDATE SKIP LOCKED",
    "a worker's sign of life": "SELECT procrastinate_register_worker_v1()",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a server that an `ondol up` before has migrated."""
    return furnished(tmp_path_factory.mktemp("roles") / "home") / "postgres"


@pytest.fixture(scope="module")
def server(folder):
    running = EmbeddedPostgres(folder, lambda text: None, settings=FAST)
    with (folder.parent / "postgres.log").open("wb") as log:
        running.start(log.fileno())
        yield running
        running.stop()


@pytest.fixture(scope="module")
def record(server):
    """Make a table that is append-only, with one row and a trigger."""
    with pytest.MonkeyPatch.context() as patch, psycopg.connect(server.url, autocommit=True) as owner:
        patch.setattr(roles, "APPEND_ONLY", {*roles.APPEND_ONLY, RECORD})
        owner.execute(
            "CREATE TABLE a_record (id bigserial PRIMARY KEY, who text, what text);"
            " CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
            " CREATE TRIGGER guard BEFORE UPDATE ON a_record EXECUTE FUNCTION guard()"
        )
        assert roles.grant(owner, "ondol_app")
        assert not roles.grant(owner, "ondol_app")
        owner.execute("INSERT INTO a_record (who, what) VALUES ('carol', 'read a key')")
        yield owner


@pytest.mark.parametrize("statement", [*CHANGES.values(), *GETTING_FURTHER.values()], ids=[*CHANGES, *GETTING_FURTHER])
def test_whoever_has_the_applications_role_is_refused(server, record, statement):
    with (
        psycopg.connect(server.application_url, autocommit=True) as application,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        application.execute(statement)
    assert record.execute("SELECT who, what FROM a_record WHERE id = 1").fetchall() == [("carol", "read a key")]
    assert not roles.look(record, "ondol_app").excess


@pytest.mark.parametrize("statement", MAY.values(), ids=MAY)
def test_what_web_and_worker_do_is_theirs_to_do(server, record, statement):
    with psycopg.connect(server.application_url, autocommit=True) as application:
        application.execute(statement)


def test_of_every_table_the_application_has_what_the_list_says(server, record):
    """It is asked of PostgreSQL's own view, and not of what has granted it."""
    held = """
    SELECT c.relname, coalesce(
      array_agg(g.privilege_type::text ORDER BY g.privilege_type::text) FILTER (WHERE g.grantee IS NOT NULL), '{}')
    FROM pg_class c LEFT JOIN information_schema.table_privileges g
      ON g.table_schema = 'public' AND g.table_name = c.relname AND g.grantee IN ('ondol_app', 'PUBLIC')
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') GROUP BY 1
    """
    found = dict(record.execute(held).fetchall())
    assert len(found) > 30
    assert found.pop(RECORD) == ["INSERT", "SELECT"]
    wrong = {name: rights for name, rights in found.items() if set(rights) != set(roles.privileges_on(name))}
    assert not wrong
    assert {roles.privileges_on(name) for name in roles.APPEND_ONLY} == {("SELECT", "INSERT")}


def migrate(folder, application, owner):
    env = environment(folder.parent, **SECRETS, DATABASE_URL=application, ONDOL_DATABASE_OWNER_URL=owner)
    return subprocess.run([*ONDOL, "migrate"], env=env, text=True, capture_output=True, timeout=120)


GONE_WRONG = {
    "a table that a migration has added": "CREATE TABLE later (id bigserial PRIMARY KEY)",
    "a right that was taken": "REVOKE UPDATE ON accounts_user FROM ondol_app",
    "a right too much": "GRANT TRUNCATE, TRIGGER ON accounts_user TO ondol_app",
    "a right for all roles": "GRANT REFERENCES ON accounts_user TO PUBLIC",
    "a column too much": "GRANT REFERENCES (id) ON accounts_user TO ondol_app",
    "a sequence that may be set": "GRANT UPDATE ON SEQUENCE procrastinate_jobs_id_seq TO ondol_app",
    "tables of one's own": "GRANT CREATE ON SCHEMA public TO PUBLIC",
    "tables that come before ours": "GRANT TEMPORARY ON DATABASE ondol TO PUBLIC",
    "a function that was closed": "REVOKE EXECUTE ON FUNCTION procrastinate_register_worker_v1() FROM PUBLIC",
}


def test_ondol_migrate_sets_right_whatever_differs_and_says_so_once(server, folder, record):
    record.execute("DROP TABLE a_record")  # `ondol migrate` knows no such table
    for what, statement in GONE_WRONG.items():
        record.execute(statement)
        assert roles.look(record, "ondol_app").excess or roles.look(record, "ondol_app").lacking, what
        assert roles.grant(record, "ondol_app"), what
        found = roles.look(record, "ondol_app")
        assert not found.excess + found.lacking, what
    record.execute("CREATE TABLE latest (id bigserial PRIMARY KEY)")
    first, second = (migrate(folder, server.application_url, server.url) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "Gave ondol_app the rows of Ondol's tables; SELECT and INSERT alone" in first.stdout
    assert second.stdout == ""
    with psycopg.connect(server.application_url) as application:
        application.execute("INSERT INTO latest DEFAULT VALUES")


def test_web_and_worker_do_not_start_without_what_they_need(server, folder):
    """The finding that stops them is that of the check-up, and says what to do."""
    env = environment(folder.parent, **SECRETS, DATABASE_URL=server.application_url, ONDOL_CLOUD="local")
    with psycopg.connect(server.url, autocommit=True) as owner:
        owner.execute("REVOKE DELETE ON accounts_user FROM ondol_app")
        try:
            words = [*ONDOL, "doctor", "--only", "database", "--language", "en"]
            for command in ([*ONDOL, "worker"], words):
                done = subprocess.run(command, env=env, text=True, capture_output=True, timeout=120)
                assert done.returncode == 1
                assert "ondol_app, with which web and worker connect, lacks DELETE on accounts_user" in (
                    done.stdout + done.stderr
                )
        finally:
            assert roles.grant(owner, "ondol_app")
    done = subprocess.run(words, env=env, text=True, capture_output=True, timeout=120)
    assert "answers and is up to date" in done.stdout
    assert "which owns the tables" not in done.stdout


def test_old_rows_of_the_record_are_removed_by_the_owner_alone(server, folder):
    url, owner = server.application_url, server.url
    env = environment(folder.parent, **SECRETS, DATABASE_URL=url, ONDOL_CLOUD="local")
    with psycopg.connect(url, autocommit=True) as application:
        application.execute(
            "INSERT INTO audit_entry (at, action, outcome, code, by_email, on_email, source, address, agent,"
            " request_id, details)"
            " SELECT now() - interval '9 days', 'sign_in', 'done', '', '', '', 'page', '', '', '', '{}'"
            " FROM generate_series(1, 3)"
        )
    link = "import django; django.setup(); from ondol.audit.linking import link; link(everything=True)"
    django = {**env, "DJANGO_SETTINGS_MODULE": "ondol.settings"}
    subprocess.run([sys.executable, "-c", link], env=django, check=True, timeout=120)
    for way, code, words in (
        ({}, 1, "ONDOL_DATABASE_OWNER_URL"),
        ({"ONDOL_DATABASE_OWNER_URL": owner}, 0, "Removed 3"),
    ):
        done = subprocess.run(
            [*ONDOL, "audit", "prune", "--days", "5"], env=env | way, text=True, capture_output=True, timeout=120
        )
        assert (done.returncode, words in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr
    done = subprocess.run([*ONDOL, "audit", "verify"], env=env, text=True, capture_output=True, timeout=120)
    assert (done.returncode, "Nothing was changed" in done.stdout) == (0, True), done.stdout


def as_before(folder):
    """Leave a home as a version with one role has left it."""
    server = EmbeddedPostgres(folder, lambda text: None, settings=FAST)
    server.start()
    with psycopg.connect(server.url, autocommit=True) as owner:
        owner.execute("DROP OWNED BY ondol_app; DROP ROLE ondol_app; ALTER ROLE ondol PASSWORD NULL")
    server.stop()
    (folder / "passwords").unlink()
    (folder / "data/pg_hba.ondol.conf").unlink()


KILLED = """
import sys; from pathlib import Path
from ondol.host.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), lambda text: None)
print("begun", flush=True)
server.start()
"""


def test_a_home_with_one_role_gets_two_whenever_it_was_killed_on_the_way(tmp_path):
    folder = furnished(tmp_path / "home") / "postgres"
    as_before(folder)
    for seconds in (0.1, 0.3, 0.5, 0.7, 0.9, 1.2, 1.5, 2.0):
        words = [sys.executable, "-c", KILLED, str(folder)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
            run.stdout.readline()
            time.sleep(seconds)
            os.kill(run.pid, signal.SIGKILL)
    server = EmbeddedPostgres(folder, lambda text: None, settings=FAST)
    server.start()
    try:
        done = migrate(folder, server.application_url, server.url)
        assert done.returncode == 0, done.stderr
        with psycopg.connect(server.application_url) as application:
            assert application.execute("SHOW search_path").fetchone() == ("public",)
            found = roles.look(application)
        assert (found.owns, found.excess, found.lacking) == (False, (), ())
        for strange in (
            server.url.replace("password=", "password=x"), server.url.replace("password=", "passfile="),
            server.application_url.replace("/ondol?", "/postgres?"),
        ):  # fmt: skip
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(strange)
        assert (folder / "passwords").stat().st_mode & 0o077 == 0
    finally:
        server.stop()


def test_a_kill_between_the_roles_and_their_file_is_made_good(tmp_path):
    folder = furnished(tmp_path / "home") / "postgres"
    (folder / "passwords").unlink()
    server = EmbeddedPostgres(folder, lambda text: None, settings=FAST)
    server.start()
    try:
        for url in (server.url, server.application_url):
            with psycopg.connect(url) as connection:
                connection.execute("SELECT count(*) FROM accounts_user")
    finally:
        server.stop()
