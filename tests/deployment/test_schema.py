"""Web and worker of one version run on the schema of the next, so that an upgrade needs no pause."""

import pytest
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from ondol import __version__
from ondol.deployment import schema
from ondol.deployment.models import Deployment
from ondol.deployment.schema import WrongSchema

HELD_AFTER = {
    "accounts": "0006", "api": "", "autostop": "0004", "costs": "0001", "doctor": "0001", "instances": "0018",
    "policy": "0007", "web": "",
}  # fmt: skip
"""The last migrations of before there was a rule."""
SAFE = (migrations.CreateModel, migrations.AddIndex, migrations.RunPython, migrations.RunSQL)


def breaks_the_version_before(operation):
    """Return whether code that does not know of this operation may fail afterwards."""
    if isinstance(operation, migrations.AddField):
        return not (operation.field.null or operation.field.has_db_default() or operation.field.many_to_many)
    if isinstance(operation, migrations.SeparateDatabaseAndState):
        return any(map(breaks_the_version_before, operation.database_operations))
    return not isinstance(operation, SAFE)


@pytest.mark.parametrize(
    ("operation", "breaks"),
    [
        (migrations.AddField("run", "a", models.TextField(null=True)), False),
        (migrations.AddField("run", "a", models.TextField(default="", db_default="")), False),
        (migrations.AddField("run", "a", models.TextField(default="")), True),  # Django alone knows of the default
        (migrations.RemoveField("run", "a"), True),
        (migrations.RenameField("run", "a", "b"), True),
        (migrations.AlterField("run", "a", models.CharField(max_length=2)), True),
        (migrations.DeleteModel("run"), True),
        (migrations.RenameModel("run", "start"), True),
        (migrations.AddConstraint("run", models.UniqueConstraint(fields=["a"], name="a")), True),
        (migrations.CreateModel("run", []), False),
        (migrations.SeparateDatabaseAndState([migrations.RemoveField("run", "a")]), True),
        (migrations.SeparateDatabaseAndState([], [migrations.RemoveField("run", "a")]), False),
    ],
    ids=str,
)
def test_what_the_version_before_uses_stays(operation, breaks):
    assert breaks_the_version_before(operation) is breaks


def test_each_migration_leaves_what_the_version_before_uses():
    held = {
        key: migration
        for key, migration in MigrationLoader(None).disk_migrations.items()
        if key[0] in HELD_AFTER and key[1][:4] > HELD_AFTER[key[0]]
    }
    assert ("instances", "0019_keys_and_versions") in held
    breaking = [key for key, migration in held.items() if any(map(breaks_the_version_before, migration.operations))]
    assert not breaking, "see docs/upgrading.md"


def test_the_files_are_what_django_finds():
    assert schema._ours() == set(MigrationLoader(None).disk_migrations)


NEXT = f"{__version__.rpartition('.')[0]}.{int(__version__.rpartition('.')[2]) + 1}"
STATES = [
    ("this version's", [], [], "0.1.0", ""),
    ("one version ahead", [], ["9999_later"], "0.1.0", ""),
    ("one version ahead, by a version without numbers of ours", [], ["9999_later"], "", "newer"),
    ("too far ahead", [], ["9999_later"], "99.0", "newer"),
    ("a little too far", [], ["9999_later"], NEXT, "newer"),
    ("behind", ["0019_keys_and_versions"], [], "0.1.0", "older"),
    ("far behind", ["0019_keys_and_versions", "0018_names_of_key_files"], [], "0.1.0", "2 migrations"),
    ("another branch: behind and ahead", ["0019_keys_and_versions"], ["0019_other"], "0.1.0", "older"),
]


@pytest.mark.parametrize(
    ("undone", "done", "works_from", "said"), [state[1:] for state in STATES], ids=[state[0] for state in STATES]
)
def test_a_schema_is_used_or_refused(db, undone, done, works_from, said):
    Deployment.current().update(works_from=works_from)
    recorder = MigrationRecorder(connection)
    for name in undone:
        recorder.record_unapplied("instances", name)
    for name in done:
        recorder.record_applied("instances", name)
    if not said:
        schema.check()
        return
    with pytest.raises(WrongSchema, match=said):
        schema.check()


def test_only_the_newest_version_says_which_ones_can_use_the_schema(db):
    schema.note()
    assert Deployment.current().get().works_from == schema.WORKS_FROM
    assert schema._number(schema.WORKS_FROM) <= schema._number(__version__)
    Deployment.current().update(works_from="0.2.0")
    MigrationRecorder(connection).record_applied("instances", "9999_later")
    schema.note()  # an `ondol migrate` of the version before has nothing to say
    assert Deployment.current().get().works_from == "0.2.0"


def test_healthz_says_what_is_wrong_with_the_schema(client, db, monkeypatch):
    from ondol.web import health

    monkeypatch.setitem(health._seen, "sound_at", float("-inf"))
    MigrationRecorder(connection).record_unapplied("instances", "0019_keys_and_versions")
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert "ondol migrate" in answer.text
