"""Whether burstable machines may spend credits that they have not earned, and how many they have."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("autostop", "0003_work_leases"),
    ]

    operations = [
        migrations.AddField(
            model_name="cpureading",
            name="credits",
            field=models.FloatField(null=True),
        ),
    ]
