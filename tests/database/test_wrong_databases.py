"""A database that answers is not yet a good one: what cannot be used is refused, in a sentence that says what to do."""

import os
import shutil
import subprocess
import threading

import psycopg
import pytest

from tests.database.conftest import settings, socket_of, url_of
from tests.database.way import Way
from tests.furnished import ONDOL
from tests.journey.site import free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
POOLER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@pytest.fixture(scope="module")
def databases(server):
    """Make databases that somebody might set; return an administrator's connection."""
    with psycopg.connect(server.url, autocommit=True) as admin:
        for encoding in ("LATIN1", "EUC_KR", "SQL_ASCII"):
            admin.execute(
                f"CREATE DATABASE {encoding.lower()} ENCODING '{encoding}' LOCALE 'C' LOCALE_PROVIDER libc"
                " TEMPLATE template0"
            )
        for name in ("standby", "behind", "ahead", "next", "restored"):
            admin.execute(f"CREATE DATABASE {name} TEMPLATE ondol")
        admin.execute("CREATE DATABASE nothing")
        admin.execute("ALTER DATABASE standby SET default_transaction_read_only = on")
        changes = {
            "behind": "DELETE FROM django_migrations WHERE app = 'instances' AND name > '0019'",
            "ahead": "UPDATE instances_deployment SET works_from = '99.0'",
            "restored": "UPDATE instances_deployment SET signing_key = 'another', vault_keys = '[\"0badc0de\"]'",
        }
        for name, change in changes.items():
            with psycopg.connect(server.url.replace("/ondol?", f"/{name}?")) as connection:
                connection.execute(change)
        for name in ("ahead", "next"):
            with psycopg.connect(server.url.replace("/ondol?", f"/{name}?")) as connection:
                connection.execute(
                    "INSERT INTO django_migrations (app, name, applied) VALUES ('instances', '9999_later', now())"
                )
        yield admin


@pytest.fixture(scope="module")
def pooler(server, tmp_path_factory):
    """Run PgBouncer in front, in each of its modes; return its port."""
    if not POOLER:  # `scripts/setup test` does not install it: Debian would start it as a server
        pytest.skip("pgbouncer is not installed")
    folder, port, way = tmp_path_factory.mktemp("pooler"), free_port(), Way(socket_of(server))
    target = f"host=127.0.0.1 port={way.port} dbname=ondol user=ondol_app"
    modes = "\n".join(f"{mode} = {target} pool_mode={mode}" for mode in ("session", "transaction", "statement"))
    (folder / "ini").write_text(
        f"[databases]\n{modes}\n[pgbouncer]\nlisten_addr=127.0.0.1\nlisten_port={port}\nauth_type=any\n"
        f"default_pool_size=50\nunix_socket_dir=\n{'user=nobody' if os.geteuid() == 0 else ''}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([POOLER, str(folder / "ini")], stdout=log, stderr=log)
        until(lambda: "process up" in (folder / "log").read_text(), 20, "the pooler is up")
        yield port
        process.terminate()
        process.wait(10)
    way.end()


def said(home, url, *words):
    """Return the code with which a command ended, and what it said; code 0 for a worker that goes on."""
    env = settings(home, url) | {
        "AWS_VPC_ID": "vpc-11111111",
        "AWS_SUBNET_ID": "subnet-11111111",
        "ONDOL_SSH_CIDRS": "203.0.113.0/24",
    }
    env |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "no", "AWS_SECRET_ACCESS_KEY": "no"}
    with subprocess.Popen(
        [*ONDOL, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        lines, too_late = [], threading.Timer(100, run.kill)
        too_late.start()
        for line in run.stdout:
            lines.append(line)
            if "worker is ready" in line:
                run.terminate()
        code = run.wait(30)
        too_late.cancel()
    return code, "".join(lines)


# What DATABASE_URL leads to, what a worker says of it, and what to do; nothing where it works.
CASES = {
    "LATIN1": ("latin1", "LATIN1", "createdb --encoding=UTF8"),
    "EUC_KR": ("euc_kr", "EUC_KR", "createdb --encoding=UTF8"),
    "no encoding at all": ("sql_ascii", "SQL_ASCII", "createdb --encoding=UTF8"),
    "a standby": ("standby", "takes no writes", "the primary, or to all hosts"),
    "an empty database": ("nothing", "older than this Ondol", "ondol migrate"),
    "a schema that is behind": ("behind", "migrations are missing", "ondol migrate"),
    "a schema that is too far ahead": ("ahead", "newer than this Ondol", "Install the version"),
    "a schema that is one version ahead": ("next", "", ""),
    "another deployment's": ("restored", "ONDOL_SECRET_KEY is another key", "ondol keys accept"),
    "this deployment's": ("ondol", "", ""),
}


@pytest.mark.parametrize(("name", "what", "do"), CASES.values(), ids=CASES)
def test_a_worker_refuses_a_database_that_it_cannot_use(home, databases, way, name, what, do):
    code, text = said(home, url_of(way(), name=name), "worker")
    if not what:
        assert (code, "worker is ready" in text) == (0, True), text
        return
    assert code == 1
    assert text.startswith("ondol: ")
    assert what in text
    assert do in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("mode", "what"),
    [
        ("session", ""),
        ("transaction", "pool_mode = session"),
        ("statement", ""),
        ("session?options=-cjit%3Doff", "ignore_startup"),
    ],
)
def test_a_pooler_is_taken_if_it_keeps_sessions(home, pooler, mode, what):
    code, text = said(home, f"postgresql://ondol_app@127.0.0.1:{pooler}/{mode}", "worker")
    if mode == "session":
        assert (code, "worker is ready" in text) == (0, True), text
    else:
        assert code == 1
        assert what in text


def test_a_server_is_old_or_newer_than_any_that_was_tried(home, server, way):
    with psycopg.connect(server.url) as connection:
        version = connection.info.parameter_status("server_version").encode()
    for major, code, what in ((b"14", 1, "needs 15 or later"), (b"99", 0, "newer than those")):
        changed = major + version[2:]
        url = url_of(way((b"server_version\0" + version, b"server_version\0" + changed)))
        if code:
            assert said(home, url, "worker")[0] == code
        assert what in said(home, url, "doctor", "--language", "en")[1]


@pytest.mark.parametrize("words", [("migrate",), ("web", "--port", "PORT"), ("doctor",)])
def test_the_other_parts_tell_it_too(home, databases, way, words):
    words = [str(free_port()) if word == "PORT" else word for word in words]
    code, text = said(home, url_of(way(), name="latin1"), *words)
    assert code == 1
    assert "LATIN1" in text
