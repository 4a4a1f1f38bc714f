"""The application as `ondol web` serves it: Django's WSGI application behind granian's ASGI interface."""

from django.conf import settings

from ondol.config import config
from ondol.database.base import limit_waiting, silent_for
from ondol.host.capacity import web_threads
from ondol.host.gateway import Gateway
from ondol.wsgi import application as wsgi

# After `ondol.wsgi`, which sets Django up.
from ondol.monitoring.server import serve  # isort: skip

ANSWER_WITHIN = 10.0
"""The seconds that PostgreSQL may take for one statement of a page: as long as a frozen worker may hold a lock."""


serve(config().web_metrics_port, {})
limit_waiting(ANSWER_WITHIN)
application = Gateway(
    wsgi,
    threads=web_threads(config()),
    body_limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
    static=settings.STATIC_URL,
    silent_for=silent_for,
)
