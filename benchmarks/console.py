"""How long the program managers' pages take with 10,000 mentors and 50,000 sessions, and their queries.

Asked through the whole stack but for the network. Beside them a yardstick of the same run: a page of the
console that shows no rows at all.
"""

from __future__ import annotations

import gc
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from analytics import services as analytics
from benchmarks.past import Size, build
from matching import embeddings
from matching.evaluation import scratch_database
from mentors.models import Mentor
from sync.models import RecordLink

SIZE: Final = Size(
    sessions=50_000, mentors=10_000, mentees=20_000, requests=30_000, ahead=timedelta(days=14)
)
ROUNDS: Final = 40
PAGES: Final = {
    "home": "/admin/",
    "home, everything looked up anew": "/admin/",
    "mentor list": "/admin/mentors/mentor/",
    "mentor list, least used first": "/admin/mentors/mentor/?o=5",
    "mentor list, best rated first": "/admin/mentors/mentor/?o=-7",
    "mentor list, one area": "/admin/mentors/mentor/?area=Sales&use=none",
    "mentor list, searched": "/admin/mentors/mentor/?q=Mentor+99",
    "session list": "/admin/sessions_app/session/",
    "session list, outside the hours": "/admin/sessions_app/session/?needs=displaced",
    "session calendar": "/admin/sessions_app/session/week/",
    "find": "/admin/find/?q=Mentor+99",
    "yardstick, a page without rows": "/admin/everything/",
}

_MORE = """
    INSERT INTO sessions_app_mentoropening (mentor_id, next_start, free_7d, free_14d, computed_at,
        generation, computed_generation)
    SELECT id, CASE WHEN random() < .97 THEN %(now)s + interval '1 day' END, 3, 6, %(now)s, 1, 1
    FROM mentors_mentor;
    INSERT INTO matching_mentorindex (mentor_id, model_id, source_hash, embedded_at)
    SELECT id, %(model)s, 'x', %(now)s FROM mentors_mentor WHERE random() < .999;
"""


def run(data: Path | None) -> dict[str, Any]:
    """Milliseconds and queries of each page."""
    del data  # generated here
    settings.DEBUG = True  # as on a laptop: no second factor is asked for
    figures: dict[str, Any] = {"mentors": SIZE.mentors, "sessions": SIZE.sessions}
    with scratch_database():
        now = timezone.now()
        build(SIZE, now=now)
        with connection.cursor() as cursor:
            cursor.execute(_MORE, {"now": now, "model": embeddings.backend().model_id})
        RecordLink.objects.bulk_create(
            [
                RecordLink(table="Mentors", record_id=f"rec{n:014}", subject="mentor", object_id=pk)
                for n, pk in enumerate(Mentor.objects.values_list("pk", flat=True))
            ]
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        analytics.order(by=None, now=now)
        analytics.carry_out(clock=timezone.now)
        browser = _carol()
        for name, path in PAGES.items():
            figures |= _page(browser, name, path, is_cold="anew" in name)
    return figures


def _carol() -> Client:
    user = User.objects.create_user("carol@example.com", name="Carol")
    accounts.set_role(user=user, role=User.Role.PM)
    browser = Client()
    browser.force_login(user)
    browser.get("/admin/everything/")
    return browser


def _page(browser: Client, name: str, path: str, *, is_cold: bool) -> dict[str, Any]:
    times, count = [], 0
    for n in range(ROUNDS + 1):
        if is_cold:
            cache.clear()
        gc.collect()
        with CaptureQueriesContext(connection) as queries:
            began = time.perf_counter()
            answer = browser.get(path)
            took = (time.perf_counter() - began) * 1000
        if answer.status_code != 200:
            raise AssertionError(f"{path} answered {answer.status_code}.")
        count = len(queries)
        if n:  # the first compiles templates
            times.append(took)
    times.sort()
    return {
        f"{name}: ms, median": round(times[len(times) // 2]),
        f"{name}: ms, p95": round(times[int(0.95 * len(times))]),
        f"{name}: queries": count,
    }
