"""`ondol migrate`: bring the database up to date. Any number may run at once; one of them does it."""

import argparse
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ondol.commands import _django, _roles

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol migrate`."""
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="for a PostgreSQL that is starting")
    parser.add_argument("--accept-keys", action="store_true", help="make the keys in these settings the deployment's")
    parser.add_argument("--reseal", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--first-admin", metavar="FILE", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> None:
    """Migrate, grant the application's role what it needs, and at a trial's first start add an administrator."""
    application = _django.load_as_owner()
    _django.await_database(options.wait)
    _django.refuse_wrong_server()
    from django.core.management import call_command  # noqa: PLC0415  after Django's set-up
    from django.db import connection  # noqa: PLC0415

    from ondol.deployment import fingerprints, schema  # noqa: PLC0415
    from ondol.instances import sealed  # noqa: PLC0415

    with connection.cursor() as cursor:
        # A migration on a slow host must not be cut off between two statements.
        cursor.execute("SET idle_in_transaction_session_timeout = 0")
        _wait_for_turn(cursor)
        if application:
            _roles.prepare(connection.connection, application)
        if schema.missing():
            call_command("migrate", interactive=False, verbosity=0)
        schema.note()
        if application:
            _roles.grant(connection.connection, application)
        if options.accept_keys:
            fingerprints.accept()
        _django.refuse_wrong_database()
        if options.reseal:
            sealed.reseal_all()
        if options.first_admin:
            _first_admin(Path(options.first_admin))


def _wait_for_turn(cursor: "CursorWrapper") -> None:
    """Take the lock for migrations, which is released when the connection ends.

    A statement that waits for it would hold a snapshot, for which the other's CREATE INDEX CONCURRENTLY waits in turn.
    """
    while True:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('ondol.migrate'))")
        if cursor.fetchone()[0]:
            return
        time.sleep(0.2)  # noqa: TID251  another process at the edge


def _first_admin(file: Path) -> None:
    """Add an administrator where there is none yet; only this file has their password."""
    from ondol.accounts.models import User  # noqa: PLC0415  after Django's set-up
    from ondol.accounts.people import add_user  # noqa: PLC0415
    from ondol.host.home import write_private  # noqa: PLC0415

    if User.objects.exists():
        _forget_old_password(file)
        return
    password = secrets.token_urlsafe(12)
    # Written first: a kill in between must not leave an account whose password nobody knows.
    write_private(file, f"admin@example.com\n{password}\n")
    add_user("admin@example.com", "Administrator", admin=True, password=password)


def _forget_old_password(file: Path) -> None:
    """Remove the first password from the file once it was changed: every start would show one that is not valid."""
    from ondol.accounts.models import User  # noqa: PLC0415  after Django's set-up
    from ondol.host.home import write_private  # noqa: PLC0415

    match file.read_text().split() if file.exists() else []:
        case [email, password]:
            user = User.objects.filter(email=email).first()
            if user is None or not user.check_password(password):
                write_private(file, f"{email}\n")
