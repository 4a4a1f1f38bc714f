"""Who was last let in to each machine by SSH; None: its security group is to be made equal to what is wished for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("instances", "0019_keys_and_versions")]
    operations = [
        migrations.AddField("instance", "ssh_ranges", models.JSONField(db_default=[], default=list)),
        migrations.AddField("instance", "ssh_ranges_at", models.DateTimeField(null=True)),
    ]
