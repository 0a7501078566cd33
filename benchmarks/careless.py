"""The web application in which commands read a session, decide and write, without lock, comparison or
second try: the variant that shows what the races of commands look for."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from config.wsgi import application
from sessions_app.models import Session, SessionEvent
from sessions_app.services import booking, lifecycle

if TYPE_CHECKING:  # not before the application is set up
    from accounts.models import User


def _read_session(session_id: UUID, by: User | None) -> Session:
    people = ("meeting", "mentor__user", "mentee__user")
    return Session.objects.select_related(*people).get(pk=session_id)


def _set(
    session: Session, to: str, *, by: User | None, now: datetime, reason: str = "", **changes: Any
) -> None:
    was = session.status
    changes |= {"status": to, "version": session.version + 1}
    Session.objects.filter(pk=session.pk).update(**changes)
    session.status, session.version = to, session.version + 1
    SessionEvent.objects.create(
        session=session, at=now, by=by, from_status=was, to_status=to, reason=reason
    )


lifecycle.lock_session = _read_session
lifecycle.move = _set  # type: ignore[attr-defined]  # what it imports, put in its place
booking.retrying = lambda work: work()  # type: ignore[attr-defined]

__all__ = ["application"]
