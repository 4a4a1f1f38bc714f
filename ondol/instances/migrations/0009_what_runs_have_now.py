import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('instances', '0008_fill_runs'),
    ]

    operations = [
        migrations.AlterField(
            model_name='instance',
            name='run',
            field=models.OneToOneField(on_delete=django.db.models.deletion.RESTRICT, related_name='+', to='instances.run'),
        ),
        migrations.RemoveField(model_name='instance', name='armed_at'),
        migrations.RemoveField(model_name='instance', name='armed_awake_until'),
        migrations.RemoveField(model_name='instance', name='armed_cpu_percent'),
        migrations.RemoveField(model_name='instance', name='armed_idle_minutes'),
        migrations.RemoveField(model_name='instance', name='armed_shown_at'),
        migrations.RemoveField(model_name='instance', name='awake_until'),
        migrations.RemoveField(model_name='instance', name='ready_at'),
        migrations.RemoveField(model_name='instance', name='waived_close'),
        migrations.RemoveField(model_name='instance', name='warm_up_minutes'),
        migrations.RenameField(model_name='instance', old_name='launched_at', new_name='seen_launched_at'),
        migrations.RenameField(model_name='instance', old_name='strays', new_name='superseded_instance_ids'),
        migrations.RenameField(model_name='instance', old_name='unknown', new_name='unrecognized_instance_ids'),
    ]
