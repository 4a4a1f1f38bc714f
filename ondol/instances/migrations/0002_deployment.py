"""One row: the id of this installation, which is on everything it makes in AWS."""

from django.db import migrations


def create(apps, schema_editor):
    apps.get_model("instances", "Deployment").objects.get_or_create(only=True)


class Migration(migrations.Migration):
    dependencies = [("instances", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
