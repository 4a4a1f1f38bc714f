from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Find the rows of one act without reading the whole record; acts go on meanwhile."""

    atomic = False

    dependencies = [
        ('audit', '0003_one_after_another'),
    ]

    operations = [
        AddIndexConcurrently('entry', models.Index(fields=['action', '-id'], name='audit_action')),
    ]
