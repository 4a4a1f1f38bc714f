"""What AWS refuses at present, how often it took a start, and when something was last made."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("instances", "0012_work_leases"),
    ]

    operations = [
        migrations.AddField(
            model_name="instance",
            name="made_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="instance",
            name="refused_code",
            field=models.CharField(blank=True, db_default="", default="", max_length=80),
        ),
        migrations.AddField(
            model_name="instance",
            name="refused_step",
            field=models.CharField(blank=True, db_default="", default="", max_length=16),
        ),
        migrations.AddField(
            model_name="run",
            name="start_asked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="starts",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
