"""All sealed secrets of the database, of any kind: counted, opened and resealed in one place."""

from collections.abc import Callable
from dataclasses import dataclass

from ondol.keys import vault

COUNT_BY_KEY = """
SELECT key_id, count(*) FROM (
  SELECT encode(substring(sealed_private_key FROM 2 FOR 4), 'hex') AS key_id FROM instances_sshkey
  WHERE length(sealed_private_key) > 0
  UNION ALL
  SELECT split_part(coalesce(data ->> 'secret', data ->> 'seed'), ':', 2) FROM mfa_authenticator
  WHERE coalesce(data ->> 'secret', data ->> 'seed') ~ '^vault:[0-9a-f]{8}:'
) AS sealed GROUP BY 1 ORDER BY 1
"""
"""SQL for the ids of the vault keys in use, and their numbers of secrets; `ondol backup` runs it without Django."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One secret in the database."""

    name: str
    """What it is, for administrators and logs."""
    sealed: bytes
    """Empty if it is stored in clear, by an earlier version."""
    open: Callable[[], str]
    """Return the secret. Raises VaultError."""
    replace: Callable[[str], int]
    """Seal the secret, passed as argument, with the first key. Return 0 if the row has changed meanwhile."""

    @property
    def is_outdated(self) -> bool:
        """Return whether it is in clear, or sealed with another key than the first or by an earlier version."""
        return not self.sealed or vault.needs_resealing(self.sealed)

    @property
    def is_bound(self) -> bool:
        """Return whether it is sealed, and in the present form."""
        return vault.is_bound(self.sealed)
