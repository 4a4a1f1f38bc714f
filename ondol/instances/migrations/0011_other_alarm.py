"""Alarms have two names in turn. Rows of earlier versions have one alarm, under the first name."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("instances", "0010_gib")]
    operations = [
        migrations.AddField("instance", "has_other_alarm", models.BooleanField(default=False, db_default=False)),
    ]
