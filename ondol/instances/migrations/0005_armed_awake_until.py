from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('instances', '0004_autostop'),
    ]

    operations = [
        migrations.AddField(
            model_name='instance',
            name='armed_awake_until',
            field=models.DateTimeField(null=True),
        ),
    ]
