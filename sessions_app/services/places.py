"""A mentee's place in line: taking one, giving it up, and answering what is offered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _, ngettext

from accounts.models import User
from accounts.refusals import Invalid, NotAllowed, NotFound
from mentors.models import Mentee, Mentor
from mentors.selectors import visible_to
from sessions_app import selectors
from sessions_app.models import Hold, Session, WaitlistEntry
from sessions_app.refusals import OfferEnded, TimesAreOpen, TooManyPlaces, UnableToBook
from sessions_app.selectors import waitlist as lines
from sessions_app.services.booking import book_session, lock_pair
from sessions_app.services.locks import lock_mentor
from sessions_app.services.rules import ALTERNATIVES, Clock, slots_as_data, times_around
from sessions_app.services.waitlist import end_hold, offer_open_seats
from sessions_app.slots import Slot, ceil_minute, minute, open_slots

# Somebody who waits everywhere is offered, and keeps from others, more than they can use.
MOST_PLACES = 10


def join_waitlist(
    *,
    mentor_id: UUID,
    mentee: Mentee,
    by: User,
    clock: Clock,
    wanted_from: datetime | None = None,
    wanted_until: datetime | None = None,
    goal: str = "",
) -> tuple[WaitlistEntry, bool]:
    """Wait for a time with a mentor: any, or one that starts in [wanted_from, wanted_until).

    Who is in the line already keeps their place and changes what they wait for. Returns the place,
    and whether it is new.

    Raises:
        NotFound: no such mentor, or none that this person may see.
        NotAllowed: one's own hours; a paused mentee or mentor.
        Invalid: a period that ends before it begins, or is over.
        TimesAreOpen: there is no need to wait; with `alternatives`.
        TooManyPlaces: in enough lines already.
    """
    if not visible_to(by).filter(pk=mentor_id).exists():
        raise NotFound
    with transaction.atomic():
        mentor, mentee = lock_pair(mentor_id, mentee)
        now = clock()
        _refuse_period(wanted_from, wanted_until, now)
        offer_open_seats(mentor=mentor, now=now)  # those before us first
        wish: dict[str, Any] = {
            "wanted_from": wanted_from,
            "wanted_until": wanted_until,
            "goal": goal,
        }
        place = WaitlistEntry.objects.filter(
            mentor=mentor, mentee=mentee, state__in=lines.IN_LINE
        ).first()
        if place is not None and place.state == WaitlistEntry.State.OFFERED:
            raise NotAllowed(
                _("A time is offered to you right now. Take it or pass on it before you ask anew.")
            )
        _refuse_if_open(mentor, mentee, wanted_from, wanted_until, now)
        if place is None:
            _refuse_too_many(mentee)
            new = WaitlistEntry.objects.create(mentor=mentor, mentee=mentee, created_at=now, **wish)
            return new, True
        for name, value in wish.items():
            setattr(place, name, value)
        place.save(update_fields=[*wish, "updated_at"])
        return place, False


def leave_waitlist(*, entry_id: UUID, by: User, clock: Clock) -> WaitlistEntry:
    """Give up a place; what is offered to it goes to the next in line. Repeating changes nothing.

    Raises NotFound: not theirs.
    """
    place = lines.place_for(user=by, entry_id=entry_id)
    with transaction.atomic():
        mentor = lock_mentor(place.mentor_id)
        now = clock()
        for hold in Hold.objects.filter(entry=place, state=Hold.State.LIVE):
            end_hold(hold, Hold.State.PASSED, now=now)
        WaitlistEntry.objects.filter(pk=place.pk, state__in=lines.IN_LINE).update(
            state=WaitlistEntry.State.LEFT, updated_at=now
        )
        offer_open_seats(mentor=mentor, now=now)
    place.refresh_from_db()
    return place


def accept_offer(
    *, by: User, clock: Clock, hold_id: UUID | None = None, entry_id: UUID | None = None
) -> Session:
    """Book what is offered. Accepting again gives the same session; a late yes is still one where
    nobody else in line wants the time.

    Args:
        hold_id: this very offer, as a link in a mail means it.
        entry_id: whatever is offered to this place now.

    Raises:
        NotFound: not theirs, or nothing was ever offered.
        OfferEnded: too late; with the nearest open times as `alternatives`.
        UnableToBook: as for every booking, say because they have another session then by now.
    """
    hold = lines.offer_for(user=by, hold_id=hold_id, entry_id=entry_id)
    assert hold.entry is not None
    if hold.state == Hold.State.USED:
        return _booked_by(hold, clock)
    if hold.entry.state not in lines.IN_LINE:
        raise _ended(hold, clock)
    if not _is_live(hold, clock):
        _move_on(hold, clock)
    try:
        return book_session(
            mentor_id=hold.mentor_id,
            mentee=hold.mentee,
            starts_at=hold.starts_at,
            by=by,
            clock=clock,
            goal=hold.entry.goal,
        )
    except UnableToBook as refused:
        hold.refresh_from_db(fields=["state"])
        if hold.state == Hold.State.USED:  # a twin of this request was faster
            return _booked_by(hold, clock)
        if _is_live(hold, clock):
            raise
        raise _ended(hold, clock) from refused


def pass_offer(
    *, by: User, clock: Clock, hold_id: UUID | None = None, entry_id: UUID | None = None
) -> WaitlistEntry:
    """Say no to an offer. It goes to the next in line at once; the place stays, and is not asked about
    that start again. Passing again changes nothing.

    Raises:
        NotFound: not theirs, or nothing was ever offered.
        OfferEnded: it was booked, or went to somebody else.
    """
    hold = lines.offer_for(user=by, hold_id=hold_id, entry_id=entry_id)
    with transaction.atomic():
        mentor = lock_mentor(hold.mentor_id)
        now = clock()
        hold.refresh_from_db(fields=["state"])
        if hold.state == Hold.State.LIVE:
            end_hold(hold, Hold.State.PASSED, now=now)
            offer_open_seats(mentor=mentor, now=now)
        elif hold.state != Hold.State.PASSED:
            raise OfferEnded(_("There is nothing to pass on: this offer has ended."))
    assert hold.entry is not None
    hold.entry.refresh_from_db()
    return hold.entry


def _booked_by(hold: Hold, clock: Clock) -> Session:
    """The session that this offer became. Raises OfferEnded where it is not there any more."""
    session = lines.session_from(hold)
    if session is None:
        raise _ended(hold, clock)
    return session


def _is_live(hold: Hold, clock: Clock) -> bool:
    return hold.state == Hold.State.LIVE and hold.expires_at > clock()


def _move_on(hold: Hold, clock: Clock) -> None:
    """Whoever is next comes before a late yes."""
    with transaction.atomic():
        offer_open_seats(mentor=lock_mentor(hold.mentor_id), now=clock())


def _ended(hold: Hold, clock: Clock) -> OfferEnded:
    now = clock()
    times = times_around(hold.mentor, hold.mentee, hold.starts_at, now=now)
    return OfferEnded(
        _("This offer has ended. Choose one of the open times, or wait for the next offer."),
        alternatives=times.nearest(hold.starts_at, now=now),
    )


def _refuse_period(
    wanted_from: datetime | None, wanted_until: datetime | None, now: datetime
) -> None:
    if wanted_until is None:
        return
    if wanted_from is not None and wanted_until <= wanted_from:
        sentence = _("The last day is before the first one.")
    elif wanted_until <= now:
        sentence = _("These days are over. Choose later ones.")
    else:
        return
    raise Invalid(sentence, fields={"wanted_until": [sentence]})


def _refuse_if_open(
    mentor: Mentor,
    mentee: Mentee,
    wanted_from: datetime | None,
    wanted_until: datetime | None,
    now: datetime,
) -> None:
    slots = _open_to(mentor, mentee, wanted_from, wanted_until, now)[:ALTERNATIVES]
    if slots:
        raise TimesAreOpen(
            _("You need not wait: %(name)s has open times. Choose one, or say which days you can.")
            % {"name": mentor.user.get_short_name()},
            alternatives=slots_as_data(slots),
        )


def _open_to(
    mentor: Mentor,
    mentee: Mentee,
    wanted_from: datetime | None,
    wanted_until: datetime | None,
    now: datetime,
) -> list[Slot]:
    first = max(now, wanted_from or now)
    # Beyond the last day open for booking, whatever the zone, the engine has nothing to say.
    horizon = now + timedelta(days=mentor.booking_horizon_days + 2)
    last = min(horizon, wanted_until or horizon)
    if last <= first:
        return []
    calendar = selectors.calendars(
        mentors=[mentor], first=first, last=last, now=now, viewer=mentee
    )[mentor.pk]
    begin, end = ceil_minute(first), ceil_minute(last)
    return list(open_slots(calendar, now=now, first=max(begin, minute(now)), last=end))


def _refuse_too_many(mentee: Mentee) -> None:
    if WaitlistEntry.objects.filter(mentee=mentee, state__in=lines.IN_LINE).count() >= MOST_PLACES:
        raise TooManyPlaces(
            ngettext(
                "You wait in %(most)s line already. Leave it before you join another.",
                "You wait in %(most)s lines already. Leave one before you join another.",
                MOST_PLACES,
            )
            % {"most": MOST_PLACES}
        )
