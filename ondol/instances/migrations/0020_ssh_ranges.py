"""Which ranges each security group was last set to let in; None: it is to be set again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("instances", "0019_keys_and_versions")]
    operations = [
        migrations.AddField("instance", "ssh_ranges", models.JSONField(db_default=[], default=list)),
        migrations.AddField("instance", "ssh_ranges_at", models.DateTimeField(null=True)),
    ]
