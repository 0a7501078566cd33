"""Sessions for tests: booked, and what became of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.core import mail
from django.utils import timezone

from sessions_app import delivery, services
from sessions_app.models import Session
from tests.hours import open_window
from tests.people import alice, bob


def booked(*, goal: str = "Meet funds", mentee: Any = None, **of_bob: Any) -> Session:
    """Alice, in Berlin, has booked Bob, in New York: the first start of a window of two hours."""
    mentee = mentee or alice(time_zone="Europe/Berlin")
    window = open_window(
        bob(**{"time_zone": "America/New_York", **of_bob}).mentor,
        location=of_bob.pop("location", ""),
    )
    return services.book_session(
        mentor_id=window.mentor_id,
        mentee=mentee.mentee,
        by=mentee,
        starts_at=window.starts_at,
        goal=goal,
        clock=timezone.now,
    )


def completed(**changes: Any) -> Session:
    """A session that has ended, as the sweep leaves it."""
    session = booked(**changes)
    services.finish_ended_sessions(now=session.ends_at)
    session.refresh_from_db()
    return session


def moved(session: Session, **ahead: Any) -> Session:
    """The session at another start of the same window, half an hour later unless said otherwise."""
    return services.reschedule_session(
        session_id=session.pk,
        starts_at=session.starts_at + timedelta(**(ahead or {"minutes": 30})),
        by=session.mentee.user,
        clock=timezone.now,
    )


def clock_at(moment: datetime) -> Any:
    return lambda: moment


def mails(*, at: datetime | None = None, to: str = "") -> list[Any]:
    """What goes out when everything due by then is sent; to one address, where one is named."""
    mail.outbox.clear()
    delivery.send_due(clock=clock_at(at or timezone.now()))
    return [message for message in mail.outbox if not to or to in message.to]


def mail_to(address: str, *, at: datetime | None = None) -> Any:
    """The one mail to that address which is due by then."""
    [message] = mails(at=at, to=address)
    return message


def html_of(message: Any) -> str:
    return next(str(part) for part, kind in message.alternatives if kind == "text/html")


def links_in(message: Any) -> dict[str, str]:
    """The addresses in a mail's text, by the words before them, each without our host."""
    lines = (line.rpartition(": http") for line in message.body.splitlines())
    return {words: "/" + rest.split("/", 3)[3] for words, found, rest in lines if found}
