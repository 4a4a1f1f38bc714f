"""Settings of sign-in, by password or by a provider such as the institute's own, and of approval by it."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode

from ondol.written_settings import Names, Url
from ondol.written_settings import env as _env

PROVIDERS = ("google", "kakao", "naver", "oidc")


class SignInSettings(BaseSettings):
    """The part of the settings that says who may come in, and how."""

    password_sign_in: bool = _env(
        "ONDOL_PASSWORD_SIGN_IN",
        True,
        description="`false`: people sign in by the institute's OpenID Connect only; "
        "passwords and passkeys open nothing.",
    )
    email_verification: Literal["none", "optional", "mandatory"] | None = _env(
        "ONDOL_EMAIL_VERIFICATION",
        None,
        description="Whether people must prove their e-mail address, by an e-mail to it: `mandatory`, `optional` or "
        "`none`. Unset: `mandatory` with Amazon and a mail server, else `none`.",
    )
    sign_up_domains: Names = _env(
        "ONDOL_SIGN_UP_DOMAINS",
        (),
        description="Domains whose e-mail addresses may ask for an account, comma-separated. Unset: all.",
    )
    approved_domains: Names = _env(
        "ONDOL_APPROVED_DOMAINS",
        (),
        description="Domains whose people are approved without an administrator once their address is proven.",
    )
    admin_second_factor_days: int = _env(
        "ONDOL_ADMIN_SECOND_FACTOR_DAYS",
        14,
        ge=0,
        le=365,
        description="How many days an administrator has to set up a second factor; not in the trial.",
    )
    social_providers: Names = _env(
        "ONDOL_SOCIAL_PROVIDERS",
        (),
        description="Of google, kakao, naver, oidc; comma-separated. "
        "Each needs ONDOL_NAME_CLIENT_ID and ONDOL_NAME_CLIENT_SECRET.",
    )
    google_client_id: str = _env("ONDOL_GOOGLE_CLIENT_ID", "", description="OAuth client of Google.")
    google_client_secret: str = _env("ONDOL_GOOGLE_CLIENT_SECRET", "", description="Its secret.")
    kakao_client_id: str = _env("ONDOL_KAKAO_CLIENT_ID", "", description="OAuth client of Kakao.")
    kakao_client_secret: str = _env("ONDOL_KAKAO_CLIENT_SECRET", "", description="Its secret.")
    naver_client_id: str = _env("ONDOL_NAVER_CLIENT_ID", "", description="OAuth client of Naver.")
    naver_client_secret: str = _env("ONDOL_NAVER_CLIENT_SECRET", "", description="Its secret.")
    oidc_client_id: str = _env("ONDOL_OIDC_CLIENT_ID", "", description="OpenID Connect client.")
    oidc_client_secret: str = _env("ONDOL_OIDC_CLIENT_SECRET", "", description="Its secret.")
    oidc_issuer: Url = _env("ONDOL_OIDC_ISSUER", "", description="Address of the OpenID Connect issuer.")
    oidc_name: str = _env("ONDOL_OIDC_NAME", "OpenID", description="What its button says.")
    oidc_scopes: str = _env(
        "ONDOL_OIDC_SCOPES", "openid profile email", description="What is asked for; some issuers need `groups` too."
    )
    oidc_trust_email: bool = _env(
        "ONDOL_OIDC_TRUST_EMAIL",
        False,
        description="`true`: the issuer vouches for e-mail addresses: they are proven, and open the account that has "
        "the same one. Never for an issuer where people choose their address themselves.",
    )
    oidc_approved_claim: Annotated[tuple[str, str] | None, NoDecode] = _env(
        "ONDOL_OIDC_APPROVED_CLAIM",
        None,
        description="CLAIM=VALUE, such as groups=radar: whoever waits and has it is approved at sign-in.",
    )
    oidc_admin_claim: Annotated[tuple[str, str] | None, NoDecode] = _env(
        "ONDOL_OIDC_ADMIN_CLAIM",
        None,
        description="CLAIM=VALUE: at each sign-in by OpenID Connect, approved people who have it become "
        "administrators, and those who do not have it members.",
    )

    @field_validator("oidc_approved_claim", "oidc_admin_claim", mode="before")
    @classmethod
    def _split_claim(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        name, _, wanted = (part.strip() for part in value.partition("="))
        if not (name and wanted) or len(value) > 200:
            raise ValueError("write CLAIM=VALUE, such as groups=radar, in at most 200 characters")
        return name, wanted

    @field_validator("social_providers")
    @classmethod
    def _are_providers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(value) - set(PROVIDERS):
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; use {', '.join(PROVIDERS)}")
        return value

    @field_validator("sign_up_domains", "approved_domains")
    @classmethod
    def _are_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_domain(part) for part in value)

    @field_validator("oidc_scopes")
    @classmethod
    def _asks_who_it_is(cls, value: str) -> str:
        scopes = value.replace(",", " ").split()
        if "openid" not in scopes:
            raise ValueError("`openid` has to be among them, such as openid profile email groups")
        return " ".join(scopes)

    @field_validator("oidc_issuer")
    @classmethod
    def _is_issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("write it whole, such as https://login.example.org/realms/lab")
        return value.removesuffix("/.well-known/openid-configuration").rstrip("/")

    @model_validator(mode="after")
    def _can_be_signed_in(self) -> "SignInSettings":
        for provider in self.social_providers:
            for part in ("client_id", "client_secret"):
                if not getattr(self, f"{provider}_{part}"):
                    raise ValueError(f"ONDOL_{provider.upper()}_{part.upper()}: needed by ONDOL_SOCIAL_PROVIDERS")
        self._refuse_what_no_provider_uses()
        has_oidc = "oidc" in self.social_providers
        if has_oidc and not self.oidc_issuer:
            raise ValueError("ONDOL_OIDC_ISSUER: needed by ONDOL_SOCIAL_PROVIDERS")
        if not self.password_sign_in and not (has_oidc and self.oidc_trust_email):
            raise ValueError(
                "ONDOL_PASSWORD_SIGN_IN=false needs `oidc` in ONDOL_SOCIAL_PROVIDERS and ONDOL_OIDC_TRUST_EMAIL=true: "
                "without them the people who have accounts could not sign in any more"
            )
        return self

    def _require_proof_for_approved_domains(self) -> None:
        if self.approved_domains and self.email_verification == "none" and not self.social_providers:
            raise ValueError(
                "ONDOL_APPROVED_DOMAINS needs ONDOL_EMAIL_VERIFICATION=mandatory or optional, or a provider: nobody "
                "is approved for an address that is not proven"
            )

    def _refuse_what_no_provider_uses(self) -> None:
        for provider in set(PROVIDERS) - set(self.social_providers):
            for name in self.model_fields_set - {"oidc_name"}:  # a name alone does no harm
                if name.startswith(f"{provider}_") and getattr(self, name) != type(self).model_fields[name].default:
                    raise ValueError(
                        f"ONDOL_{name.upper()} is set, and `{provider}` is not in ONDOL_SOCIAL_PROVIDERS: add it "
                        "there, or take this out"
                    )


def _domain(written: str) -> str:
    """Return a domain as it is kept in addresses: in small letters, not in punycode. Raises ValueError."""
    domain = written.removeprefix("@").lower()
    if not re.fullmatch(r"[^\s@/:*]+(\.[^\s@/:*.]+)+", domain):
        raise ValueError("write domains such as kigam.re.kr, without a wildcard: each counts for itself")
    try:
        return ".".join(_read(label) for label in domain.split("."))
    except UnicodeError:
        raise ValueError(f"{written} is no domain") from None


def _read(label: str) -> str:
    return label.encode("ascii").decode("idna") if label.startswith("xn--") else label
