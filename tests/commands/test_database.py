"""Errors of the database are a sentence, and no piece of a password is in it."""

import os
import subprocess
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import OperationalError, ProgrammingError

from ondol.commands import _django
from ondol.config import config
from ondol.host.home import new_secret_key, new_vault_key
from tests.furnished import ONDOL, environment

SECRETS = {name: os.environ[name] for name in ("ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS")}


def test_only_trouble_of_the_database_is_told_without_a_stack_trace():
    refused = ProgrammingError("no")
    refused.__cause__ = psycopg.errors.InsufficientPrivilege("permission denied\nLINE 1: …")
    assert _django.trouble_in(refused) == "permission denied"
    assert _django.trouble_in(OperationalError("the connection is lost")) == "the connection is lost"
    assert not _django.trouble_in(ProgrammingError("syntax error"))
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
