"""Whether AWS keeps the warm-up of an alarm, and until when an alarm is muted where it does not."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("instances", "0013_refusals")]
    operations = [
        migrations.AddField("run", "muted_until", models.DateTimeField(null=True)),
        migrations.AddField(
            "deployment", "warm_ups", models.CharField(blank=True, db_default="", default="", max_length=8)
        ),
        migrations.AddField("deployment", "warm_ups_at", models.DateTimeField(null=True)),
    ]
