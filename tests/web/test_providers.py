"""Sign-in by a provider exists if it is configured; settings are read once, so each try is a process."""

import os
import subprocess
import sys

import pytest
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from django.contrib.sites.models import Site
from django.db import connection
from django.test import Client

PROGRAM = """
import django; django.setup()
from django.test import Client
page = Client(headers={"host": "localhost"}).get("/accounts/login/")

print(page.status_code, page.headers["Content-Security-Policy"])
print(page.content.decode())
"""
PROVIDERS = ["google", "kakao", "naver", "oidc"]


@pytest.fixture(scope="module")
def sign_in_page(django_db_setup):
    head, _, query = os.environ["DATABASE_URL"].partition("?")
    database = f"{head.rpartition('/')[0]}/{connection.settings_dict['NAME']}?{query}"
    configured = {f"ONDOL_{name.upper()}_{part}": "x" for name in PROVIDERS for part in ("CLIENT_ID", "CLIENT_SECRET")}
    env = os.environ | configured | {
        "DATABASE_URL": database, "ONDOL_SOCIAL_PROVIDERS": ",".join(PROVIDERS), "ONDOL_OIDC_ISSUER": "https://login.example.org/realm",
        "ONDOL_OIDC_NAME": "Institute", "DJANGO_SETTINGS_MODULE": "ondol.settings",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (database, done.stderr)
    return done.stdout


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("provider", "host"),
    [("google", "https://accounts.google.com"), ("kakao", "https://kauth.kakao.com"),
     ("naver", "https://nid.naver.com"), ("oidc/oidc", "https://login.example.org")],
)  # fmt: skip
def test_a_configured_provider_is_offered_and_may_be_gone_to(sign_in_page, provider, host):
    policy = sign_in_page.splitlines()[0]
    assert policy.startswith("200 ")
    assert f'action="/accounts/{provider}/login/' in sign_in_page
    assert host in policy.partition("form-action")[2].partition(";")[0]


@pytest.mark.django_db
def test_a_row_is_no_provider():
    """Mallory's own issuer, in a table in which allauth keeps some, would sign anybody in by their address."""
    row = SocialApp.objects.create(
        provider="openid_connect",
        provider_id="evil",
        name="Evil",
        client_id="x",
        secret="y",
        settings={"server_url": "https://evil.example", "email_authentication": True, "hidden": True},
    )
    row.sites.add(Site.objects.get_current())
    assert get_adapter().list_apps(None) == []
    assert get_adapter().list_apps(None, provider="evil") == []
    assert Client(raise_request_exception=False).post("/accounts/oidc/evil/login/").status_code in {403, 404}
