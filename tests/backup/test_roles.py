"""Two roles on a server of one's own, whose owner is no superuser: made, granted, backed up and restored."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.backup import servers
from tests.furnished import ONDOL, environment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # many commands, each a second or more
PASSWORD = "another: p w"
_OWNER = f"://ondol:{quote(servers.PASSWORD, safe='')}@"


@dataclass
class Database:
    """A database with three people that the role `ondol` owns, as a version with one role has left it."""

    owner: str
    number: int
    home: Path

    @property
    def role(self):
        return f"app{self.number}"

    @property
    def admin(self):
        return self.owner.replace("://ondol:", "://admin:")

    def url(self, role, password=PASSWORD):
        return self.owner.replace(_OWNER, f"://{role}:{quote(password, safe='')}@")

    def run(self, *words, url="", owner=""):
        """Return what came of a command with the application's URL, and that of the owner if there is one."""
        urls = {"DATABASE_URL": url or self.url(self.role)} | ({"ONDOL_DATABASE_OWNER_URL": owner} if owner else {})
        env = environment(self.home, **servers.SECRETS, **urls, ONDOL_CLOUD="local")
        return subprocess.run([*ONDOL, *words], env=env, text=True, capture_output=True, timeout=120)

    def doctor(self, url=""):
        return self.run("doctor", "--only", "database", "--language", "en", url=url)


@pytest.fixture
def site(source, tmp_path, request):
    number = request.session.items.index(request.node)
    made = Database(servers.database(source, f"roles{number}", "TEMPLATE ondol"), number, tmp_path / "home")
    yield made
    with psycopg.connect(servers.at(made.admin, "postgres"), autocommit=True) as admin:
        admin.execute("ALTER ROLE ondol NOCREATEROLE")
        admin.execute(f"DROP DATABASE roles{number} WITH (FORCE)")
        admin.execute(f"DROP ROLE IF EXISTS {made.role}")


@pytest.fixture
def admin(site):
    """Yield the superuser's connection to that database."""
    with psycopg.connect(site.admin, autocommit=True) as connection:
        yield connection


def says(done, code, *words):
    """Return what a command has said: with these words, and without a password."""
    text = done.stdout + done.stderr
    assert done.returncode == code, text
    assert [word for word in words if word not in text] == [], text
    assert "Traceback" not in text
    assert not [secret for secret in (servers.PASSWORD, PASSWORD, quote(PASSWORD)) if secret in text]
    return text


def test_a_site_with_one_role_is_told_what_to_do_and_does_it(site, admin):
    says(site.doctor(site.owner), 0, "which owns the tables", "ONDOL_DATABASE_OWNER_URL to the present DATABASE_URL")
    text = says(
        site.run("migrate", owner=site.owner), 1, f"PostgreSQL has no role {site.role}, and ondol may not make one"
    )
    [statements] = re.findall(r"administrator run: (.*;) Then run", text)
    admin.execute(statements.replace("…", PASSWORD))
    says(site.run("migrate", owner=site.owner), 0, f"Gave {site.role} the rows of Ondol's tables")
    assert says(site.run("migrate", owner=site.owner), 0) == ""
    assert "which owns" not in says(site.doctor(), 0, "is up to date")
    says(site.run("user", "suspend", "alice@example.org", "--reason", "try"), 0)


def test_mistakes_are_sentences_and_change_nothing(site, admin):
    admin.execute(f"CREATE ROLE {site.role} LOGIN PASSWORD '{PASSWORD}'")
    mistakes = {
        "have the same role, ondol": (site.owner, site.owner),
        "DATABASE_URL names no role": (site.owner.replace(_OWNER, "://"), site.owner),
        "lead to one database": (servers.at(site.url(site.role), "postgres"), site.owner),
        f"{site.role} of DATABASE_URL cannot connect": (site.url(site.role, "wrong"), site.owner),
        "The tables belong to ondol": (site.url("nobody"), site.url(site.role)),
        "ONDOL_DATABASE_OWNER_URL: only PostgreSQL": (site.url(site.role), "mysql://ondol@db/ondol"),
    }
    for sentence, (url, owner) in mistakes.items():
        says(site.run("migrate", url=url, owner=owner), 1, "ondol: ", sentence)
    says(site.run("config", "check", owner=site.owner), 0, "ONDOL_DATABASE_OWNER_URL=postgresql:///roles")


def test_what_an_owner_cannot_take_is_told_to_administrators(site, admin):
    admin.execute("ALTER ROLE ondol CREATEROLE")  # as at Amazon RDS
    says(site.run("migrate", owner=site.owner), 0, f"Made the role {site.role}", f"Gave {site.role}")
    admin.execute(f"ALTER ROLE {site.role} CREATEDB")
    admin.execute(f"GRANT pg_read_server_files TO {site.role}")
    rights = "CREATEDB, member of pg_read_server_files"
    says(site.run("migrate", owner=site.owner), 0, f"{site.role} has more than web and worker need: {rights}.")
    says(site.doctor(), 0, f"has more than they need: {rights}.")
    admin.execute(f"GRANT ondol TO {site.role}")
    says(site.doctor(), 0, "which owns the tables")


def test_a_backup_is_the_applications_and_a_restore_the_owners(site, admin, tmp_path):
    admin.execute("ALTER ROLE ondol CREATEROLE")
    file = str(tmp_path / "kept")
    says(site.run("migrate", owner=site.owner), 0)
    says(site.run("backup", file), 0, "Wrote")
    admin.close()
    with psycopg.connect(
        site.url(site.role), application_name="ondol web"
    ):  # the owner, no superuser, sees little of it
        says(site.run("restore", file, owner=site.owner), 1, "The database is in use: ondol web", "Nothing was changed")
    with psycopg.connect(site.owner, autocommit=True) as owner:
        owner.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    says(site.run("restore", file, owner=site.owner), 0, "Restored")
    says(site.run("user", "list"), 1)  # what was restored is the owner's alone, until `ondol migrate`
    says(site.run("migrate", owner=site.owner), 0, f"Gave {site.role}")
    says(site.run("user", "list"), 0, "alice@example.org")
