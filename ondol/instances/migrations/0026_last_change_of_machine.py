from django.conf import settings
from django.db import migrations, models

from ondol.database.indexes import IndexConcurrently


class Migration(migrations.Migration):
    """Find the last change of a machine; machines go on changing meanwhile."""

    atomic = False

    dependencies = [
        ('instances', '0025_changes_by_time'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        IndexConcurrently('statuschange', models.Index(fields=['instance', 'id'], name='last_change_of_machine')),
    ]
