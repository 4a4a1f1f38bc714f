"""What tests in this process go without, since it takes long and none of them is about it."""

import gc

import pytest
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from django.test import override_settings
from django.utils import translation

from tests import role


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep Python's garbage collector from all that is imported, which stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _no_work_that_no_test_is_about():
    """Hash passwords as Django advises for tests, and look for a static file when it is asked for.

    What passwords cost outside of tests is in `web/test_sign_up.py`. Each of Django's test clients would read all
    static files; the server for browsers, in `web/conftest.py`, does read them.
    """
    cheap = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(PASSWORD_HASHERS=cheap, WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(autouse=True)
def _english():
    """Begin in English: a request or a command leaves the language of its reader to whoever comes next."""
    translation.activate("en")


@pytest.fixture(scope="session", autouse=True)
def _no_permissions():
    """Ondol asks for none of Django's, which would be made again after each test that commits."""
    assert post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Migrate as the owner of the tables, and test as the application."""
    with django_db_blocker.unblock():
        as_application = role.application()
        as_application.__enter__()
    yield
    with django_db_blocker.unblock():
        as_application.__exit__(None, None, None)


@pytest.fixture
def as_owner(db):
    """Be the owner of the tables for a whole test, which migrates or changes a table."""
    with role.owner():
        yield


@receiver(connection_created)
def _may_empty_the_record(connection, **_):
    """Let tests that commit empty all tables afterwards, which the record refuses to all but a retention."""
    with connection.cursor() as cursor:
        cursor.execute("SET ondol.audit_retention = 'on'")
