"""A web process has what its first request needs: it may be somebody's click."""

import subprocess
import sys

LOADED = """
import sys
from ondol.asgi import application
before = set(sys.modules)
from django.urls import get_resolver
get_resolver().reverse_dict
from procrastinate.contrib.django import app
from ondol.instances.actions import RECONCILE
from ondol.deployment import alerts
for name in (RECONCILE, alerts.TASK):
    app.configure_task(name, queue="instances")
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print("new:", *sorted(new & {"ondol", "boto3", "botocore"}))
print("there:", *sorted({"boto3", "botocore", "ondol.reconciler", "ondol.web.machine.views"} & set(sys.modules)))
"""


def test_pages_are_loaded_before_the_first_request_and_tasks_with_boto3_never():
    """A job is enqueued by its name; the engine would load all tasks with the first one, while somebody waits."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["new:", "there: ondol.web.machine.views"], done.stderr
