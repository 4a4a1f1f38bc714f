"""Private keys are sealed: each for its own row, by keys that can be changed."""

import base64

import pytest

from ondol.config import config
from ondol.keys import vault
from ondol.keys.vault import VaultError
from tests.instances.keys import PEM

OLD, NEW = (base64.urlsafe_b64encode(bytes([number]) * 32).decode() for number in (1, 2))
ALICE, BOB = (vault.Label("ssh_key", owner, f"row of {owner}", "aa:bb") for owner in ("alice", "bob"))


@pytest.fixture
def keys(monkeypatch):
    """Sets ONDOL_VAULT_KEYS."""

    def use(*given):
        monkeypatch.setenv("ONDOL_VAULT_KEYS", ",".join(given))
        config.cache_clear()

    yield use
    monkeypatch.undo()
    config.cache_clear()


def test_what_was_sealed_for_alice_opens_for_alice():
    sealed = vault.seal(ALICE, PEM)
    assert vault.open_sealed(ALICE, sealed) == PEM
    assert b"PRIVATE" not in sealed


def test_a_sealed_key_in_another_row_does_not_open():
    with pytest.raises(VaultError, match="belongs to something else"):
        vault.open_sealed(BOB, vault.seal(ALICE, PEM))


def test_no_two_seals_are_the_same():
    assert len({vault.seal(ALICE, PEM) for _ in range(50)}) == 50


def test_not_one_byte_may_be_changed():
    sealed = vault.seal(ALICE, "a key")
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(VaultError):
            vault.open_sealed(ALICE, bytes(changed))


@pytest.mark.parametrize("length", [0, 1, 5, 16, 17, 30])
def test_what_was_cut_off_does_not_open(length):
    with pytest.raises(VaultError):
        vault.open_sealed(ALICE, vault.seal(ALICE, PEM)[:length])


def test_keys_can_be_changed_without_losing_anything(keys):
    keys(OLD)
    sealed = vault.seal(ALICE, PEM)
    assert not vault.needs_resealing(sealed)
    keys(NEW, OLD)
    assert vault.open_sealed(ALICE, sealed) == PEM
    assert vault.needs_resealing(sealed)
    again = vault.seal(ALICE, vault.open_sealed(ALICE, sealed))
    assert not vault.needs_resealing(again)
    keys(NEW)
    assert vault.open_sealed(ALICE, again) == PEM
    with pytest.raises(VaultError, match="ONDOL_VAULT_KEYS"):
        vault.open_sealed(ALICE, sealed)


def test_an_error_tells_no_secret(keys):
    keys(OLD)
    sealed = vault.seal(ALICE, PEM)
    keys(NEW)
    with pytest.raises(VaultError) as error:
        vault.open_sealed(ALICE, sealed)
    assert OLD not in str(error.value)
    assert NEW not in str(error.value)
