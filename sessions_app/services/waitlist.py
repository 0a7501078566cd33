"""The line for a mentor's time: whom an open time is offered to, and what becomes of the offer.

An offer is a hold: a seat that is kept for one person until it expires. It is made under the mentor's
lock, in the transaction that freed the time, so nobody who walks in can be faster than the line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q

from accounts.selectors import program
from mentors.models import Mentor
from mentors.selectors import visible_to
from sessions_app import notifications, selectors
from sessions_app.models import Commitment, Hold, WaitlistEntry
from sessions_app.selectors import waitlist as lines
from sessions_app.services.locks import lock_mentor
from sessions_app.slots import Calendar, Slot, ceil_minute, minute, open_slots

# An offer nobody has time to read helps nobody: a nearer start is left to whoever comes by.
SHORTEST_OFFER = timedelta(minutes=30)
# The sooner the time, the sooner the next in line must get their chance.
SHARE_OF_TIME_LEFT = 4
# Who lets so many offers expire has found another way, and the line moves on without them.
MOST_UNANSWERED = 2
BATCH = 200


def offer_open_seats(*, mentor: Mentor, now: datetime) -> int:
    """Offer what is open to those who wait, in order. The caller holds the mentor's lock.

    Each waiting place gets the first open start that suits it, as a hold with its message, in the
    caller's transaction. Returns how many offers were made.
    """
    _end_stale_holds(mentor, now)
    line = _lines([mentor], now).get(mentor.pk)
    made = 0
    while line is not None and line.places:
        place = line.places.pop(0)
        slot = line.first_for(place)
        if slot is None or not _may_see(place, mentor):
            continue
        _offer(place, slot, mentor=mentor, now=now)
        made += 1
        # Read again: the hold takes a seat, and the week's cap and the breaks count it.
        line.read_again()
    return made


def tend_waitlists(*, now: datetime) -> None:
    """What must happen to lines and holds by the passing of time alone. May be repeated."""
    expire_holds(now=now)
    take_back_impossible_offers(now=now)
    offer_waiting(now=now)


def offer_waiting(*, now: datetime) -> int:
    """Offer what has opened by other ways: hours made by a job or in Airtable, a raised cap, a new day
    of the booking horizon. Returns how many offers were made.

    Looks without a lock first, at many mentors at once; only where there is something to offer is the
    mentor locked and asked again.
    """
    _close_past_wishes(now)
    ids = list(
        WaitlistEntry.objects.filter(state=WaitlistEntry.State.WAITING, mentor__is_active=True)
        .order_by("mentor_id")
        .values_list("mentor_id", flat=True)
        .distinct()
    )
    made = 0
    for first in range(0, len(ids), BATCH):
        mentors = Mentor.objects.select_related("user").filter(pk__in=ids[first : first + BATCH])
        for pk, line in _lines(list(mentors), now).items():
            if any(line.first_for(place) for place in line.places):
                with transaction.atomic():
                    made += offer_open_seats(mentor=lock_mentor(pk), now=now)
    return made


def expire_holds(*, now: datetime) -> int:
    """End the holds whose time is over and offer theirs to the next in line, at once.

    A place whose offer went unanswered stays where it is in the line, but is not asked about that
    start again; after the second it is given up. Returns how many holds ended.
    """
    stale = Hold.objects.filter(state=Hold.State.LIVE, expires_at__lte=now)
    ended = 0
    for mentor_id in stale.order_by("mentor_id").values_list("mentor_id", flat=True).distinct():
        with transaction.atomic():
            mentor = lock_mentor(mentor_id)
            ended += _end_stale_holds(mentor, now)
            offer_open_seats(mentor=mentor, now=now)
    return ended


def take_back_impossible_offers(*, now: datetime) -> int:
    """End the offers of times that are none any more: the hours were closed, the mentor is away or
    takes no sessions.

    It is nobody's fault, so the place is waiting again and the offer does not count as unanswered.
    Returns how many were taken back.
    """
    offers = Hold.objects.select_related("mentor__user", "mentee").filter(
        state=Hold.State.LIVE, entry__isnull=False, expires_at__gt=now
    )
    taken_back = 0
    for hold in offers:
        if _is_possible(hold, hold.mentor, now):
            continue
        with transaction.atomic():
            mentor = lock_mentor(hold.mentor_id)
            if not _is_possible(hold, mentor, now) and end_hold(hold, Hold.State.PASSED, now=now):
                offer_open_seats(mentor=mentor, now=now)
                taken_back += 1
    return taken_back


def end_hold(hold: Hold, state: Hold.State, *, now: datetime) -> bool:
    """End a live hold and put its place back into the line. The caller holds the mentor's lock.

    Returns False where the hold was not live any more.
    """
    ended = Hold.objects.filter(pk=hold.pk, state=Hold.State.LIVE).update(state=state)
    if ended and hold.entry_id:
        WaitlistEntry.objects.filter(pk=hold.entry_id, state=WaitlistEntry.State.OFFERED).update(
            state=WaitlistEntry.State.WAITING, updated_at=now
        )
    return bool(ended)


def offer_ends_at(*, starts_at: datetime, now: datetime) -> datetime:
    """Until when a start is offered: as the program says, but at most a quarter of the time that is
    left, so that somebody else can still get ready; at least half an hour; never past the start."""
    asked = timedelta(minutes=program().waitlist_offer_minutes)
    length = max(SHORTEST_OFFER, min(asked, (starts_at - now) / SHARE_OF_TIME_LEFT))
    return min(starts_at, now + length)


def _offer(place: WaitlistEntry, slot: Slot, *, mentor: Mentor, now: datetime) -> None:
    hold = Hold.objects.create(
        mentor=mentor,
        mentee=place.mentee,
        entry=place,
        window_id=slot.window.id,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        capacity=slot.meeting.capacity if slot.meeting else slot.window.capacity,
        expires_at=offer_ends_at(starts_at=slot.starts_at, now=now),
        created_at=now,
    )
    WaitlistEntry.objects.filter(pk=place.pk).update(
        state=WaitlistEntry.State.OFFERED, updated_at=now
    )
    notifications.tell_of_hold(hold, now=now)


def _may_see(place: WaitlistEntry, mentor: Mentor) -> bool:
    """Whether they could book: somebody may have been kept apart from the mentor since they joined."""
    return visible_to(place.mentee.user).filter(pk=mentor.pk).exists()


def _is_possible(hold: Hold, mentor: Mentor, now: datetime) -> bool:
    if not (mentor.is_active and mentor.user.is_active):
        return False
    calendar = selectors.calendars(
        mentors=[mentor], first=hold.starts_at, last=hold.ends_at, now=now, viewer=hold.mentee
    )[mentor.pk]
    start = minute(hold.starts_at)
    # The mentee's own appointments are theirs to sort out: the offer stands meanwhile.
    free = replace(calendar, busy=())
    return bool(open_slots(free, now=now, first=start, last=start + 1))


def _end_stale_holds(mentor: Mentor, now: datetime) -> int:
    stale = list(Hold.objects.filter(mentor=mentor, state=Hold.State.LIVE, expires_at__lte=now))
    for hold in stale:
        end_hold(hold, Hold.State.EXPIRED, now=now)
    entries = [hold.entry_id for hold in stale if hold.entry_id]
    if entries:
        unanswered = Count("offers", filter=Q(offers__state=Hold.State.EXPIRED))
        given_up = (
            WaitlistEntry.objects.filter(pk__in=entries)
            .annotate(unanswered=unanswered)
            .filter(unanswered__gte=MOST_UNANSWERED)
            .values_list("pk", flat=True)
        )
        WaitlistEntry.objects.filter(
            pk__in=list(given_up), state=WaitlistEntry.State.WAITING
        ).update(state=WaitlistEntry.State.LEFT, updated_at=now)
    return len(stale)


def _close_past_wishes(now: datetime) -> None:
    """Nobody waits for days that are over."""
    WaitlistEntry.objects.filter(state=WaitlistEntry.State.WAITING, wanted_until__lte=now).update(
        state=WaitlistEntry.State.LEFT, updated_at=now
    )


@dataclass(slots=True)
class _Line:
    """Those who wait for one mentor, in order, and what is open."""

    mentor: Mentor
    now: datetime
    calendar: Calendar
    places: list[WaitlistEntry]
    # When each person is elsewhere, and which starts each place has been asked about.
    busy: dict[UUID, list[tuple[int, int]]]
    asked: dict[UUID, set[int]]
    open: list[Slot] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.open = self._open_in(
            self.calendar, self._soonest(), minute(_end(self.mentor, self.now))
        )

    def read_again(self) -> None:
        self.calendar = _calendars([self.mentor], self.now)[self.mentor.pk]
        self.__post_init__()

    def first_for(self, place: WaitlistEntry) -> Slot | None:
        """The first open start that suits this place, if there is one."""
        suits = [slot for slot in self.open if self._is_wanted(place, slot)]
        if not suits:
            return None
        theirs = replace(self.calendar, busy=sorted(self.busy[place.mentee_id]))
        free = self._open_in(theirs, suits[0].starts, suits[-1].starts + 1)
        return next((slot for slot in free if self._is_wanted(place, slot)), None)

    def _is_wanted(self, place: WaitlistEntry, slot: Slot) -> bool:
        if slot.starts in self.asked[place.pk]:
            return False
        if place.wanted_from is not None and slot.starts < ceil_minute(place.wanted_from):
            return False
        return place.wanted_until is None or slot.starts < ceil_minute(place.wanted_until)

    def _soonest(self) -> int:
        return ceil_minute(self.now + SHORTEST_OFFER)

    def _open_in(self, calendar: Calendar, first: int, last: int) -> list[Slot]:
        return list(open_slots(calendar, now=self.now, first=first, last=last))


def _lines(mentors: Sequence[Mentor], now: datetime) -> dict[UUID, _Line]:
    """The lines of the mentors that have one, in five queries however many mentors and people."""
    taking = [mentor for mentor in mentors if mentor.is_active and mentor.user.is_active]
    places = lines.waiting_for(taking)
    if not places:
        return {}
    by_mentor: dict[UUID, list[WaitlistEntry]] = defaultdict(list)
    for place in places:
        by_mentor[place.mentor_id].append(place)
    busy, asked = _busy(places, now), _asked(places)
    with_line = [mentor for mentor in taking if mentor.pk in by_mentor]
    calendars = _calendars(with_line, now)
    return {
        mentor.pk: _Line(mentor, now, calendars[mentor.pk], by_mentor[mentor.pk], busy, asked)
        for mentor in with_line
    }


def _calendars(mentors: Sequence[Mentor], now: datetime) -> dict[UUID, Calendar]:
    last = max(_end(mentor, now) for mentor in mentors)
    return selectors.calendars(mentors=mentors, first=now, last=last, now=now)


def _end(mentor: Mentor, now: datetime) -> datetime:
    """Surely after the last day that is open for booking, whatever the zone."""
    return now + timedelta(days=mentor.booking_horizon_days + 2)


def _busy(places: Sequence[WaitlistEntry], now: datetime) -> dict[UUID, list[tuple[int, int]]]:
    """When the mentees are elsewhere, as minutes: in sessions, and where another time is held for them
    (nobody needs two mentors at once)."""
    mentees = {place.mentee.user_id: place.mentee_id for place in places}
    busy: dict[UUID, list[tuple[int, int]]] = defaultdict(list)
    commitments = Commitment.objects.filter(user_id__in=mentees, ends_at__gt=now)
    for user_id, starts_at, ends_at in commitments.values_list("user_id", "starts_at", "ends_at"):
        busy[mentees[user_id]].append((minute(starts_at), ceil_minute(ends_at)))
    held = Hold.objects.filter(
        mentee_id__in=mentees.values(), state=Hold.State.LIVE, expires_at__gt=now
    )
    for mentee_id, starts_at, ends_at in held.values_list("mentee_id", "starts_at", "ends_at"):
        busy[mentee_id].append((minute(starts_at), ceil_minute(ends_at)))
    return busy


def _asked(places: Sequence[WaitlistEntry]) -> dict[UUID, set[int]]:
    """The starts that each place has passed on or not answered: nobody is asked the same thing twice."""
    asked: dict[UUID, set[int]] = defaultdict(set)
    answered = Hold.objects.filter(entry__in=[place.pk for place in places]).exclude(
        state=Hold.State.LIVE
    )
    for entry_id, starts_at in answered.values_list("entry_id", "starts_at"):
        if entry_id is not None:
            asked[entry_id].add(minute(starts_at))
    return asked
