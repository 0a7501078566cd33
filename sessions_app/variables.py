"""What the variables of a message stand for, in the recipient's language and on their clock.

Call these with that language and zone active.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _, ngettext

from accounts.dates import date_format
from accounts.models import User
from accounts.selectors import program
from sessions_app.links import Verb, make_link
from sessions_app.models import Hold, Notification, Session, SessionEvent
from sessions_app.selectors.displaced import displaced_sessions, sentence
from sessions_app.wording import VARIABLES
from sessions_app.zones import city

Kind = Notification.Kind


def session_url(session_id: UUID) -> str:
    return f"{settings.SITE_URL}/sessions/{session_id}/"


def mentor_url(mentor_id: UUID) -> str:
    return f"{settings.SITE_URL}/mentors/{mentor_id}/"


def variables_of(notification: Notification, *, now: datetime) -> dict[str, str]:
    """The value of every variable. What does not apply to this message is empty."""
    recipient = notification.recipient
    common = dict.fromkeys(VARIABLES, "") | {
        "recipient_name": recipient.get_short_name(),
        "program_name": program().name,
    }
    if notification.session is not None:
        return (
            common
            | _of_session(notification.session, recipient, now)
            | _of_cause(notification, now)
        )
    assert notification.hold is not None  # the database says: a session or a hold
    return common | _of_hold(notification.hold, recipient)


def _of_session(session: Session, recipient: User, now: datetime) -> dict[str, str]:
    mentor, mentee = session.mentor.user, session.mentee.user
    other = mentee if recipient.pk == mentor.pk else mentor
    online = not session.meeting.location
    return {
        "other_name": str(other),
        "mentor_name": str(mentor),
        "mentee_name": str(mentee),
        "when": moment(session.starts_at, recipient),
        "their_time": _their_time(session.starts_at, other),
        "day": _day(session.starts_at, now),
        "starts_in": _starts_in(session.starts_at - now),
        "minutes": _minutes(session.ends_at - session.starts_at),
        "where": session.meeting.location or _("Online"),
        "how_to_join": _("The link to the room opens on the session's page 15 minutes before.")
        if online
        else "",
        "goal": session.goal,
        "session_url": session_url(session.pk),
        # A mentor has no use for their own open times.
        "mentor_url": mentor_url(session.mentor_id) if recipient.pk == mentee.pk else "",
    } | _links(session, recipient, now)


def _links(session: Session, recipient: User, now: datetime) -> dict[str, str]:
    """Links that act without signing in: only those that could do something."""
    if session.is_live and now < session.starts_at:
        return {
            name: make_link(verb, row_id=session.pk, user_id=recipient.pk, version=session.version)
            for name, verb in (("move_url", Verb.MOVE), ("cancel_url", Verb.CANCEL))
        }
    if session.status == Session.Status.COMPLETED:
        address = make_link(Verb.FEEDBACK, row_id=session.pk, user_id=recipient.pk)
        return {"feedback_url": address}
    return {}


def _of_cause(notification: Notification, now: datetime) -> dict[str, str]:
    """What the session's history says about why this message is sent."""
    session, recipient = notification.session, notification.recipient
    assert session is not None
    events = SessionEvent.objects.filter(session=session).select_related("by").order_by("at", "pk")
    values: dict[str, str] = {}
    if notification.kind == Kind.REQUESTED and session.answer_by:
        values["answer_by"] = moment(session.answer_by, recipient)
    elif notification.kind == Kind.MOVED:
        event = events.filter(moved_from__isnull=False).last()
        if event is not None and event.moved_from is not None:
            values = _by_whom(event, recipient) | {"was": moment(event.moved_from, recipient)}
    elif notification.kind == Kind.CANCELLED:
        event = events.filter(to_status=Session.Status.CANCELLED).last()
        values = _by_whom(event, recipient) if event else {}
    elif notification.kind == Kind.DISPLACED:
        rows = displaced_sessions(mentor=session.mentor, now=now)
        reasons = (sentence(row) for row in rows if row.session.pk == session.pk)
        values = {"reason": next(reasons, ""), "hours_url": f"{settings.SITE_URL}/hours/"}
    elif notification.kind == Kind.NO_SHOW:
        until = session.ends_at + timedelta(hours=program().dispute_hours)
        values = {"absent_name": _absent(session), "answer_by": moment(until, recipient)}
    return values


def _by_whom(event: SessionEvent, recipient: User) -> dict[str, str]:
    by = event.by
    name = "" if by is None else _("You") if by.pk == recipient.pk else str(by)
    return {"changed_by": name, "reason": event.reason}


def _absent(session: Session) -> str:
    absent = Session.Attendance.ABSENT
    people = (
        (session.mentor_attendance, session.mentor.user),
        (session.mentee_attendance, session.mentee.user),
    )
    return ", ".join(str(person) for attendance, person in people if attendance == absent)


def _of_hold(hold: Hold, recipient: User) -> dict[str, str]:
    mentor = hold.mentor.user
    location = hold.window.location if hold.window else ""
    return {
        "other_name": str(mentor),
        "mentor_name": str(mentor),
        "mentee_name": str(hold.mentee.user),
        "when": moment(hold.starts_at, recipient),
        "their_time": _their_time(hold.starts_at, mentor),
        "minutes": _minutes(hold.ends_at - hold.starts_at),
        "where": location or _("Online"),
        "goal": hold.entry.goal if hold.entry else "",
        "answer_by": moment(hold.expires_at, recipient),
        "offer_url": make_link(Verb.OFFER, row_id=hold.pk, user_id=recipient.pk),
        "mentor_url": mentor_url(hold.mentor_id),
    }


def moment(at: datetime, recipient: User) -> str:
    """Like "Tue 8 December 2026, 14:30 (Europe/Berlin)"."""
    zone = recipient.zone.key.replace("_", " ")
    return f"{date_format(at.astimezone(recipient.zone), 'D j F Y, H:i')} ({zone})"


def _their_time(at: datetime, other: User) -> str:
    """The other person's clock, with the day where it is another one; nothing where it is the same."""
    mine, theirs = timezone.localtime(at), at.astimezone(other.zone)
    if mine.replace(tzinfo=None) == theirs.replace(tzinfo=None):
        return ""
    same_day = mine.date() == theirs.date()
    return f"{date_format(theirs, 'H:i' if same_day else 'D j F, H:i')} ({city(other.zone)})"


def _day(at: datetime, now: datetime) -> str:
    ahead = (timezone.localtime(at).date() - timezone.localtime(now).date()).days
    if ahead in (0, 1):
        return [_("Today"), _("Tomorrow")][ahead]
    return capfirst(date_format(timezone.localtime(at), "l"))  # a subject begins with it


def _starts_in(ahead: timedelta) -> str:
    minutes = max(1, math.ceil(ahead.total_seconds() / 60))
    if 55 <= minutes <= 65:  # a message is minutes on its way; "in 59 minutes" is a false precision
        return _("In an hour")
    return ngettext("In a minute", "In %(minutes)s minutes", minutes) % {"minutes": minutes}


def _minutes(length: timedelta) -> str:
    return str(int(length.total_seconds()) // 60)
