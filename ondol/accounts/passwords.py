"""Passwords are hashed in one Unicode form, so that every keyboard's way to type them is right."""

from django.contrib.auth.hashers import ScryptPasswordHasher

from ondol.accounts.text import password_forms


class FormsScryptPasswordHasher(ScryptPasswordHasher):
    """Makes Django's hashes, under its name for them: earlier versions read ours, and we read theirs."""

    def encode(self, password: str, salt: str, n: int | None = None, r: int | None = None, p: int | None = None) -> str:
        """Return the hash of the first form.

        It takes as long as to find a wrong password wrong: allauth hashes one where there is no such account, so that
        nobody can tell by the time that there is none.
        """
        first, *others = password_forms(password)
        for form in others:
            super().encode(form, salt, n, r, p)
        return super().encode(first, salt, n, r, p)

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether any form is right. Accounts of earlier versions have what their owner's keyboard sent."""
        plain = ScryptPasswordHasher()
        return any(plain.verify(form, encoded) for form in password_forms(password))
