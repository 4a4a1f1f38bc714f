"""People with names, machines in any state, and browsers that have signed in."""

import base64
import importlib.util
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.test.testcases import LiveServerThread
from playwright.sync_api import sync_playwright

from ondol import clock
from ondol.accounts.models import Approval, Role, User
from ondol.api.throttle import PER_PERSON
from ondol.config import config
from ondol.instances.models import Instance, StatusChange
from ondol.instances.states import Reason, Status
from ondol.keys import vault
from ondol.web.machines.stop import mark_of
from tests.chromium import launch
from tests.furnished import copy_styles
from tests.instances.keys import keep
from tests.instances.rig import made
from tests.web.browser import sign_in

ROOT = Path(__file__).parents[2]
ALICE, BOB, CAROL, DAN, ERIN = (f"{name}@example.org" for name in ("alice", "bob", "carol", "dan", "erin"))


@pytest.fixture(scope="session", autouse=True)
def _static_files_and_words():
    """Prepare static files, whose names depend on their content, and compiled translations."""
    copy_styles(config().home)
    stale = [
        po
        for po in ROOT.glob("ondol/**/LC_MESSAGES/*.po")
        if not po.with_suffix(".mo").exists() or po.with_suffix(".mo").stat().st_mtime < po.stat().st_mtime
    ]
    if stale:
        spec = importlib.util.spec_from_file_location("build_translations", ROOT / "build_translations.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.compile_catalogues(ROOT)


@pytest.fixture(autouse=True)
def _no_limit_of_clicks():
    """Let people click as fast as tests do; `test_errors.py` has the limit."""
    limit, PER_PERSON.wishes = PER_PERSON.wishes, 10**6
    yield
    PER_PERSON.wishes = limit


@pytest.fixture(scope="session")
def site():
    """Return the address of a server in this process, whose WhiteNoise lets browsers cache files, unlike
    pytest-django's."""
    server = LiveServerThread("127.0.0.1", lambda handler: handler, connections_override={})
    server.daemon = True
    with override_settings(WHITENOISE_AUTOREFRESH=False):
        server.start()
        server.is_ready.wait()
    assert server.error is None
    yield f"http://127.0.0.1:{server.port}"
    server.terminate()


@pytest.fixture(scope="module")
def browser():
    """Start a real browser. Its event loop is in the way of tests that have one, so it ends with the module."""
    with sync_playwright() as playwright:
        found = launch(playwright)
        yield found
        found.close()


def person(email, approval=Approval.APPROVED, role=Role.MEMBER, **fields):
    fields = {"name": email.partition("@")[0].title(), "affiliation": "KIGAM", "purpose": "InSAR", **fields}
    return User.objects.create(email=email, approval=approval, role=role, password="!", **fields)


@pytest.fixture
def alice(db):
    """Return Alice, an administrator."""
    return person(ALICE, role=Role.ADMIN)


@pytest.fixture
def bob(db):
    """Return Bob, who is approved."""
    return person(BOB)


@pytest.fixture
def carol(db):
    """Return Carol, whose request is pending."""
    return person(CAROL, Approval.PENDING)


@pytest.fixture
def dan(db):
    """Return Dan, who was rejected."""
    return person(DAN, Approval.REJECTED, decision_reason="Not one of us.", decided_at=clock.now())


@pytest.fixture
def erin(db):
    """Return Erin, who was suspended."""
    return person(ERIN, Approval.SUSPENDED, decision_reason="Project over.", decided_at=clock.now())


@pytest.fixture
def browser_of():
    """Return a function that signs somebody in, in English unless another language is given."""

    def browser(user, language="en", **options):
        User.objects.filter(pk=user.pk).update(language=language)
        client = Client(**options)
        sign_in(client, user)
        return client

    return browser


@pytest.fixture
def proving(monkeypatch, settings):
    """Make this an installation at Amazon with a mail server: e-mails prove addresses."""
    monkeypatch.setattr(config(), "cloud", "aws")
    monkeypatch.setattr(config(), "email_verification", "mandatory")
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


@pytest.fixture
def english():
    """Return a browser in which nobody has signed in, switched to English."""
    client = Client()
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    return client


def confirmed(*owners):
    """Return the fields that confirm a stop of what these people run, as it is now."""
    rows = Instance.objects.filter(owner__in=owners).select_related("run")
    return {"people": [owner.pk for owner in owners], "read": " ".join(mark_of(row) for row in rows)}


def machine(owner, status=Status.RUNNING, reason=Reason.DONE, minutes_ago=3.0, key=True, **fields):
    """Make a machine in some status, as the worker would have left it."""
    since = clock.now() - timedelta(minutes=minutes_ago)
    running = {
        "instance_id": f"i-{owner.pk:017x}",
        "security_group_id": "sg-0123456789abcdef0",
        "public_ip": "203.0.113.24",
        "seen_view": "running",
        "seen_since": since,
        "launched_at": since,
        "armed_at": since,
        "warm_up_minutes": 40,
        "armed_idle_minutes": 30,
        "armed_cpu_percent": 5.0,
        "alarm_verified_at": since,
        "ready_at": since,
    }
    at_first = {"client_token": f"token-{owner.pk}"}
    facts = {
        Status.PENDING: at_first,
        Status.FAILED: {"is_clean": True, "error_ref": "K7F3M2QP"},
        Status.STOPPED: running | {"public_ip": None, "armed_at": None, "ready_at": None, "seen_view": "stopped"},
        Status.STARTING: running | {"ready_at": None, "seen_view": "pending", "public_ip": None},
    }.get(status, running)
    facts = {"is_clean": False, "status": status, "status_reason": reason, "status_since": since} | facts | fields
    row = made(owner, **facts)
    StatusChange.objects.create(instance=row, new=status, reason=reason, at=since)
    if key and status is not Status.FAILED:
        keep(row)
    return row


@pytest.fixture
def other_vault_key(monkeypatch):
    """Puts another key into ONDOL_VAULT_KEYS, in front of the old one or alone; None takes the old one back."""
    old, new = config().vault_keys[0], base64.urlsafe_b64encode(b"n" * 32).decode()

    def use(*, keep_old):
        keys = {True: [new, old], False: [new], None: [old]}[keep_old]
        monkeypatch.setenv("ONDOL_VAULT_KEYS", ",".join(keys))
        config.cache_clear()
        return vault.key_ids()[0]

    yield use
    monkeypatch.undo()
    config.cache_clear()
