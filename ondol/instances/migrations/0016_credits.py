"""Whether burstable machines may spend credits that they have not earned, and how many they have."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("instances", "0015_way_back_of_alarms"),
    ]

    operations = [
        migrations.AddField(
            model_name="instance",
            name="is_unlimited",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
