"""How many addresses of their own people may name for SSH, and how wide these may be."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("policy", "0007_credits")]
    operations = [
        migrations.AddField("policy", "ssh_addresses", models.PositiveIntegerField(null=True)),
        migrations.AddField("policy", "ssh_prefix", models.PositiveIntegerField(null=True)),
    ]
