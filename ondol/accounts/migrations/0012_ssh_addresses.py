"""The addresses from which people reach their machines by SSH, besides those of the settings."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import ondol.accounts.models
import ondol.clock


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_administrates_since")]
    operations = [
        migrations.CreateModel(
            name="SshAddress",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("cidr", models.CharField(max_length=43)),
                (
                    "label",
                    models.CharField(
                        blank=True,
                        max_length=60,
                        validators=[ondol.accounts.models.validate_shown],
                    ),
                ),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=ondol.clock.now)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="ssh_addresses",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "id"],
                "constraints": [models.UniqueConstraint(fields=("user", "cidr"), name="each_range_once")],
            },
        ),
    ]
