"""The fingerprints of the deployment's keys, and the oldest version of Ondol that can use its schema."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("instances", "0018_names_of_key_files")]
    operations = [
        migrations.AddField(
            "deployment", "signing_key", models.CharField(blank=True, db_default="", default="", max_length=16)
        ),
        migrations.AddField("deployment", "vault_keys", models.JSONField(db_default=[], default=list)),
        migrations.AddField(
            "deployment", "works_from", models.CharField(blank=True, db_default="", default="", max_length=32)
        ),
    ]
