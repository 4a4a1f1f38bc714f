from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('instances', '0005_armed_awake_until'),
    ]

    operations = [
        migrations.AddField(
            model_name='launch',
            name='spec',
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
