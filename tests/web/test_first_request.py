"""A web process has what its first request needs: it may be somebody's click."""

import os
import subprocess
import sys

NOBODY = "http://127.0.0.1:9"
LOADED = """
import gc, sys, threading
from ondol.asgi import application
before = set(sys.modules)
for thread in threading.enumerate():
    if thread.daemon:
        thread.join(20)
kept = gc.get_freeze_count()
from django.urls import get_resolver
get_resolver().reverse_dict
from procrastinate.contrib.django import app
from ondol.instances.jobs import RECONCILE
from ondol.deployment import alerts
for name in (RECONCILE, alerts.TASK):
    app.configure_task(name, queue="instances")
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print("new:", *sorted(new & {"ondol", "boto3", "botocore"}))
print("kept:", kept > 100_000)
print("there:", *sorted({"boto3", "botocore", "ondol.reconciler", "ondol.web.machine.views"} & set(sys.modules)))
"""


def test_pages_are_loaded_before_the_first_request_and_tasks_with_boto3_never():
    """A job is enqueued by its name; the engine would load all tasks with the first one, while somebody waits."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["new:", "kept: True", "there: ondol.web.machine.views"], done.stderr


def test_a_worker_keeps_the_collector_from_what_it_has_loaded_though_aws_cannot_be_asked():
    started = "from ondol.commands import _django, worker; _django.load(); from ondol.deployment import connection"
    ready = "worker._get_ready(connection.get_ready); import gc; print(gc.get_freeze_count() > 50_000)"
    words = [sys.executable, "-c", f"{started}; {ready}"]
    network = {"AWS_VPC_ID": "vpc-12345678", "AWS_SUBNET_ID": "subnet-12345678", "AWS_ENDPOINT_URL": NOBODY}
    env = {**os.environ, **network, "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout == "True\n", done.stderr
