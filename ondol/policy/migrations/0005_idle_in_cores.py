"""Idle is a share of one core instead of per cent of two vCPUs. Machines with two vCPUs keep their exact threshold."""

from typing import Any

from django.db import migrations
from django.db.models import F


def double(apps: Any, _schema_editor: Any) -> None:
    """Turn per cent of two vCPUs into per cent of one core."""
    policies = apps.get_model("policy", "Policy").objects
    policies.exclude(idle_core_percent=None).update(idle_core_percent=F("idle_core_percent") * 2)


def halve(apps: Any, _schema_editor: Any) -> None:
    """Turn it back, rounded to one decimal."""
    policies = apps.get_model("policy", "Policy").objects
    policies.exclude(idle_core_percent=None).update(idle_core_percent=F("idle_core_percent") / 2)


class Migration(migrations.Migration):
    dependencies = [("policy", "0004_gib")]
    operations = [
        migrations.RenameField("policy", "idle_cpu_percent", "idle_core_percent"),
        migrations.RunPython(double, halve),
    ]
