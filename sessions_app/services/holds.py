"""Holds that mentees make themselves: a time kept for some minutes while they write what it is for.

A setting of the program, off by default: a taken slot answers with others, which is nearly always
enough, and what is held by one is kept from everybody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.refusals import NotAllowed, NotFound
from accounts.selectors import program
from mentors.models import Mentee, Mentor
from mentors.selectors import visible_to
from sessions_app.models import Hold
from sessions_app.refusals import HoldEnded
from sessions_app.selectors import waitlist as lines
from sessions_app.services.booking import lock_pair
from sessions_app.services.locks import lock_mentor
from sessions_app.services.rules import Clock, Refused, times_around
from sessions_app.services.waitlist import end_hold, offer_open_seats

# As often as WCAG 2.2.1 asks for; then others get their chance.
MOST_EXTENSIONS = 10


def hold_minutes() -> int:
    """How long a mentee may hold a time; 0 where the program does without."""
    return program().self_service_hold_minutes


def hold_slot(
    *, mentor_id: UUID, mentee: Mentee, starts_at: datetime, by: User, clock: Clock
) -> Hold:
    """Keep a time for this mentee for a few minutes. Holding it again changes nothing.

    One hold per person: a hold on another time is given back, here or with another mentor.

    Raises:
        NotFound: no such mentor, or none that this person may see.
        NotAllowed: the program has no such holds; one's own hours; paused; a time of this mentor is
            offered to them from the waitlist.
        UnableToBook: a rule refuses, as it would refuse the booking; with `alternatives`.
    """
    minutes = _refuse_when_off()
    if not visible_to(by).filter(pk=mentor_id).exists():
        raise NotFound
    try:
        with transaction.atomic():
            mentors = _lock_mentors(mentor_id, mentee)
            # Locks the mentor again, which costs nothing, and sees that the two can meet at all.
            mentor, mentee = lock_pair(mentor_id, mentee)
            now = clock()
            for one in mentors.values():
                offer_open_seats(mentor=one, now=now)  # ends what has expired; the line goes first
            known = _of_this_start(mentor, mentee, starts_at, now)
            if known is not None:
                return known
            slot, _aside = times_around(mentor, mentee, starts_at, now=now).open_slot(
                starts_at, now=now
            )
            for old in _own_holds(mentee):
                if old.mentor_id not in mentors:
                    raise NotAllowed(_("You hold another time by now. Look again, and choose one."))
                end_hold(old, Hold.State.PASSED, now=now)
            hold = Hold.objects.create(
                mentor=mentor,
                mentee=mentee,
                window_id=slot.window.id,
                starts_at=slot.starts_at,
                ends_at=slot.ends_at,
                capacity=slot.meeting.capacity if slot.meeting else slot.window.capacity,
                expires_at=min(slot.starts_at, now + timedelta(minutes=minutes)),
                created_at=now,
            )
            for one in mentors.values():
                offer_open_seats(mentor=one, now=now)  # what the old hold kept
            return hold
    except Refused as refused:
        raise refused.with_alternatives(starts_at, now=clock()) from None


def release_hold(*, hold_id: UUID, by: User, clock: Clock) -> Hold:
    """Give a held time back; it goes to the line, or to anybody. Repeating changes nothing.

    An offer from the waitlist is passed on by this.
    """
    hold = lines.hold_for(user=by, hold_id=hold_id)
    with transaction.atomic():
        mentor = lock_mentor(hold.mentor_id)
        now = clock()
        if end_hold(hold, Hold.State.PASSED, now=now):
            offer_open_seats(mentor=mentor, now=now)
    hold.refresh_from_db(fields=["state"])
    return hold


def extend_hold(*, hold_id: UUID, by: User, clock: Clock) -> Hold:
    """Keep a held time for as long again, counted from now; ten times at most.

    Raises:
        NotFound: not theirs.
        NotAllowed: an offer from the waitlist, whose time others wait for; the program has no holds.
        HoldEnded: it was not live any more.
    """
    minutes = timedelta(minutes=_refuse_when_off())
    hold = lines.hold_for(user=by, hold_id=hold_id)
    if hold.entry_id is not None:
        raise NotAllowed(_("An offer cannot be extended: others wait for the time too."))
    with transaction.atomic():
        lock_mentor(hold.mentor_id)
        now = clock()
        until = min(
            now + minutes, hold.created_at + minutes * (MOST_EXTENSIONS + 1), hold.starts_at
        )
        kept = Hold.objects.filter(pk=hold.pk, state=Hold.State.LIVE, expires_at__gt=now)
        if not kept.update(expires_at=until):
            raise HoldEnded(
                _("This time is not held any more. If it is still open, choose it again.")
            )
    hold.refresh_from_db(fields=["expires_at", "state"])
    return hold


def _refuse_when_off() -> int:
    minutes = hold_minutes()
    if not minutes:
        raise NotAllowed(_("Times are not held in this program. Book one; it is yours at once."))
    return minutes


def _lock_mentors(mentor_id: UUID, mentee: Mentee) -> dict[UUID, Mentor]:
    """The mentor, and the one whose time the mentee holds now: by id, as every command does."""
    ids = {mentor_id, *(hold.mentor_id for hold in _own_holds(mentee))}
    return {pk: lock_mentor(pk) for pk in sorted(ids)}


def _own_holds(mentee: Mentee) -> Iterator[Hold]:
    return Hold.objects.filter(mentee=mentee, state=Hold.State.LIVE, entry__isnull=True).iterator()


def _of_this_start(
    mentor: Mentor, mentee: Mentee, starts_at: datetime, now: datetime
) -> Hold | None:
    """The hold that this mentee has on that start already, by themself or as an offer.

    Raises NotAllowed where another time with the mentor is offered to them.
    """
    live = Hold.objects.filter(
        mentor=mentor, mentee=mentee, state=Hold.State.LIVE, expires_at__gt=now
    )
    for hold in live:
        if hold.starts_at == starts_at:
            return hold
        if hold.entry_id is not None:
            raise NotAllowed(
                _("%(name)s has a time for you from the waitlist. Take it or pass on it first.")
                % {"name": mentor.user.get_short_name()}
            )
    return None
