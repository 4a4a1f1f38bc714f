"""Tokens get scopes and an end. Existing tokens keep what they may do for 90 days more: nothing breaks today."""

from datetime import timedelta

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models.functions import Now


def let_administrators_administrate(apps, schema_editor):
    """Carry over what tokens of administrators could do."""
    tokens = apps.get_model("accounts", "ApiToken").objects.filter(user__role="ADMIN")
    tokens.update(scopes=["read", "machine", "administrate"])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_rules_of_decisions"),
    ]

    operations = [
        migrations.AddField(
            model_name="apitoken",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=12), db_default=["read", "machine"], default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="expires_at",
            field=models.DateTimeField(db_default=Now() + timedelta(days=90)),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="used_from",
            field=models.GenericIPAddressField(blank=True, null=True),
        ),
        migrations.RunPython(let_administrators_administrate, migrations.RunPython.noop),
    ]
