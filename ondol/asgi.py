"""The application as `ondol web` serves it: Django's WSGI application behind granian's ASGI interface."""

from contextlib import suppress
from threading import Thread
from typing import cast

from django.conf import settings
from django.urls import Resolver404, resolve
from django.utils.module_loading import import_string
from procrastinate.contrib.django import app as jobs

from ondol.config import config
from ondol.database.base import limit_waiting, silent_for
from ondol.ec2_types import facts_of
from ondol.host.capacity import web_threads
from ondol.host.garbage import keep_what_is_loaded, without_collection
from ondol.host.gateway import Gateway
from ondol.wsgi import application as wsgi

# After `ondol.wsgi`, which sets Django up.
from ondol.monitoring.server import serve  # isort: skip

ANSWER_WITHIN = 10.0
"""The seconds that PostgreSQL may take for one statement of a page: as long as a frozen worker may hold a lock."""


def _end_start() -> None:
    facts_of(config().instance_type)
    keep_what_is_loaded()


serve(config().web_metrics_port, {})
limit_waiting(ANSWER_WITHIN)
# Jobs are enqueued by name. Without this, the first one would load all tasks here, and boto3, while somebody waits.
cast(list[str], jobs.import_paths).clear()
# Without this, the first request, which may be a click, would load all pages, compile the API's URL patterns, and load
# the facts about EC2's types.
with suppress(Resolver404), without_collection():
    resolve("/api/no-such-page")
for name in (settings.MESSAGE_STORAGE, settings.SESSION_SERIALIZER, settings.ACCOUNT_ADAPTER):
    import_string(name)
Thread(target=_end_start, daemon=True).start()
application = Gateway(
    wsgi,
    threads=web_threads(config()),
    body_limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    static=settings.STATIC_URL,
    silent_for=silent_for,
)
