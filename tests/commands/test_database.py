"""Errors of the database are a sentence, and no piece of a password is in it."""

import os
import subprocess
import time
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import Error, connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException

from ondol.commands import _django
from ondol.config import config
from ondol.host.home import new_secret_key, new_vault_key
from tests.furnished import ONDOL, environment

SECRETS = {name: os.environ[name] for name in ("ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS")}


RAISED = {
    "a server that stops": ("DO 'BEGIN RAISE admin_shutdown; END'", "admin_shutdown"),
    "a transaction idle for too long": ("", "terminating connection due to idle-in-transaction timeout"),
    "a statement that takes too long": (
        "SET LOCAL statement_timeout = 50; SELECT pg_sleep(5)",
        "canceling statement due to statement timeout",
    ),
    "a lock that another has": ("DO 'BEGIN RAISE lock_not_available; END'", "lock_not_available"),
    "a table that it may not read": ("SELECT rolpassword FROM pg_authid", "permission denied for table pg_authid"),
    "a table that is not there": ("SELECT * FROM nothing", ""),
    "a mistake in SQL": ("SELECT FROM FROM", ""),
    "a division by zero": ("SELECT 1 / 0", ""),
    "text for a number": ("SELECT 'x'::int", ""),
    "a row twice": ("INSERT INTO django_session VALUES ('x', '', now()), ('x', '', now())", ""),
}


def ask(statement, by_the_engine_of_jobs):
    with transaction.atomic(), connection.cursor() as cursor:
        if not statement:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 50")
            time.sleep(0.3)
        execute = app.connector.get_sync_connector().execute_query if by_the_engine_of_jobs else cursor.execute
        execute(statement or "SELECT 1")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by_the_engine_of_jobs", [False, True])
def test_only_trouble_of_the_database_is_told_without_a_stack_trace(by_the_engine_of_jobs):
    """The errors are those that are really raised, with all that led to them."""
    for what, (statement, trouble) in RAISED.items():
        with pytest.raises((Error, ConnectorException)) as caught:
            ask(statement, by_the_engine_of_jobs)
        connection.close()
        assert _django.trouble_in(caught.value) == trouble, what
        assert bool(_django.lost_in(caught.value)) == (bool(trouble) and "permission" not in trouble), what
    assert not _django.trouble_in(ValueError("ours"))


@pytest.mark.parametrize("where", ["the environment", "the file", "nowhere"])
def test_what_ana_has_written_stands_before_what_ondol_up_has_made(tmp_path, monkeypatch, where):
    """She has moved the keys into her settings, and the files of the home are still there."""
    made = {"secret.key": new_secret_key(), "vault.keys": new_vault_key(), "database.url": "postgresql:///made"}
    for name, text in made.items():
        (tmp_path / name).write_text(text + "\n")
    hers = {
        "ONDOL_SECRET_KEY": new_secret_key(),
        "ONDOL_VAULT_KEYS": new_vault_key(),
        "DATABASE_URL": "postgresql:///hers",
    }
    monkeypatch.setenv("ONDOL_HOME", str(tmp_path))
    monkeypatch.setenv("ONDOL_ENV_FILE", str(file := tmp_path / "ondol.env"))
    file.write_text("".join(f"{name}={text}\n" for name, text in hers.items()) if where == "the file" else "")
    for name, text in hers.items():
        monkeypatch.setenv(name, text if where == "the environment" else "")
    config.cache_clear()
    try:
        _django.borrow_from_home()
        used = [config().secret_key, *config().vault_keys, config().database_url]
    finally:
        monkeypatch.undo()
        config.cache_clear()
    assert used == list(made.values() if where == "nowhere" else hers.values())


@pytest.mark.slow
def test_a_database_in_which_nothing_may_be_made(tmp_path):
    admin, name = os.environ["DATABASE_URL"], f"ondol_{os.getpid()}_locked"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        connection.execute(f'CREATE ROLE "{name}" LOGIN')
    parts = urlsplit(admin)
    query = "&".join(pair for pair in parts.query.split("&") if not pair.startswith("user="))
    url = f"postgresql:///{name}?user={name}&{query}"
    try:
        env = environment(tmp_path, **SECRETS, DATABASE_URL=url)
        done = subprocess.run([*ONDOL, "migrate"], env=env, text=True, capture_output=True, timeout=60)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "ondol: PostgreSQL: permission denied for schema public.\n"
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            connection.execute(f'DROP ROLE "{name}"')
