"""Whether AWS keeps the warm-up of an alarm, and until when an alarm is muted where it does not."""

from django.db import migrations, models

_NEW = {"DOUBLED", "WARM_UP_IGNORED", "WARM_UP_REFUSED"}


def forget_findings(apps, schema_editor):
    """The version before does not know these reasons, and would read no finding at all."""
    deployments = apps.get_model("instances", "Deployment").objects
    for row in deployments.all():
        findings = [finding for finding in row.findings if finding["why"] not in _NEW]
        deployments.filter(pk=row.pk).update(findings=findings)


class Migration(migrations.Migration):
    dependencies = [("instances", "0013_refusals")]
    operations = [
        migrations.AddField("run", "muted_until", models.DateTimeField(null=True)),
        migrations.AddField(
            "deployment", "warm_ups", models.CharField(blank=True, db_default="", default="", max_length=8)
        ),
        migrations.AddField("deployment", "warm_ups_at", models.DateTimeField(null=True)),
        migrations.RunPython(migrations.RunPython.noop, forget_findings),
    ]
