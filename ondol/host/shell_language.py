"""Sentences of `ondol up` in Korean, too, below the English, if the shell's locale is Korean; without Django."""

import gettext
from collections.abc import Mapping
from pathlib import Path

_LOCALE = Path(__file__).resolve().parents[1] / "locale"


def gettext_noop(text: str) -> str:
    """Return the text; this call marks it for the translation catalogue."""
    return text


READY = gettext_noop("Ondol is ready: %(url)s")
SIGN_IN = gettext_noop("Sign in as %(email)s with the password %(password)s (kept in %(file)s).")
SIGN_IN_CHOSEN = gettext_noop("Sign in as %(email)s with the password that was chosen there.")
SIGN_IN_BY_PROVIDER = gettext_noop("Sign in by %(provider)s as %(email)s: passwords open nothing here.")


def in_shells_languages(text: str, words: Mapping[str, str], environ: Mapping[str, str]) -> list[str]:
    """Return the English sentence, and below it the Korean one where the shell's locale is Korean in UTF-8."""
    told = [text % words]
    if _is_korean(environ):
        korean = gettext.translation("django", _LOCALE, languages=["ko"], fallback=True).gettext(text)
        told += [korean % words] if korean != text else []  # a checkout whose catalogue is not compiled has none
    return told


def _is_korean(environ: Mapping[str, str]) -> bool:
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    name, _dot, charset = locale.partition(".")
    return name.split("_")[0] == "ko" and charset.lower().replace("-", "") in {"", "utf8"}
