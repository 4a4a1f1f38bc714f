"""A key file keeps its name when its owner's address changes: the commands shown go on naming the file that they have."""

import re

from django.db import migrations, models


def keep_names(apps, schema_editor):
    """Existing keys were given out under the owner's name alone."""
    for key in apps.get_model("instances", "SshKey").objects.select_related("instance__owner").iterator():
        local = key.instance.owner.email.partition("@")[0].lower()
        name = re.sub(r"[^a-z0-9]+", "-", local).strip("-")[:40] or "machine"
        type(key).objects.filter(pk=key.pk).update(file_stem=f"ondol-{name}")


class Migration(migrations.Migration):
    dependencies = [
        ("instances", "0017_unsure_types"),
    ]

    operations = [
        migrations.AddField(
            model_name="sshkey",
            name="file_stem",
            field=models.CharField(blank=True, db_default="", default="", max_length=80),
        ),
        migrations.RunPython(keep_names, migrations.RunPython.noop),
    ]
