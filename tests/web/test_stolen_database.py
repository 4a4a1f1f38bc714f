"""What a copy of the database is worth, and what somebody can do who may write one row of it."""

import base64
import re
import zlib
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

import ondol
from ondol.accounts.cache import forget_expired
from ondol.accounts.models import CacheEntry
from ondol.accounts.people import add_user
from ondol.accounts.sessions import TOTP_SETUP, SessionStore, digest
from ondol.accounts.tokens import create_token
from ondol.keys.vault import VaultError
from tests.signed_in import session_of, sign_in
from tests.web.conftest import person

pytestmark = pytest.mark.django_db


def dump():
    """Return every text that a copy of the database has: values, what JSON is in them, and words of them."""
    found = set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t')
            for (row,) in cursor.fetchall():
                found |= set(re.findall(r'"((?:[^"\\]|\\.)*)"', row))
    return found | {word for text in found for word in re.split(r"[\s:|,$]+", text)}


def test_nothing_in_a_dump_opens_a_door(record_property):
    bob = person("bob", role="ADMIN")
    cookie = sign_in(Client(), bob)
    token = create_token(bob, "laptop")
    Client().post(reverse("account_reset_password"), {"email": bob.email})
    assert Client(headers={"cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}).get("/").status_code == 200
    values = dump()
    assert len(values) > 200
    assert not {cookie, token} & values
    opened = []
    for value in sorted(values):
        thief = Client(raise_request_exception=False)
        thief.cookies[settings.SESSION_COOKIE_NAME] = value
        if thief.get(reverse("help")).status_code == 200:
            opened.append(f"cookie {value}")
        if thief.get("/api/instances/status", headers={"authorization": f"Bearer {value}"}).status_code != 401:
            opened.append(f"bearer {value}")
    assert not opened
    record_property("told", f"stolen database: {len(values)} values tried as cookie and as token; 0 doors opened")


def peeled(values):
    """Return the values, and what base64 and zlib hide in them: sessions are signed, and not secret."""
    found = set(values)
    for value in values:
        padded = value.removeprefix(".") + "=" * (-len(value.removeprefix(".")) % 4)
        with suppress(ValueError, zlib.error):
            data = base64.urlsafe_b64decode(padded)
            data = zlib.decompress(data) if value.startswith(".") else data
            found |= set(re.findall(r"[!-~]+", data.decode("latin-1")))
    return found | {word for text in found for word in re.findall(r"\w+", text)}


def codes_by(value, counter):
    """Return the codes that somebody types who takes this value for a secret, for a seed, or for a code."""
    yield value
    with suppress(ValueError):
        yield auth.format_hotp_value(auth.hotp_value(value, counter))
    with suppress(ValueError, VaultError):
        yield from RecoveryCodes(Authenticator(data={"seed": value, "used_mask": 0})).generate_codes()


@pytest.mark.parametrize("is_sealed", [True, False])
def test_no_second_factor_is_in_a_dump(is_sealed, record_property):
    """Bob has an authenticator app and recovery codes, and is just setting up another app. In clear, both are found."""
    bob, browser = person("bob"), Client()
    sign_in(browser, bob, **{TOTP_SETUP: "MFRGGZDFMZTWQ2LKNNWG23TP"})
    rows = [auth.TOTP.activate(bob, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").instance, RecoveryCodes.activate(bob).instance]
    counter = next(auth.yield_hotp_counters_from_time())
    right = {auth.format_hotp_value(auth.hotp_value("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", counter))}
    right |= set(RecoveryCodes(rows[1]).generate_codes())
    if not is_sealed:
        for row, data in zip(rows, ({"secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}, {"seed": "ab" * 40}), strict=True):
            Authenticator.objects.filter(pk=row.pk).update(data=data | {"used_mask": 0})
        right |= set(RecoveryCodes(Authenticator(data={"seed": "ab" * 40})).generate_codes())
    values = peeled(dump())
    assert len(values) > 200
    record_property("told", f"stolen database: {len(values)} values tried as second factor, sealed: {is_sealed}")
    found = {value for value in values if right & set(codes_by(value, counter))}
    assert found == (set() if is_sealed else {"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "ab" * 40})
    assert "MFRGGZDFMZTWQ2LKNNWG23TP" not in values
    assert SessionStore.of_cookie(browser.cookies[settings.SESSION_COOKIE_NAME].value)[TOTP_SETUP]


def test_a_session_that_is_over_opens_nothing():
    browser, alice = Client(), person("alice")
    cookie = sign_in(browser, alice)
    assert SessionStore.of_cookie(cookie).exists(digest(cookie))
    browser.post(reverse("account_logout"))
    again = Client()
    again.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert again.get(reverse("help")).status_code == 302


def test_who_was_signed_in_before_the_upgrade_stays_so():
    migration = import_module("ondol.accounts.migrations.0008_digests_of_sessions")
    for secret in ("a" * 32, "3qz0x8k1c9v2b7n4m5l6p0o9i8u7y6t5", "x"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {migration._DIGEST} FROM (SELECT %s AS session_key)", [secret])
            assert cursor.fetchone()[0] == digest(secret)


def test_the_data_of_a_session_are_void_in_another_row():
    """Mallory writes rows, and so a session with a cookie of her own; what Bob's has in it signs nobody in there."""
    bob, mallory = Client(), Client()
    sign_in(bob, person("bob", role="ADMIN"))
    sign_in(mallory, person("mallory"))
    theirs, hers = (Session.objects.get(session_key=session_of(one).session_key) for one in (bob, mallory))
    made_up = "m" * 32
    Session.objects.create(session_key=digest(made_up), session_data=theirs.session_data, expire_date=hers.expire_date)
    Session.objects.filter(pk=hers.pk).update(session_data=theirs.session_data)
    for cookie in (made_up, mallory.cookies[settings.SESSION_COOKIE_NAME].value):
        thief = Client(headers={"cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"})
        assert thief.get(reverse("help")).status_code == 302
        assert thief.get("/api/instances/status").status_code == 401
    assert bob.get(reverse("admin_people")).status_code == 200


def test_alice_sees_where_she_is_signed_in_and_ends_the_other_place():
    """allauth lists sessions by the key that our store gives it, which is the digest."""
    add_user("alice@example.org", "Alice", approved=True, password="따뜻한 바닥 위의 고양이")
    here, there = Client(), Client()
    for browser in (here, there):
        browser.post(reverse("account_login"), {"login": "alice@example.org", "password": "따뜻한 바닥 위의 고양이"})
        assert browser.get(reverse("help")).status_code == 200
    keys = set(UserSession.objects.values_list("session_key", flat=True))
    assert keys == {digest(browser.cookies[settings.SESSION_COOKIE_NAME].value) for browser in (here, there)}
    assert here.get(reverse("usersessions_list")).status_code == 200
    here.post(reverse("usersessions_list"))
    assert there.get(reverse("help")).status_code == 302
    assert here.get(reverse("help")).status_code == 200


PICKLE = "gASVBwAAAAAAAACMA3B3bpQu"


@pytest.mark.parametrize("value", [PICKLE, [PICKLE], {"py/object": "os.system"}, "!!python/object:os.system", 7, {}])
def test_a_row_of_the_cache_is_data(value):
    """What a stranger writes there is read as it is, and is never run."""
    cache.set("k", 1)
    CacheEntry.objects.update(value=value)
    assert cache.get("k", "nothing") == value


def test_the_cache_keeps_what_rate_limits_need():
    assert cache.add("a", [1.5, 2], 60)
    assert not cache.add("a", 3)
    assert cache.get("a") == [1.5, 2]
    cache.set("a", {"n": 1}, -1)
    assert cache.get("a") is None
    assert cache.add("a", True, None)
    assert cache.touch("a", -1)
    assert not cache.touch("a")
    assert not cache.touch("b")
    assert cache.incr("n", 1) if cache.add("n", 1) else False
    assert cache.delete("n")
    assert not cache.delete("n")
    assert forget_expired() == 1
    cache.set("a", 1)
    cache.clear()
    assert not CacheEntry.objects.exists()


def test_nothing_of_ours_unpickles():
    """Nor does a library of ours where data from outside the process reaches: sessions and the cache are JSON."""
    assert settings.SESSION_SERIALIZER.endswith("JSONSerializer")
    root = Path(ondol.__file__).parent
    found = [
        str(path)
        for path in root.rglob("*.py")
        if re.search(r"\b(pickle|shelve|marshal|jsonpickle|yaml\.load)\b", path.read_text())
    ]
    assert found == []
