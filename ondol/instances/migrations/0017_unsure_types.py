"""Whether a change of type was interrupted; the credit mode is unknown after one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("instances", "0016_credits"),
    ]

    operations = [
        migrations.AddField(
            model_name="instance",
            name="is_type_unsure",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name="instance",
            name="is_unlimited",
            field=models.BooleanField(db_default=False, default=False, null=True),
        ),
    ]
