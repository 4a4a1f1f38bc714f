"""Since when administrators have days to set up a second factor: for existing ones, since the upgrade."""

from datetime import UTC, datetime

from django.db import migrations, models


def start_now(apps, schema_editor):
    """Give existing administrators the full number of days."""
    apps.get_model("accounts", "User").objects.filter(role="ADMIN").update(administrates_since=datetime.now(UTC))


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_scopes_and_ends_of_tokens"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="administrates_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunPython(start_now, migrations.RunPython.noop),
    ]
