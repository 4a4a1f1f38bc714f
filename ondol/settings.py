"""Django's settings, all of them from `ondol.config`; nothing here depends on which cloud is behind."""

from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from ondol.config import config
from ondol.database.url import read as read_database_url

CONFIG = config()
CONFIG.require("secret_key", "vault_keys", "database_url")
BASE_DIR = Path(__file__).resolve().parent

SECRET_KEY = CONFIG.secret_key
DEBUG = False
_url = urlsplit(CONFIG.url)
HTTPS = _url.scheme == "https"
_host = _url.hostname or "localhost"
ALLOWED_HOSTS = sorted({f"[{_host}]" if ":" in _host else _host, "localhost", "127.0.0.1", "[::1]"})
CSRF_TRUSTED_ORIGINS = [CONFIG.url]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    *(
        f"allauth.socialaccount.providers.{'openid_connect' if name == 'oidc' else name}"
        for name in CONFIG.social_providers
    ),
    "allauth.usersessions",
    "csp",
    "django_htmx",
    "procrastinate.contrib.django",
    "ondol.audit",
    "ondol.accounts",
    "ondol.announcements",
    "ondol.policy",
    "ondol.instances",
    "ondol.autostop",
    "ondol.costs",
    "ondol.doctor",
    "ondol.web",
    "ondol.api",
]
SITE_ID = 1

MIDDLEWARE = [
    "ondol.web.request_log.request_log",
    "ondol.web.middleware.healthz",
    "ondol.web.middleware.without_proxy",
    "ondol.web.middleware.language_of_browser",
    "ondol.web.middleware.Unavailable",
    "ondol.web.middleware.for_this_site",
    "django.middleware.gzip.GZipMiddleware",
    "ondol.web.middleware.api_by_https_only",
    "django.middleware.security.SecurityMiddleware",
    "ondol.web.polls.polls",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ondol.web.middleware.no_such_file",
    "csp.middleware.CSPMiddleware",
    "ondol.accounts.sessions.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "ondol.accounts.sessions.AuthenticationMiddleware",
    "ondol.web.middleware.ends_in_time",
    "ondol.web.middleware.language_of_person",
    "ondol.web.middleware.never_kept",
    "ondol.web.middleware.nothing_left_behind",
    "ondol.web.middleware.NotTooOften",
    "ondol.web.middleware.designed_405",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "ondol.web.middleware.ApprovedOnly",
    "ondol.web.step_up.middleware.StepUp",
    "ondol.web.errors.providers.Providers",
]

ROOT_URLCONF = "ondol.web.urls"
WSGI_APPLICATION = "ondol.wsgi.application"
_LOADERS = ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "web" / "templates"],
        "OPTIONS": {
            "loaders": [("ondol.web.template_loader.Loader", _LOADERS)],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "ondol.web.context.site",
            ],
        },
    }
]


def _database(url: str) -> dict[str, Any]:
    options = read_database_url(url)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    return {
        "ENGINE": "ondol.database",
        **{name: options.pop(libpq, "") for name, libpq in names.items()},
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


DATABASES = {"default": _database(CONFIG.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Shared by every web process, so that allauth's rate limits apply across all of them.
CACHES = {"default": {"BACKEND": "ondol.accounts.cache.JsonCache"}}

# Imported by the worker alone: the web part never loads boto3.
PROCRASTINATE_IMPORT_PATHS = [
    "ondol.audit.tasks",
    "ondol.accounts.tasks",
    "ondol.reconciler.tasks",
    "ondol.costs.tasks",
    "ondol.autostop.tasks",
    "ondol.doctor.tasks",
]
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""

# People
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend"
    if CONFIG.password_sign_in
    else "ondol.accounts.providers.NoPasswords"
]
PASSWORD_HASHERS = ["ondol.accounts.passwords.FormsScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "ondol.accounts.passwords.OurWordsValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "landing"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "ondol.accounts.adapter.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "ondol.accounts.providers.SocialAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "ondol.accounts.forms.SignupForm"
ACCOUNT_FORMS = {
    "add_email": "ondol.accounts.change_email.ChangeEmailForm",
    "change_password": "ondol.accounts.password_change.ChangePasswordForm",
    "login": "ondol.accounts.addresses.LoginForm",
    "reset_password": "ondol.accounts.addresses.ResetPasswordForm",
    "signup": "ondol.accounts.addresses.SignupForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_USER_DISPLAY = attrgetter("name")
ACCOUNT_EMAIL_VERIFICATION = CONFIG.email_verification
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Ondol] "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _url.scheme
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
USERSESSIONS_ADAPTER = "ondol.accounts.sign_out.UserSessionsAdapter"
USERSESSIONS_TRACK_ACTIVITY = False
MFA_ADAPTER = "ondol.deployment.second_factors.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = CONFIG.password_sign_in
MFA_TOTP_ISSUER = "Ondol"
# Where addresses need no proof, a second factor must not wait for one.
MFA_ALLOW_UNVERIFIED_EMAIL = CONFIG.email_verification != "mandatory"
# Browsers count http://localhost as secure; anything else needs https for passkeys anyway.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
SOCIALACCOUNT_AUTO_SIGNUP = False
SOCIALACCOUNT_FORMS = {"signup": "ondol.accounts.addresses.ProviderSignupForm"}
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {
    name: {
        "APPS": [
            {"client_id": getattr(CONFIG, f"{name}_client_id"), "secret": getattr(CONFIG, f"{name}_client_secret")}
        ],
        "OAUTH_PKCE_ENABLED": name != "naver",  # which does not support PKCE, and does not say so
    }
    for name in CONFIG.social_providers
    if name != "oidc"
}
if "oidc" in CONFIG.social_providers:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "APPS": [
            {
                "provider_id": "oidc",
                "name": CONFIG.oidc_name,
                "client_id": CONFIG.oidc_client_id,
                "secret": CONFIG.oidc_client_secret,
                "settings": {
                    "server_url": CONFIG.oidc_issuer,
                    "scope": CONFIG.oidc_scopes.split(),
                    "oauth_pkce_enabled": True,
                    "verified_email": CONFIG.oidc_trust_email,
                    "email_authentication": CONFIG.oidc_trust_email,
                },
            }
        ]
    }
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True  # for whoever comes in by EMAIL_AUTHENTICATION or an invitation

# E-mail
EMAIL_BACKEND = "ondol.outbox.backend.EmailBackend"
DEFAULT_FROM_EMAIL = SERVER_EMAIL = CONFIG.email_from
EMAIL_SUBJECT_PREFIX = "[Ondol] "

# Words and times
LANGUAGE_CODE = "ko" if CONFIG.language == "auto" else CONFIG.language
LANGUAGES = [("ko", "한국어"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "allauth"]
USE_I18N = USE_TZ = True
TIME_ZONE = CONFIG.time_zone

# Styles and scripts: versioned by content, served by the application itself
STATIC_URL = "static/"
STATIC_ROOT = CONFIG.home / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "ondol.web.styles.Storage"},
}

# What a browser may do with our pages. No inline code, nothing from other hosts. Chromium also applies `form-action` to
# the redirect after a form, so the providers' own sign-in pages have to be named there.
_PROVIDER_PAGES = {
    "google": "https://accounts.google.com",
    "kakao": "https://kauth.kakao.com",
    "naver": "https://nid.naver.com",
    "oidc": "{0.scheme}://{0.netloc}".format(urlsplit(CONFIG.oidc_issuer)),
}
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF, *(_PROVIDER_PAGES[name] for name in CONFIG.social_providers)],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = CONFIG.hsts_seconds if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if CONFIG.behind_proxy else None
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if CONFIG.behind_proxy else 0
X_FRAME_OPTIONS = "DENY"
SESSION_ENGINE = "ondol.accounts.sessions"
# Browsers take `__Host-` by https only and for one host: a neighbour under the same domain cannot set such a cookie.
_HOST = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = f"{_HOST}ondol_session", f"{_HOST}ondol_csrf"
LANGUAGE_COOKIE_NAME, LANGUAGE_CHOICE_COOKIE_NAME = f"{_HOST}ondol_language", f"{_HOST}ondol_language_choice"
KNOWN_BROWSER_COOKIE_NAME = f"{_HOST}ondol_known"
SUSPENDED_COOKIE_NAME = f"{_HOST}ondol_form"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "ondol.web.errors.views.csrf_failure"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"ours": {"()": "ondol.logs.formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Anybody can send a wrong Host; each would be a traceback.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # Requests for missing pages are no error of ours, and 403 would come with a traceback.
        "django.request": {"level": "ERROR"},
        "django.server": {"level": "WARNING"},
        "procrastinate": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
    },
}
