"""What a load balancer asks. Answered without a session, a redirect or a log line."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from accounts.cache import ping

_migrated = False


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Alive: this process answers."""
    return JsonResponse({"status": "ok"})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Ready for work: the database answers and has every migration, Redis answers. Else 503."""
    parts = {"database": _database(), "redis": _redis(), "migrations": _migrations()}
    ready = all(value == "ok" for value in parts.values())
    return JsonResponse(
        {"status": "ok" if ready else "unavailable", **parts}, status=200 if ready else 503
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "does not answer"
    return "ok"


def _redis() -> str:
    try:
        ping()
    except Exception:  # the client's errors are many, and each means the same here
        return "does not answer"
    return "ok"


def _migrations() -> str:
    """Whether every migration has run. Asked until the answer is yes: it does not become no again."""
    global _migrated
    if not _migrated:
        try:
            executor = MigrationExecutor(connection)
            _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        except DatabaseError:
            return "unknown"
    return "ok" if _migrated else "missing: run manage.py migrate"
