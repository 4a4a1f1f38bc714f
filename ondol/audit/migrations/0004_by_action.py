from django.db import migrations, models

from ondol.database.indexes import IndexConcurrently


class Migration(migrations.Migration):
    """Find the rows of one act without reading the whole record; acts go on meanwhile."""

    atomic = False

    dependencies = [
        ('audit', '0003_one_after_another'),
    ]

    operations = [
        IndexConcurrently('entry', models.Index(fields=['action', '-id'], name='audit_action')),
    ]
