"""Keys that people bring: no private half is kept of them, and a constraint says so."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

import ondol.clock

_PEOPLES = Q(origin__in=["own", "browser"])
_OF_AWS = Q(origin="aws") & ~Q(sealed_private_key=b"")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_ssh_addresses"), ("instances", "0020_ssh_ranges")]
    operations = [
        migrations.CreateModel(
            "ChosenKey",
            [
                (
                    "owner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="chosen_key",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("origin", models.CharField(max_length=8)),
                ("public_key", models.CharField(max_length=1000)),
                ("comment", models.CharField(blank=True, max_length=100)),
                ("chosen_at", models.DateTimeField(default=ondol.clock.now)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=_PEOPLES, name="chosen_key_is_a_persons")],
            },
        ),
        migrations.AddField("sshkey", "comment", models.CharField(blank=True, db_default="", default="", max_length=100)),
        migrations.AddField("sshkey", "origin", models.CharField(db_default="aws", default="aws", max_length=8)),
        migrations.AddField(
            "sshkey", "public_key", models.CharField(blank=True, db_default="", default="", max_length=1000)
        ),
        # In SQL, since the previous version goes on writing: its keys are sealed, and of AWS by default.
        migrations.SeparateDatabaseAndState(
            [
                migrations.RunSQL(
                    """
ALTER TABLE instances_sshkey ALTER COLUMN sealed_private_key SET DEFAULT ''::bytea;
ALTER TABLE instances_sshkey ADD CONSTRAINT private_key_only_of_aws CHECK (
  (origin = 'aws' AND sealed_private_key <> ''::bytea)
  OR (origin IN ('own', 'browser') AND sealed_private_key = ''::bytea AND public_key <> ''));
""",
                    """
ALTER TABLE instances_sshkey DROP CONSTRAINT private_key_only_of_aws;
ALTER TABLE instances_sshkey ALTER COLUMN sealed_private_key DROP DEFAULT;
""",
                )
            ],
            [
                migrations.AlterField("sshkey", "sealed_private_key", models.BinaryField(db_default=b"", default=b"")),
                migrations.AddConstraint(
                    "sshkey",
                    models.CheckConstraint(
                        condition=_OF_AWS | (_PEOPLES & Q(sealed_private_key=b"") & ~Q(public_key="")),
                        name="private_key_only_of_aws",
                    ),
                ),
            ],
        ),
    ]
