from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import selectors as program_selectors
from accounts.models import User
from accounts.refusals import NotAllowed, NotFound
from sessions_app import notifications, selectors
from sessions_app.models import Notification, Session
from sessions_app.refusals import CutoffPassed, IllegalMove, TooEarly, VersionChanged
from sessions_app.services import waitlist
from sessions_app.services.locks import lock_mentee, lock_mentor
from sessions_app.services.moves import move
from sessions_app.services.rules import Clock
from sessions_app.services.seats import leave_meeting

JOIN_OPENS = timedelta(minutes=15)
BATCH = 500


def approve_session(
    *, session_id: UUID, by: User, clock: Clock, version: int | None = None
) -> Session:
    """The mentor says yes to a pending session.

    Args:
        version: only if the session is still at this version: a mentor says yes to the time they saw.

    Raises:
        NotFound, NotAllowed: not theirs to accept.
        VersionChanged: it has changed since.
        IllegalMove: there is nothing to approve.
    """
    with transaction.atomic():
        session = lock_session(session_id, by)
        if session.mentor.user_id != by.pk and not by.is_program_manager:
            raise NotAllowed(_("Only the mentor can accept a request."))
        refuse_other_version(session, version)
        now = clock()
        if session.status != Session.Status.PENDING or session.starts_at <= now:
            raise IllegalMove(_("This session is not waiting for an answer any more."))
        move(session, Session.Status.BOOKED, by=by, now=now, answer_by=None)
        notifications.tell_both(session, Notification.Kind.BOOKED, now=now)
        return session


def cancel_session(
    *, session_id: UUID, by: User | None, reason: str, clock: Clock, version: int | None = None
) -> Session:
    """Cancel, which frees the seat. Cancelling what is cancelled changes nothing and is no error.

    For a pending session this is how a mentor declines.

    Args:
        by: one of its people, a program manager, or None for the program itself (an edit in Airtable).
        version: only if the session is still at this version, as the person saw it.

    Raises:
        NotFound: not theirs.
        VersionChanged: it has changed since.
        IllegalMove: it is over.
        CutoffPassed: too late for a mentee; the mentor and program managers may at any time.
    """
    with transaction.atomic():
        session = lock_session(session_id, by)
        if session.status == Session.Status.CANCELLED:
            return session
        refuse_other_version(session, version)
        now = clock()
        if not session.is_live or (session.ends_at <= now):
            raise IllegalMove(_("This session is over, so it cannot be cancelled."))
        _refuse_after_cutoff(session, by, now)
        move(session, Session.Status.CANCELLED, by=by, now=now, reason=reason)
        leave_meeting(session)
        notifications.drop_unsent(session)
        notifications.tell_both(session, Notification.Kind.CANCELLED, now=now)
        # In this transaction: the seat is never free for a moment between its two holders.
        waitlist.offer_open_seats(mentor=session.mentor, now=now)
        return session


def lock_session(session_id: UUID, by: User | None) -> Session:
    """The session behind its locks, in the order that booking takes them: mentor, mentee, session.

    Raises NotFound where it is not this person's; None is the program itself and sees every session.
    """
    if by is not None:
        known = selectors.session_for(user=by, session_id=session_id)
        mentor_id, mentee_id = known.mentor_id, known.mentee_id
    else:
        pair = Session.objects.filter(pk=session_id).values_list("mentor_id", "mentee_id").first()
        if pair is None:
            raise NotFound
        mentor_id, mentee_id = pair
    mentor = lock_mentor(mentor_id)
    mentee = lock_mentee(mentee_id)
    session = (
        Session.objects.select_for_update(no_key=True, of=("self",))
        .select_related("meeting")
        .get(pk=session_id)
    )
    session.mentor, session.mentee = mentor, mentee
    return session


def refuse_other_version(session: Session, version: int | None) -> None:
    """Raises VersionChanged where somebody changed the session since this person saw it."""
    if version is not None and version != session.version:
        raise VersionChanged(
            _("This session has changed since you saw it. Look at it again, then decide."),
            version=session.version,
            starts_at=session.starts_at,
            status=session.status,
        )


def _refuse_after_cutoff(session: Session, by: User | None, now: datetime) -> None:
    if by is None or by.is_program_manager or by.pk == session.mentor.user_id:
        return
    minutes = program_selectors.program().cancel_cutoff_minutes
    if now > session.starts_at - timedelta(minutes=minutes):
        raise CutoffPassed(
            _("It is too late to cancel here. Write to %(name)s or your program manager.")
            % {"name": session.mentor.user}
        )


def join_session(*, session_id: UUID, by: User, clock: Clock) -> str:
    """Note that this person joins, and return the meeting's address.

    Raises:
        TooEarly: the room opens 15 minutes before.
        IllegalMove: it is over, cancelled, or not accepted yet.
    """
    with transaction.atomic():
        session = selectors.session_for(user=by, session_id=session_id)
        now = clock()
        if session.status != Session.Status.BOOKED or now >= session.ends_at:
            raise IllegalMove(
                _("There is nothing to join: this session is over or was not booked.")
            )
        if now < session.starts_at - JOIN_OPENS:
            raise TooEarly(_("The link opens 15 minutes before the session starts."))
        side = side_of(session, by)
        if side:  # a program manager may look in without being counted
            joined = f"{side}_joined_at"
            _seats_joined(session, side).filter(**{joined: None}).update(**{joined: now})
        return session.meeting.meeting_url


def _seats_joined(session: Session, side: str) -> QuerySet[Session]:
    """The seats that somebody takes by joining: a mentor opens the room once, for all who sit in it."""
    if side == "mentee":
        return Session.objects.filter(pk=session.pk)
    return Session.objects.filter(meeting=session.meeting_id, status__in=Session.LIVE)


def side_of(session: Session, user: User) -> str | None:
    """ "mentor", "mentee", or None for somebody who is neither."""
    if session.mentor.user_id == user.pk:
        return "mentor"
    return "mentee" if session.mentee.user_id == user.pk else None


def write_notes(*, session_id: UUID, by: User, notes: str) -> Session:
    """Keep this person's own notes on a session, which nobody else sees."""
    session = selectors.session_for(user=by, session_id=session_id)
    side = side_of(session, by)
    if side is None:
        raise IllegalMove(_("Notes belong to the two people of a session."))
    setattr(session, f"{side}_notes", notes)
    session.save(update_fields=[f"{side}_notes", "updated_at"])
    return session


def lapse_pending_sessions(*, now: datetime) -> int:
    """Cancel requests that nobody answered in time, or whose hour has come. Returns how many."""
    due = Session.objects.filter(status=Session.Status.PENDING, answer_by__lte=now)
    lapsed = 0
    for pk in due.order_by("answer_by").values_list("pk", flat=True)[:BATCH]:
        lapsed += _lapse(pk, now)
    return lapsed


def _lapse(session_id: UUID, now: datetime) -> bool:
    with transaction.atomic():
        session = lock_session(session_id, None)
        # Asked again behind the lock: the mentor may have said yes in this very moment.
        if session.status != Session.Status.PENDING or (
            session.answer_by is not None and session.answer_by > now
        ):
            return False
        move(
            session,
            Session.Status.CANCELLED,
            by=None,
            now=now,
            reason=_("Nobody answered in time."),
        )
        leave_meeting(session)
        notifications.drop_unsent(session)
        notifications.tell_both(session, Notification.Kind.CANCELLED, now=now)
        waitlist.offer_open_seats(mentor=session.mentor, now=now)
        return True
