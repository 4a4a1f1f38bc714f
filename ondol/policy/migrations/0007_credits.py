"""Whether burstable machines may spend credits that they have not earned, and how many they have."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("policy", "0006_work"),
    ]

    operations = [
        migrations.AddField(
            model_name="policy",
            name="unlimited_credits",
            field=models.BooleanField(null=True),
        ),
    ]
