"""Whether the sign-in providers can be used: each has to know our redirect URI, and the institute's has to answer."""

from collections.abc import Iterator
from typing import Any

import requests

from ondol.accounts.providers import name_of, redirect_uri
from ondol.config import Config, config
from ondol.doctor.findings import Finding, failed, ok, warning

_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
_ANSWERS_WITHIN = 5.0
"""The seconds that an issuer has to answer; sign-in itself waits no longer."""


def sign_in() -> Iterator[Finding]:
    """Name the redirect URI to register with each provider, and ask the institute's issuer what it offers."""
    settings = config()
    if not settings.social_providers:
        yield ok("sign_in", "passwords")
    for provider in settings.social_providers:
        yield ok("sign_in", "redirect", name=name_of(settings, provider), address=redirect_uri(settings, provider))
    if "oidc" in settings.social_providers:
        yield _issuer(settings)


def _issuer(settings: Config) -> Finding:
    name, issuer = settings.oidc_name, settings.oidc_issuer
    try:
        answer = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=_ANSWERS_WITHIN)
        answer.raise_for_status()
        said: Any = answer.json()
    except requests.RequestException as error:
        status = error.response.status_code if error.response is not None else ""
        return failed("sign_in", "silent", name=name, issuer=issuer, reason=f"{type(error).__name__} {status}".strip())
    missing = [
        part for part in _ENDPOINTS if not isinstance(said, dict) or not str(said.get(part, "")).startswith("http")
    ]
    if missing:
        return failed("sign_in", "incomplete", name=name, issuer=issuer, missing=", ".join(missing))
    if str(said.get("issuer")).rstrip("/") != issuer:
        return failed("sign_in", "other_issuer", name=name, issuer=issuer, other=str(said.get("issuer"))[:200])
    methods = said.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        return failed("sign_in", "no_pkce", name=name, issuer=issuer)
    if issuer.startswith("http:"):
        return warning("sign_in", "in_clear", name=name, issuer=issuer)
    return ok("sign_in", "answers", name=name, issuer=issuer)
