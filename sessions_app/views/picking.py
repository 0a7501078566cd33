"""What the pages that offer a mentor's times have in common."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.dateparse import parse_date

from accounts.refusals import Refusal
from accounts.times import parse_instant
from mentors.models import Mentee, Mentor
from sessions_app.picker import offered, pick
from sessions_app.views.viewer import shown_zone
from sessions_app.zones import zone_label, zone_options


def picker_context(
    request: HttpRequest,
    mentor: Mentor,
    viewer: Mentee | None,
    *,
    chosen: datetime | None,
    now: datetime,
    refusal: Refusal | None = None,
    without: UUID | None = None,
) -> dict[str, Any]:
    """The times, the zone they are shown in, and where a time was refused, the nearest others.

    Args:
        viewer: who would sit there; None where nobody can book.
        chosen: the start to mark.
        without: a session to leave out: the one that is being moved.
    """
    zone = shown_zone()
    other_times = refusal.extra.get("alternatives", ()) if refusal else ()
    return {
        "mentor": mentor,
        "viewer": viewer,
        "picker": pick(
            mentor=mentor,
            viewer=viewer,
            zone=zone,
            from_day=_day(request.GET.get("from", "")),
            chosen=chosen,
            now=now,
            without=without,
        ),
        "refusal": refusal,
        "alternatives": offered(other_times, mentor, zone),
        "zone": zone.key,
        "zone_label": zone_label(zone, now),
        "zone_options": zone_options(zone, mentor.user.zone, at=now),
    }


def instant_of(text: str) -> datetime | None:
    """The moment that an address names, or None for one that is none."""
    try:
        return parse_instant(text.replace(" ", "+")) if text else None
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
