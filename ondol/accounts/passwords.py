"""Passwords are hashed in one Unicode form, so that every keyboard's way to type them is right."""

import re
import unicodedata
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.hashers import ScryptPasswordHasher
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ondol.accounts.text import password_forms
from ondol.config import config

_OUR_WORDS = (
    "ondol",
    "온돌",
    "amazon",
    "ubuntu",
    "machine",
    "server",
    "password",
    "secret",
    "머신",
    "비밀번호",
    "서버",
)
LEAST = 10
"""Characters of a password."""
_LEAST_BESIDE = 6
"""Letters and digits that have to be there beside such words."""


class FormsScryptPasswordHasher(ScryptPasswordHasher):
    """Makes Django's hashes, under its name for them: earlier versions read ours, and we read theirs."""

    def encode(self, password: str, salt: str, n: int | None = None, r: int | None = None, p: int | None = None) -> str:
        """Return the hash of the first form.

        It takes as long as checking a wrong password: allauth hashes one where there is no account, so that the
        response time does not show it.
        """
        first, *others = password_forms(password)
        for form in others:
            super().encode(form, salt, n, r, p)
        return super().encode(first, salt, n, r, p)

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether any form matches. Earlier versions hashed what the keyboard sent."""
        plain = ScryptPasswordHasher()
        return any(plain.verify(form, encoded) for form in password_forms(password))


class OurWordsValidator:
    """Refuses passwords of words that everybody who knows this site would try: its name, its address, what it does."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError if hardly anything is left without such words."""
        typed = unicodedata.normalize("NFKC", password).lower()
        rest = typed
        for word in sorted(_words_of_this_site(), key=len, reverse=True):
            rest = rest.replace(word, "")
        if rest != typed and len(re.sub(r"[\W_]", "", rest)) < _LEAST_BESIDE:
            raise ValidationError(
                _("This password consists of words from this site, which others would try first."), "ours"
            )

    def get_help_text(self) -> str:
        return _("Your password must not consist of words from this site.")


def hint() -> str:
    """Return the rules for passwords in one line."""
    return _("%(least)d or more characters. Common passwords, and ones like your name or e-mail, are refused.") % {
        "least": LEAST
    }


def _words_of_this_site() -> set[str]:
    host = urlsplit(config().url).hostname or ""
    return {*_OUR_WORDS, *(label for label in host.split(".") if len(label) > 3)}
