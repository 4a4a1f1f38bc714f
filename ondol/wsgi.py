"""The WSGI application."""

import os
import signal
from multiprocessing import parent_process

from django.core.wsgi import get_wsgi_application

from ondol.host.garbage import without_collection
from ondol.host.process import die_with_parent

if os.environ.get("ONDOL_DIE_WITH_PARENT"):  # set by `ondol web`: a server killed hard must not leave us on its port
    die_with_parent(signal.SIGTERM, getattr(parent_process(), "pid", os.getppid()))

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ondol.settings")
with without_collection():
    application = get_wsgi_application()
