"""Second factors: what the database keeps of them is sealed, and bound to its person."""

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth
from django.conf import settings
from django.contrib.sessions.serializers import JSONSerializer
from django.core import signing
from django.db import connection
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts.models import CacheEntry, User
from ondol.accounts.people import add_user
from ondol.accounts.sessions import TOTP_SETUP, SessionStore
from ondol.deployment import alerts, fingerprints
from ondol.instances import sealed
from ondol.keys import vault

pytestmark = pytest.mark.django_db
PASSWORD = "따뜻한 바닥 위의 고양이"
ALICES, MALLORYS = "JBSWY3DPEHPK3PXP", "KRSXG5CTMVRXEZLU"


def add(name, secret=""):
    user = add_user(f"{name}@example.org", name.title(), approved=True, password=PASSWORD)
    User.objects.filter(pk=user.pk).update(language="en")
    if secret:
        auth.TOTP.activate(user, secret)
        RecoveryCodes.activate(user)
    return user


def code(secret):
    """Return a code of now that was not used yet: nobody waits half a minute in a test."""
    CacheEntry.objects.exclude(key__contains="tampered").delete()
    return auth.format_hotp_value(auth.hotp_value(secret, next(auth.yield_hotp_counters_from_time())))


def recovery_codes(user):
    return RecoveryCodes(Authenticator.objects.get(user=user, type="recovery_codes")).generate_codes()


def english():
    browser = Client()
    browser.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
    return browser


def sure_of(browser):
    """Type the password once more, as pages about second factors want."""
    browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def sign_in(user, typed):
    """Type the password and a code. Return the browser, and the page that answers."""
    browser = english()
    browser.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    page = browser.post(reverse("mfa_authenticate"), {"code": typed}, follow=True)
    return browser, page


def is_in(user, typed):
    return sign_in(user, typed)[0].get(reverse("help")).status_code == 200


def stored(user, kind="totp"):
    with connection.cursor() as cursor:
        cursor.execute("SELECT data::text FROM mfa_authenticator WHERE user_id = %s AND type = %s", [user.pk, kind])
        return cursor.fetchone()[0]


def write(user, kind, key, text):
    """Write as somebody does who has nothing but the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE mfa_authenticator SET data = data || jsonb_build_object(%s, %s) WHERE user_id = %s AND type = %s",
            [key, text, user.pk, kind],
        )


def read(user, kind, key):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data ->> %s FROM mfa_authenticator WHERE user_id = %s AND type = %s", [key, user.pk, kind]
        )
        return cursor.fetchone()[0]


def in_clear(key, data):
    """Return what a row of a session has, as whoever has the secret key reads it; nothing is opened by the vault."""
    salt = SessionStore(key).key_salt
    return str(signing.loads(data, salt=salt, serializer=JSONSerializer))


def everything_in_the_database():
    """Return all rows as text, and what sessions have in them."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t')
            found += [row for (row,) in cursor.fetchall()]
            if table == "django_session":
                cursor.execute("SELECT session_key, session_data FROM django_session")
                found += [in_clear(key, data) for key, data in cursor.fetchall()]
    return "\n".join(found)


def test_bob_sets_up_an_authenticator_app_and_no_table_has_its_secret_at_any_time():
    assert TOTP_SETUP == auth.SECRET_SESSION_KEY
    bob, browser = add("bob"), english()
    browser.post(reverse("account_login"), {"login": bob.email, "password": PASSWORD})
    sure_of(browser)
    page = browser.get(reverse("mfa_activate_totp")).text
    [secret] = set(re.findall(r"\b[A-Z2-7]{32}\b", page))
    again = browser.post(reverse("mfa_activate_totp"), {"code": "000000"}).text
    assert secret in again, "the same one, after a mistake"
    assert secret not in everything_in_the_database()
    browser.post(reverse("mfa_activate_totp"), {"code": code(secret)})
    codes = recovery_codes(bob)
    shown = browser.get(reverse("mfa_view_recovery_codes")).text
    assert all(one in shown for one in codes)
    database = everything_in_the_database()
    for canary in (secret, *codes):
        assert canary not in database
    assert is_in(bob, code(secret))
    assert is_in(bob, codes[0])
    assert not is_in(bob, codes[0]), "it was used"
    assert is_in(bob, codes[1])


@pytest.mark.parametrize("is_sealed_meanwhile", [False, True])
def test_what_an_earlier_version_has_kept_in_clear_goes_on_working(is_sealed_meanwhile):
    alice = add("alice", ALICES)
    write(alice, "totp", "secret", ALICES)
    seed = "ab" * 40
    write(alice, "recovery_codes", "seed", seed)
    codes = recovery_codes(alice)
    assert is_in(alice, codes[0])
    write(alice, "recovery_codes", "seed", seed)
    assert sealed.examine().unbound == 2
    if is_sealed_meanwhile:
        assert sealed.reseal_all().done == 2
        assert sealed.examine().unbound == 0
        assert ALICES not in stored(alice)
        assert seed not in stored(alice, "recovery_codes")
    assert recovery_codes(alice) == codes
    assert is_in(alice, code(ALICES))
    assert not is_in(alice, codes[0]), "it was used before"
    assert is_in(alice, codes[1])


def test_a_recovery_code_that_is_used_while_its_seed_is_sealed_anew_stays_used():
    alice, used = add("alice", ALICES), []
    write(alice, "recovery_codes", "seed", "ab" * 40)
    first = recovery_codes(alice)[0]

    def use(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and not used:
            used.append(first)
            write(alice, "recovery_codes", "used_mask", 1)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(use):
        assert sealed.reseal().changed == 1
    assert sealed.reseal_all().done == 1
    assert "ab" * 40 not in stored(alice, "recovery_codes")
    assert recovery_codes(alice)[0] == first
    assert not is_in(alice, first)


def copy(kind, key, other=None):
    def act(alice, mallory):
        write(alice, kind, key, read(mallory, *(other or (kind, key))))

    return act


def give_away(kind):
    """Make Mallory's row Alice's."""

    def act(alice, mallory):
        Authenticator.objects.filter(user=alice, type=kind).delete()
        Authenticator.objects.filter(user=mallory, type=kind).update(user=alice)

    return act


def change(kind, key, how):
    return lambda alice, _mallory: write(alice, kind, key, how(read(alice, kind, key)))


def another_letter(text):
    return text[:60] + ("B" if text[60] == "A" else "A") + text[61:]


TOTP, CODES = "totp", "recovery_codes"
# What she does; what of Alice's is void then, and whether administrators get an e-mail.
ATTACKS = {
    "her own secret": (copy(TOTP, "secret"), TOTP, True),
    "her own row": (give_away(TOTP), TOTP, True),
    "her own seed": (copy(CODES, "seed"), CODES, True),
    "her own row of recovery codes": (give_away(CODES), CODES, True),
    "her seed as a secret": (copy(TOTP, "secret", (CODES, "seed")), TOTP, True),
    "her secret as a seed": (copy(CODES, "seed", (TOTP, "secret")), CODES, True),
    "another letter": (change(TOTP, "secret", another_letter), TOTP, True),
    "another end": (change(TOTP, "secret", lambda text: text[:-8] + "AAAAAAAA"), TOTP, True),
    "half of it": (change(TOTP, "secret", lambda text: text[:50]), TOTP, True),
    "its head alone": (change(TOTP, "secret", lambda text: text[:15]), TOTP, True),
    "no base64": (change(TOTP, "secret", lambda text: f"{text}%"), TOTP, True),
    "half of a seed": (change(CODES, "seed", lambda text: text[:50]), CODES, True),
    "a vault key that is not known": (change(TOTP, "secret", lambda text: "vault:00:AmxvdmU" + text[22:]), TOTP, False),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_who_can_write_to_the_database_gets_in_with_no_code_of_her_own(attack):
    """Mallory knows Alice's password, and all codes of her own."""
    act, void, is_told = ATTACKS[attack]
    add("ada")
    User.objects.update(role="ADMIN")
    alice, mallory = add("alice", ALICES), add("mallory", MALLORYS)
    hers, theirs = recovery_codes(alice), recovery_codes(mallory)
    act(alice, mallory)
    for typed in (code(MALLORYS), theirs[0], "000000"):
        assert not is_in(alice, typed)
    assert is_in(alice, code(ALICES)) == (void == CODES)
    assert is_in(alice, hers[0]) == (void == TOTP), "the other factor still lets Alice in"
    _, page = sign_in(alice, "000000")
    assert {TOTP: "authenticator app cannot be checked", CODES: "recovery codes no longer work"}[void] in page.text
    letters = ProcrastinateJob.objects.filter(task_name=alerts.TASK, args__owner=str(alice.pk))
    assert [job.args["secret"] for job in letters] == [void] * is_told, "one, however often it was tried"


def test_recovery_codes_that_do_not_open_are_not_made_up():
    alice = add("alice", ALICES)
    browser, _ = sign_in(alice, code(ALICES))
    sure_of(browser)
    write(alice, "recovery_codes", "seed", "vault:00000000:AAAA")
    page = browser.get(reverse("mfa_view_recovery_codes"), follow=True)
    assert page.redirect_chain[0][0] == reverse("mfa_generate_recovery_codes")
    assert browser.get(reverse("mfa_download_recovery_codes")).status_code == 302
    assert browser.get(reverse("mfa_index")).text.count("recovery codes no longer work") == 1
    assert "recovery codes no longer work" in page.text
    browser.post(reverse("mfa_generate_recovery_codes"))
    assert is_in(alice, recovery_codes(alice)[0]), "new ones replace them"


def test_the_vaults_key_may_go_once_second_factors_are_sealed_with_another(monkeypatch, other_vault_key):
    old = vault.key_ids()[0]
    fingerprints.check()
    alice = add("alice", ALICES)
    codes = recovery_codes(alice)
    assert sealed.ids_in_use() == {old}
    new = other_vault_key(keep_old=True)
    fingerprints.check()
    assert sealed.forget_unused() == [], "the old one is still needed"
    assert sealed.reseal_all().done == 2
    assert sealed.ids_in_use() == {new}
    assert sealed.forget_unused() == [old]
    other_vault_key(keep_old=False)
    assert recovery_codes(alice) == codes
    assert is_in(alice, code(ALICES))


def test_pages_that_were_not_started_again_seal_nothing_that_would_be_lost(other_vault_key):
    """The key was given up meanwhile by a rotation on another host."""
    old = vault.key_ids()[0]
    bob, browser = add("bob"), english()
    browser.post(reverse("account_login"), {"login": bob.email, "password": PASSWORD})
    sure_of(browser)
    page = browser.get(reverse("mfa_activate_totp")).text
    [secret] = set(re.findall(r"\b[A-Z2-7]{32}\b", page))
    other_vault_key(keep_old=True)
    fingerprints.check()
    fingerprints.forget_vault_key(old)
    other_vault_key(keep_old=None)
    answer = browser.post(reverse("mfa_activate_totp"), {"code": code(secret)}, follow=True)
    assert "Nothing was set up" in answer.text
    assert not Authenticator.objects.exists()
