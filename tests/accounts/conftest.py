from __future__ import annotations

import uuid

import pytest


@pytest.fixture(autouse=True)
def own_cache(settings):
    """A cache of its own for every test: what one counts must not throttle the next."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": uuid.uuid4().hex,
        }
    }
