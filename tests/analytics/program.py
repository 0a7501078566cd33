"""A program with a past: rows to compute figures of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from analytics import services
from analytics.models import Refresh
from matching.models import MatchImpression, MatchRequest
from mentors.models import Mentee, Mentor
from sessions_app.models import AvailabilityWindow, Feedback, Meeting, Session

# A Friday, at noon.
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def refreshed(now: datetime = NOW) -> Refresh:
    """The figures as of that moment, computed as a worker computes them."""
    services.order(by=None, now=now)
    found = services.carry_out(clock=lambda: now)
    assert found is not None
    return found


def window(mentor: Mentor, days_ago: float, hours: float = 2, **more: Any) -> AvailabilityWindow:
    starts_at = NOW - timedelta(days=days_ago)
    return AvailabilityWindow.objects.create(
        mentor=mentor, starts_at=starts_at, ends_at=starts_at + timedelta(hours=hours), **more
    )


def session(
    mentor: Mentor, mentee: Mentee, days_ago: float, status: str = "completed", **more: Any
) -> Session:
    """Half an hour, booked two days before."""
    starts_at = NOW - timedelta(days=days_ago)
    ends_at = starts_at + timedelta(minutes=30)
    made_at = more.pop("created_at", starts_at - 2 * DAY)
    meeting = Meeting.objects.create(
        mentor=mentor, starts_at=starts_at, ends_at=ends_at, live=status in Session.LIVE
    )
    return Session.objects.create(
        meeting=meeting, mentor=mentor, mentee=mentee, starts_at=starts_at, ends_at=ends_at,
        status=status, created_at=made_at, **more,
    )  # fmt: skip


def rated(held: Session, overall: int, *, hours_after: float = 1, **more: Any) -> Feedback:
    return Feedback.objects.create(
        session=held,
        side=more.pop("side", "mentee"),
        overall=overall,
        submitted_at=held.ends_at + timedelta(hours=hours_after),
        **more,
    )


def asked(mentee: Mentee, days_ago: float, *mentors: Mentor, **more: Any) -> MatchRequest:
    """A request that was answered with these mentors, in this order."""
    opened = more.pop("opened", False)
    request = MatchRequest.objects.create(
        user=mentee.user,
        query="money",
        model_id="m",
        policy="p",
        took_ms=more.pop("took_ms", 40),
        created_at=NOW - timedelta(days=days_ago),
    )
    for place, mentor in enumerate(mentors, 1):
        MatchImpression.objects.create(
            request=request,
            mentor=mentor,
            position=place,
            score=90 - 10 * place,
            clicked_at=timezone.now() if opened and place == 1 else None,
        )
    return request
