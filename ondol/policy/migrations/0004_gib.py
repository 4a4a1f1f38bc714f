"""Sizes are in GiB, and their columns say so. No data changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("policy", "0003_words_are_in_the_catalog")]
    operations = [migrations.RenameField("policy", "volume_gb_max", "volume_gib_max")]
