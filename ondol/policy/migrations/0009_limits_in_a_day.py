"""How often people may start, make and change machines in 24 hours."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("policy", "0008_ssh_addresses")]
    operations = [
        migrations.AddField("policy", "starts_a_day", models.PositiveIntegerField(null=True)),
        migrations.AddField("policy", "creations_a_day", models.PositiveIntegerField(null=True)),
        migrations.AddField("policy", "type_changes_a_day", models.PositiveIntegerField(null=True)),
    ]
