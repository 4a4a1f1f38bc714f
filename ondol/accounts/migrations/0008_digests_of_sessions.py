"""Replace session keys by digests: they were in clear in two tables, so whoever read a copy of these could sign in."""

from django.db import migrations, models

_DIGEST = "left(encode(sha256(convert_to(session_key, 'UTF8')), 'hex'), 40)"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_outbox"),
        ("sessions", "0001_initial"),
        ("usersessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="CacheEntry",
            fields=[
                ("key", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("value", models.JSONField()),
                ("expires", models.DateTimeField(db_index=True, null=True)),
            ],
            options={"db_table": "ondol_cache_entry"},
        ),
        # People stay signed in. Migrating backwards signs everybody out: a digest cannot be reversed.
        migrations.RunSQL(f"UPDATE django_session SET session_key = {_DIGEST}", "DELETE FROM django_session"),
        migrations.RunSQL(
            f"UPDATE usersessions_usersession SET session_key = {_DIGEST}", "DELETE FROM usersessions_usersession"
        ),
    ]
