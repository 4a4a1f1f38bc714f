"""Whether the schema is the one that this version needs: neither behind it nor too far ahead.

An upgrade without downtime migrates first, while the previous version still runs. So a migration keeps all that the
previous version reads and writes, and `ondol migrate` saves the oldest version that may use the schema: this one and
later ones run on a newer schema.
"""

import pkgutil
import re
from functools import cache
from importlib import import_module

from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from ondol import __version__
from ondol.deployment.models import Deployment

WORKS_FROM = "0.1.0"
"""The oldest version whose code can use this version's schema. See docs/upgrading.md before you raise it."""


class WrongSchema(Exception):
    """A schema that this version cannot use; the text says which of the two is older, and what to do."""


@cache
def _ours() -> frozenset[tuple[str, str]]:
    """Return app and name of all migrations of this version. Their code is not loaded."""
    found = set()
    for app in apps.get_app_configs():
        try:
            package = import_module(f"{app.name}.migrations")
        except ModuleNotFoundError:
            continue
        found |= {
            (app.label, module.name) for module in pkgutil.iter_modules(package.__path__) if module.name[0] != "_"
        }
    return frozenset(found)


def missing() -> list[tuple[str, str]]:
    """Return the migrations of this version that have not been applied."""
    return sorted(_ours() - set(MigrationRecorder(connection).applied_migrations()))


def later() -> list[tuple[str, str]]:
    """Return the migrations that a later version has applied."""
    labels = {label for label, _name in _ours()}
    applied = set(MigrationRecorder(connection).applied_migrations())
    return sorted(one for one in applied - _ours() if one[0] in labels)


def check() -> None:
    """Raise WrongSchema if this version cannot use the schema."""
    if lacking := missing():
        raise WrongSchema(
            f"The database is older than this Ondol ({__version__}): {len(lacking)} migrations are missing. Run"
            " `ondol migrate`."
        )
    if later() and not _may_be_ahead():
        raise WrongSchema(
            f"The database is newer than this Ondol ({__version__}), which cannot use it. Install the version that"
            " has migrated it, or one after it."
        )


def note() -> None:
    """Save which versions can use the schema, after this version has migrated."""
    if not later():
        Deployment.current().update(works_from=WORKS_FROM)


def _may_be_ahead() -> bool:
    """Return whether the version that has migrated says that this one may go on."""
    try:
        with transaction.atomic():
            oldest = Deployment.objects.values_list("works_from", flat=True).first() or ""
    except DatabaseError:  # a column that later versions do not have
        return False
    return bool(oldest) and _number(oldest) <= _number(__version__)


def _number(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]
