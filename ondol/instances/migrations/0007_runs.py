import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import ondol.clock


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('instances', '0006_launch_spec'),
    ]

    operations = [
        migrations.CreateModel(
            name='Run',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('began_at', models.DateTimeField(default=ondol.clock.now)),
                ('reason', models.CharField(default='PERSON', max_length=16)),
                ('launched_after', models.DateTimeField(null=True)),
                ('launched_at', models.DateTimeField(null=True)),
                ('public_ip', models.GenericIPAddressField(null=True, protocol='IPv4')),
                ('ready_at', models.DateTimeField(null=True)),
                ('armed_at', models.DateTimeField(null=True)),
                ('warm_up_minutes', models.PositiveIntegerField(default=0)),
                ('armed_idle_minutes', models.PositiveIntegerField(default=0)),
                ('armed_cpu_percent', models.FloatField(default=0)),
                ('armed_awake_until', models.DateTimeField(null=True)),
                ('alarm_verified_at', models.DateTimeField(null=True)),
                ('awake_until', models.DateTimeField(null=True)),
                ('waived_close', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('end_reason', models.CharField(blank=True, max_length=16)),
                ('receipt', models.JSONField(null=True)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('instance', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='instances.instance')),
            ],
        ),
        migrations.AddField(
            model_name='instance',
            name='run',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.RESTRICT, related_name='+', to='instances.run'),
        ),
    ]
