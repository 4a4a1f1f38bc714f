from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('instances', '0022_key_replacement'),
    ]

    operations = [
        migrations.AddField(
            model_name='instance',
            name='ipv6_address',
            field=models.GenericIPAddressField(null=True, protocol='IPv6'),
        ),
    ]
