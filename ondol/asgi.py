"""The application as `ondol web` serves it: Django's WSGI application behind granian's ASGI interface."""

import os

from django.conf import settings

from ondol.host.gateway import Gateway
from ondol.wsgi import application as wsgi


def threads() -> int:
    """Return how many requests are worked on at once. Each thread has its own connection to PostgreSQL."""
    return min(8, 2 * (os.cpu_count() or 1) + 1)


application = Gateway(wsgi, threads=threads(), body_limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
