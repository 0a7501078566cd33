"""Everything from the environment (names: docs/configuration.md), typed, failing early.

Nothing exists only in production: DEBUG relaxes what must be given, and opens the demo helpers on a
loopback bind; the rest is the same.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry

from config import embedded, environment
from config.environment import ConfigurationError
from config.logging import LOGGING as LOGGING
from config.settings import checked
from config.settings.console import UNFOLD as UNFOLD
from config.settings.matching import (
    EMBEDDING_BACKEND as EMBEDDING_BACKEND,
    EMBEDDING_BUDGET_MS as EMBEDDING_BUDGET_MS,
    LLM_BUDGET_MS as LLM_BUDGET_MS,
    LLM_MONTHLY_USD as LLM_MONTHLY_USD,
    OPENAI_API_KEY as OPENAI_API_KEY,
    OPENAI_BASE_URL as OPENAI_BASE_URL,
    OPENAI_CHAT_MODEL as OPENAI_CHAT_MODEL,
    OPENAI_CHAT_PRICES as OPENAI_CHAT_PRICES,
    OPENAI_EMBEDDING_PRICE as OPENAI_EMBEDDING_PRICE,
    VECTOR_INDEX as VECTOR_INDEX,
)

BASE_DIR = environment.BASE_DIR
DEBUG = environment.flag("DEBUG", False)
VAR_DIR = environment.var_dir()


def _required_in_production(name: str, why: str, fallback: str) -> str:
    value = environment.text(name)
    if value is None and not DEBUG:
        raise ConfigurationError(f"{name} is not set. {why} It may be left out only with DEBUG=1.")
    return value or fallback


# -- Where we are ------------------------------------------------------------------------------
BIND = checked.bind("127.0.0.1")
PORT = environment.integer("PORT", 8000, 1, 65535)
SITE_URL = environment.url("SITE_URL", f"http://{BIND}:{PORT}", checked.WEB).rstrip("/")
SECRET_KEY = _required_in_production(
    "SECRET_KEY", "It signs sessions and links; give it 50 random characters.", "debug-only-" * 5
)
ALLOWED_HOSTS = checked.hosts(
    ["localhost", "127.0.0.1", "[::1]"] if DEBUG else [checked.host_of(SITE_URL)]
)
TRUSTED_PROXIES = environment.integer("TRUSTED_PROXIES", 0, 0, 10)


# The dev mailbox, file mail, the sandbox and the demo sign-ins exist only where nobody else can
# reach them.
DEMO = DEBUG and environment.is_loopback_host(BIND)

# -- Apps --------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # plain "unfold" would put its own site in place of ours
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "config.apps.StaticFilesConfig",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "pgtrigger",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.microsoft",
    "allauth.mfa",
    "allauth.headless",
    "allauth.usersessions",
    "django_celery_beat",
    "django_htmx",
    "anymail",
    "accounts",
    "content",
    "mentors",
    "sessions_app",
    "matching",
    "sync",
    "analytics",
    # Last: its admin module dresses the admins of the apps above.
    "config.apps.OperationsAdminConfig",
    "config",
]
MIDDLEWARE = [
    "config.headers.CompressPagesMiddleware",
    "config.headers.SecurityHeadersMiddleware",
    "accounts.middleware.ActingMiddleware",
    "analytics.middleware.ApiClockMiddleware",
    "accounts.middleware.ApiRefusalMiddleware",
    "accounts.middleware.RefuseNulMiddleware",
    "accounts.middleware.RefuseUnreadableJsonMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.PersonMiddleware",
]
if DEMO:
    MIDDLEWARE.append("config.not_found.OwnNotFoundMiddleware")
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context.program",
            ],
            "builtins": ["accounts.templatetags.addresses", "accounts.templatetags.dates"],
        },
    }
]

# -- Postgres and Redis ------------------------------------------------------------------------
_database_url = environment.text("DATABASE_URL")
_database: dict[str, Any] = dict(
    checked.database(_database_url) if _database_url else embedded.database_settings(VAR_DIR)
) | {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
# Without a number psycopg prepares nothing, not even the statement of a search, which asks for it and
# takes longer to plan than to run. So high, because nothing else should be.
_database["OPTIONS"] = {"prepare_threshold": 1_000_000_000} | _database.get("OPTIONS", {})
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

_redis_url = checked.redis()
REDIS_URL = _redis_url or embedded.redis_url(VAR_DIR)
CACHES = {
    "default": {
        "BACKEND": "accounts.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "oh",
        # A cache that hangs is worse than none; asking it again makes each request as long again.
        "OPTIONS": {
            "socket_timeout": 1,
            "socket_connect_timeout": 1,
            "retry": Retry(NoBackoff(), 0),
        },
    }
}

# -- Celery ------------------------------------------------------------------------------------
# A socket is "unix://" to Redis' own client and "redis+socket://" to Celery's.
CELERY_BROKER_URL = (
    _redis_url.replace("unix://", "redis+socket://", 1)
    if _redis_url
    else embedded.broker_url(VAR_DIR)
)
CELERY_RESULT_BACKEND = None
# Beat would otherwise keep a schedule that clears away results, of which there are none.
CELERY_RESULT_EXPIRES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A nudge is worth a second, not a request: the row it speaks of is found by the sweep anyway.
    "socket_connect_timeout": 1,
    # Longer than a worker's own wait for work (1 s), or it would part with a broker that is well.
    "socket_timeout": 3,
    "visibility_timeout": 900,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

# -- Sign-in -----------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "accounts.adapters.SocialAccountAdapter"
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.sign_up.SignUpForm"
ACCOUNT_FORMS = {"request_login_code": "accounts.forms.RequestCodeForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PREVENT_ENUMERATION = True
# Asked once about an address that nobody here has, before sign-in gives up on it:
# a function (*, email: str, now: datetime) -> bool that may admit the person.
PERSON_LOOKUP = "sync.people.look_up"
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = SITE_URL.partition(":")[0]
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
HEADLESS_CLIENTS = ("app",)
HEADLESS_SERVE_SPECIFICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = checked.oauth_apps("google", "microsoft")

# -- Cookies and transport ---------------------------------------------------------------------
_https = SITE_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_NAME = "oh_session"
CSRF_COOKIE_NAME = "oh_csrf"
SESSION_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SECURE_SSL_REDIRECT = _https and not DEBUG
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if _https and not DEBUG else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
SECURE_REFERRER_POLICY = "same-origin"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

# -- Words, time, files ------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "locale"]
# What a stranger chose in the footer; whoever is signed in has it in their settings.
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_SECURE = _https
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
USE_I18N = USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
MEDIA_DIR = Path(environment.text("MEDIA_DIR", str(VAR_DIR / "media")))
MEDIA_ROOT = MEDIA_DIR
MEDIA_URL = "/media/"
MEETING_BASE_URL = environment.url("MEETING_BASE_URL", "https://meet.jit.si", checked.WEB).rstrip(
    "/"
)

# -- Mail --------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = checked.sender("Office Hours <hours@example.com>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_TIMEOUT = 20
EMAIL_FILE_PATH = str(VAR_DIR / "mail")
_anymail = {
    name.removeprefix("ANYMAIL_").removesuffix("_FILE"): environment.text(
        name.removesuffix("_FILE")
    )
    for name in os.environ
    if name.startswith("ANYMAIL_")
}
_email_url = environment.text("EMAIL_URL")
if _anymail:
    EMAIL_BACKEND = checked.mail_provider(_anymail.pop("BACKEND", None) or "sendgrid")
    ANYMAIL = _anymail
elif _email_url:
    globals().update(checked.mail(_email_url))
elif DEMO:
    EMAIL_BACKEND = "accounts.mailbox.FileMailBackend"
elif DEBUG:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
else:
    raise ConfigurationError(
        "EMAIL_URL is not set. Confirmations and sign-in codes go by mail: give an smtp:// address, "
        "or ANYMAIL_BACKEND with its keys. It may be left out only with DEBUG=1."
    )

# -- Airtable ----------------------------------------------------------------------------------
AIRTABLE_API_URL = environment.url(
    "AIRTABLE_API_URL", "https://api.airtable.com", checked.WEB
).rstrip("/")
AIRTABLE_API_KEY = environment.text("AIRTABLE_API_KEY")
AIRTABLE_BASE_ID = checked.base_id()
AIRTABLE_WEBHOOK_SECRETS = checked.webhook_secrets()
AIRTABLE_RPS = environment.integer("AIRTABLE_RPS", 5, 1, 50)
if AIRTABLE_API_KEY and not AIRTABLE_BASE_ID:
    raise ConfigurationError(
        "AIRTABLE_API_KEY is set but AIRTABLE_BASE_ID is not. The base id starts with app and stands "
        "in the base's address."
    )
# How long that look-up may take, and asking for a sign-in code takes, whoever asks.
PERSON_LOOKUP_SECONDS = 1.5 if AIRTABLE_API_KEY else 0.0
# Everyone knows the password of the demo's people. They are offered only where `seed_demo` makes them.
DEMO_SIGN_INS = (
    DEMO
    and environment.is_loopback_url(SITE_URL)
    and (not AIRTABLE_API_KEY or environment.is_loopback_url(AIRTABLE_API_URL))
)

# -- API ---------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.BearerTokenAuthentication",
        "accounts.authentication.SessionTokenAuthentication",
        "accounts.authentication.WebSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.http.PlainJSONParser"],
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
    "DEFAULT_VERSION": "1",
    "ALLOWED_VERSIONS": ["1"],
    "DEFAULT_PAGINATION_CLASS": "accounts.http.CursorPages",
    "PAGE_SIZE": 25,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "accounts.http.answer_exception",
    "NUM_PROXIES": TRUSTED_PROXIES,
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttling.WriteThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "match": "60/min",
        "match_by_manager": "300/min",
        "write": "240/min",
    },
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%SZ",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Office Hours",
    "DESCRIPTION": "Find the mentor who can help and has room, and book the hour.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATION_PARAMETERS": False,
}

# -- Ops ---------------------------------------------------------------------------------------
METRICS_TOKEN = environment.text("METRICS_TOKEN")
SENTRY_DSN = environment.url("SENTRY_DSN", None, checked.WEB)
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # the address is unique: by a constraint on its lower case
    # HSTS, TLS redirect and secure cookies follow SITE_URL, which is http on a laptop.
    *(["security.W004", "security.W008", "security.W012", "security.W016"] if not _https else []),
]
