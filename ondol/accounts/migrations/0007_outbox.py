"""E-mails that fail are kept and reported; requests are announced together. Existing requests count as announced."""

from datetime import UTC, datetime, timedelta

from django.db import migrations, models


def note_announced(apps, schema_editor):
    """Note an hour ago, so that the next request is announced at once."""
    waiting = apps.get_model("accounts", "User").objects.filter(approval="PENDING")
    waiting.update(announced_at=datetime.now(UTC) - timedelta(hours=1))


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_addresses_as_seen'),
    ]

    operations = [
        migrations.CreateModel(
            name='MailServerState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('only', models.BooleanField(default=True, editable=False, unique=True)),
                ('delivered_at', models.DateTimeField(null=True)),
                ('failing_since', models.DateTimeField(null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('next_try_at', models.DateTimeField(null=True)),
                ('cause', models.CharField(blank=True, max_length=16)),
                ('answer', models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='UndeliveredEmail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('job', models.BigIntegerField(unique=True)),
                ('task', models.CharField(max_length=128)),
                ('args', models.JSONField()),
                ('to', models.CharField(blank=True, max_length=320)),
                ('subject', models.CharField(blank=True, max_length=300)),
                ('cause', models.CharField(max_length=16)),
                ('answer', models.CharField(blank=True, max_length=200)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('since', models.DateTimeField()),
                ('next_try_at', models.DateTimeField(null=True)),
                ('given_up_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='user',
            name='announced_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunPython(note_announced, migrations.RunPython.noop),
    ]
