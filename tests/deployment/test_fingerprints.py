"""A part with other keys than the deployment's is told, and a key can be changed on purpose."""

import base64

import pytest

from ondol.config import config
from ondol.deployment import fingerprints
from ondol.deployment.fingerprints import OtherKeys
from ondol.deployment.models import Deployment
from ondol.keys import vault

SIGNING = {name: f"{name}-0123456789-abcdefghijklmnopqrstuvwxyz" for name in ("alpha", "beta")}
VAULT = {name: base64.urlsafe_b64encode(name.encode() * 32).decode() for name in "abc"}


@pytest.fixture
def keys(monkeypatch, db):
    """Sets both settings: the signing key, and the vault keys of these letters."""
    Deployment.current().update(signing_key="", vault_keys=[])

    def use(signing, letters):
        monkeypatch.setenv("ONDOL_SECRET_KEY", SIGNING[signing])
        monkeypatch.setenv("ONDOL_VAULT_KEYS", ",".join(VAULT[letter] for letter in letters))
        config.cache_clear()

    yield use
    monkeypatch.undo()
    config.cache_clear()


# The starts of parts, one after the other: signing key and vault keys, and whether the last one is refused.
STARTS = [
    ("the same keys", [("alpha", "a"), ("alpha", "a")], ""),
    ("another signing key", [("alpha", "a"), ("beta", "a")], "ONDOL_SECRET_KEY"),
    ("another vault key", [("alpha", "a"), ("alpha", "b")], "ONDOL_VAULT_KEYS"),
    ("both", [("alpha", "a"), ("beta", "b")], "ONDOL_SECRET_KEY"),
    ("a new key in front", [("alpha", "a"), ("alpha", "ba")], ""),
    ("a host without the new key", [("alpha", "a"), ("alpha", "ba"), ("alpha", "a")], "ONDOL_VAULT_KEYS"),
    ("a new key behind, sealing nothing yet", [("alpha", "a"), ("alpha", "ab"), ("alpha", "a")], ""),
    ("the old key taken out too early", [("alpha", "a"), ("alpha", "ba"), ("alpha", "b")], "ONDOL_VAULT_KEYS"),
    ("a first start with two: either may have sealed", [("alpha", "ba"), ("alpha", "b")], "ONDOL_VAULT_KEYS"),
    ("the order turned", [("alpha", "ab"), ("alpha", "ba")], ""),
]


@pytest.mark.parametrize(("starts", "refused"), [case[1:] for case in STARTS], ids=[case[0] for case in STARTS])
def test_a_part_starts_with_the_keys_of_the_deployment_only(keys, starts, refused):
    for start in starts[:-1]:
        keys(*start)
        fingerprints.check()
    before = fingerprints.known()
    keys(*starts[-1])
    if not refused:
        fingerprints.check()
        return
    with pytest.raises(OtherKeys, match=f"^{refused}") as error:
        fingerprints.check()
    assert "ondol keys accept" in str(error.value)
    assert not any(secret in str(error.value) for secret in (*SIGNING.values(), *VAULT.values()))
    assert fingerprints.known() == before


def test_an_administrator_changes_keys_on_purpose(keys):
    keys("alpha", "ab")
    fingerprints.check()
    keys("beta", "cb")
    fingerprints.accept()
    fingerprints.check()
    assert fingerprints.known().vault == tuple(vault.key_ids())
    keys("alpha", "ab")  # the host that nobody has thought of
    with pytest.raises(OtherKeys):
        fingerprints.check()


def test_a_key_with_which_nothing_is_sealed_any_more_may_go(keys):
    keys("alpha", "ba")
    fingerprints.check()
    fingerprints.forget_vault_key(vault.key_ids()[1])
    keys("alpha", "b")
    fingerprints.check()
