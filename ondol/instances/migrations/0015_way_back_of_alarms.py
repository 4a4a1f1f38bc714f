"""Migrating backwards removes what the previous version would not understand; forwards, nothing changes.

A migration of its own, since PostgreSQL changes no table in a transaction that has changed its rows.
"""

from django.db import migrations

_NEW = {
    "DOUBLED", "WARM_UP_IGNORED", "WARM_UP_REFUSED",
    "PROTECTED", "STOP_PROTECTED", "DISK_KEY", "LIMIT", "DENIED",
}  # fmt: skip


def arm_by_the_first_name(apps, schema_editor):
    """The previous version knows only the first name, and no muted alarm: it replaces such alarms at once."""
    instances, runs = (apps.get_model("instances", name).objects for name in ("Instance", "Run"))
    runs.exclude(muted_until=None).update(armed_at=None)
    for row in instances.filter(alarm_name__endswith="-2"):
        instances.filter(pk=row.pk).update(alarm_name=row.alarm_name.removesuffix("-2"))
        runs.filter(pk=row.run_id).update(armed_at=None)


def forget_findings(apps, schema_editor):
    """The previous version does not know these reasons, and would fail to read any finding."""
    deployments = apps.get_model("instances", "Deployment").objects
    for row in deployments.all():
        findings = [finding for finding in row.findings if finding["why"] not in _NEW]
        deployments.filter(pk=row.pk).update(findings=findings)


class Migration(migrations.Migration):
    dependencies = [("instances", "0014_muted_alarms")]
    operations = [
        migrations.RunPython(migrations.RunPython.noop, arm_by_the_first_name),
        migrations.RunPython(migrations.RunPython.noop, forget_findings),
    ]
