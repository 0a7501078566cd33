"""A mentor whose hours are all taken, and people who wait for one to come free."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import ProgramSettings, User
from mentors.models import Mentor
from sessions_app import services
from sessions_app.models import AvailabilityWindow, Hold, Session, WaitlistEntry
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.people import api


def full_hour(mentor: Mentor, **window: Any) -> tuple[AvailabilityWindow, Session]:
    """Half an hour of that mentor's, and the session that takes it."""
    hours = open_window(mentor, **{"hours": 0.5, **window})
    return hours, book(MenteeFactory.create().user, hours)


def book(
    user: User,
    hours: AvailabilityWindow,
    starts_at: datetime | None = None,
    clock: Callable[[], datetime] = timezone.now,
) -> Session:
    return services.book_session(
        mentor_id=hours.mentor_id,
        mentee=user.mentee,
        starts_at=starts_at or hours.starts_at,
        by=user,
        clock=clock,
    )


def cancel(session: Session) -> None:
    services.cancel_session(
        session_id=session.pk, by=session.mentee.user, reason="", clock=timezone.now
    )


def wait(user: User, mentor: Mentor, **wish: Any) -> WaitlistEntry:
    """Join the line, through the service."""
    place, _is_new = services.join_waitlist(
        mentor_id=mentor.pk, mentee=user.mentee, by=user, clock=timezone.now, **wish
    )
    return place


def offer_to(user: User) -> Hold:
    """What is offered to that person now."""
    return Hold.objects.get(mentee__user=user, state=Hold.State.LIVE, entry__isnull=False)


def later(**ahead: float) -> datetime:
    return timezone.now() + timedelta(**ahead)


def program(**settings: Any) -> None:
    ProgramSettings.objects.update_or_create(pk=1, defaults=settings)


def post(user: User, path: str, body: dict[str, Any] | None = None, **headers: str) -> Any:
    return api(user).post(path, body or {}, format="json", headers=headers)
