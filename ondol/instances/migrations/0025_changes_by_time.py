from django.db import migrations, models

from ondol.database.indexes import IndexConcurrently


class Migration(migrations.Migration):
    """Read the newest changes of all machines without sorting them all; machines go on changing meanwhile."""

    atomic = False

    dependencies = [
        ('instances', '0024_late_workers'),
    ]

    operations = [
        IndexConcurrently('statuschange', models.Index(fields=['at', 'id'], name='status_change_at')),
    ]
