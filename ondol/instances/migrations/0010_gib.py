"""Sizes are in GiB, and their columns say so. No data changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("instances", "0009_what_runs_have_now")]
    operations = [
        migrations.RenameField("instance", "volume_gb", "volume_gib"),
        migrations.RenameField("instance", "seen_volume_gb", "seen_volume_gib"),
    ]
