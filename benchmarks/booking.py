"""64 client processes for one seat, from one barrier; and the same with the guards removed."""

from __future__ import annotations

import statistics
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from benchmarks.servers import web
from benchmarks.volley import Hit, Shot, fire
from matching.evaluation import scratch_database
from mentors.models import Mentee, Mentor
from sessions_app.models import AvailabilityWindow, Session

CLIENTS = 64
GUARDS = (
    "ALTER TABLE sessions_app_meeting DROP CONSTRAINT mentor_is_in_one_meeting_at_a_time",
    "ALTER TABLE sessions_app_commitment DROP CONSTRAINT person_is_in_one_session_at_a_time",
    "DROP INDEX a_seat_holds_one_live_session",
)


def run(data: Path | None) -> dict[str, Any]:
    """Statuses, seats sold and answer times of both, in milliseconds."""
    del data  # generated here
    with scratch_database():
        figures = _figures("guarded", *_race("config.wsgi"))
        with connection.cursor() as cursor:
            for statement in GUARDS:
                cursor.execute(statement)
        figures |= _figures("yardstick, no lock and no constraint", *_race("benchmarks.unguarded"))
    return figures


def _race(application: str) -> tuple[list[Hit], int]:
    window, mentees = _people()
    body = {"mentor": str(window.mentor_id), "starts_at": window.starts_at.isoformat()}
    shots = []
    for mentee in mentees:
        token, _row = accounts.issue_token(user=mentee.user, now=timezone.now())
        shots.append(Shot("/api/sessions", body, {"Authorization": f"Bearer {token}"}))
    with web(application) as url:
        warm = {"Authorization": shots[0].headers["Authorization"]}
        fire(url, [Shot("/api/sessions/upcoming", {}, warm, "GET")] * CLIENTS)
        hits = fire(url, shots)
    return hits, Session.objects.filter(mentor_id=window.mentor_id).count()


def _people() -> tuple[AvailabilityWindow, list[Mentee]]:
    now = timezone.now()
    serial = User.objects.count()

    def person(name: str) -> User:
        return User.objects.create_user(f"{name}-{serial}@example.com", name=name)

    mentor = Mentor.objects.create(user=person("mentor"), consent_at=now, weekly_load_cap=100)
    starts_at = now.replace(minute=0, second=0, microsecond=0) + timedelta(days=3)
    window = AvailabilityWindow.objects.create(
        mentor=mentor, starts_at=starts_at, ends_at=starts_at + timedelta(minutes=30)
    )
    mentees = [Mentee.objects.create(user=person(f"mentee-{n}")) for n in range(CLIENTS)]
    return window, mentees


def _figures(label: str, hits: list[Hit], sold: int) -> dict[str, Any]:
    times = sorted(hit.seconds * 1000 for hit in hits)
    return {
        f"{label}: answers": dict(Counter(hit.status for hit in hits)),
        f"{label}: seats sold of 1": sold,
        f"{label}: median ms": round(statistics.median(times)),
        f"{label}: worst ms": round(times[-1]),
    }
