"""The few differences that tests need: services of their own, cheap passwords, no waiting."""

from __future__ import annotations

import atexit
import contextlib
import os
from pathlib import Path

os.environ["DEBUG"] = "0"
os.environ.setdefault("SECRET_KEY", "only-for-tests-" * 4)
os.environ.setdefault("EMAIL_URL", "memorymail://")
os.environ.setdefault("ALLOWED_HOSTS", "testserver,localhost,127.0.0.1")
os.environ.setdefault("EMBEDDING_BACKEND", "hashing")
for _outside in ("AIRTABLE_API_KEY", "AIRTABLE_BASE_ID", "OPENAI_API_KEY", "SITE_URL", "PORT"):
    os.environ.pop(_outside, None)

from config import embedded  # noqa: E402

if "DATABASE_URL" not in os.environ or "REDIS_URL" not in os.environ:
    # Settings are read before any conftest, so the services are started here and held to the end.
    _here = Path(__file__).resolve().parents[2]
    os.environ["VAR_DIR"] = str(embedded.reachable_test_dir(_here / "var" / "test"))
    _services = contextlib.ExitStack()
    _services.enter_context(
        embedded.lease(
            Path(os.environ["VAR_DIR"]),
            postgres="DATABASE_URL" not in os.environ,
            redis="REDIS_URL" not in os.environ,
            durable=False,
        )
    )
    atexit.register(_services.close)

from config.settings.base import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tests that commit are cleaned up by TRUNCATE, which `sync/capture.py` refuses otherwise.
DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c office_hours.may_truncate=on"  # noqa: F405
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Each test process has a Redis database of its own: one that empties its cache must not reset what the
# tests beside it are counting. In the address, so that the processes a test starts share it.
if _worker := int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]):
    REDIS_URL += f"{'&' if '?' in REDIS_URL else '?'}db={_worker}"  # noqa: F405
    CACHES["default"]["LOCATION"] = REDIS_URL  # noqa: F405
CELERY_BROKER_URL = "memory://"
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
AIRTABLE_WEBHOOK_SECRETS = ["secret-of-the-tests"]
