"""Places in line and holds: who sees which, and how they are read. Fetching and permission are one door."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import (
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce

from accounts.models import User
from accounts.refusals import NotFound
from mentors.models import Block, Mentee, Mentor
from sessions_app.models import Hold, Session, WaitlistEntry

IN_LINE = (WaitlistEntry.State.WAITING, WaitlistEntry.State.OFFERED)
# How long a place that ended is still shown, so that nobody wonders where it went.
SHOWN_AFTER_END = timedelta(days=14)


def waiting_for(mentors: Sequence[Mentor]) -> list[WaitlistEntry]:
    """Those who can be offered a time, in the order of each mentor's line.

    Not: people who are paused, whom something keeps apart from the mentor, or who hold a time with
    the mentor already.
    """
    holding = Hold.objects.filter(
        mentor=OuterRef("mentor"), mentee=OuterRef("mentee"), state=Hold.State.LIVE
    )
    apart = Block.objects.filter(mentor=OuterRef("mentor"), mentee=OuterRef("mentee"))
    return list(
        WaitlistEntry.objects.select_related("mentee__user")
        .filter(mentor__in=[mentor.pk for mentor in mentors], state=WaitlistEntry.State.WAITING)
        .filter(mentee__is_active=True, mentee__user__is_active=True)
        .exclude(Exists(holding))
        .exclude(Exists(apart))
        .order_by("mentor_id", "created_at", "id")
    )


def places_for(user: User) -> QuerySet[WaitlistEntry]:
    """The places that person may see: their own, or all for a program manager."""
    places = WaitlistEntry.objects.select_related("mentor__user", "mentee__user")
    return places if user.is_program_manager else places.filter(mentee__user=user)


def place_for(*, user: User, entry_id: UUID) -> WaitlistEntry:
    """The one door to a place. Raises NotFound for a stranger as for a place that is not there."""
    place = places_for(user).filter(pk=entry_id).first()
    if place is None:
        raise NotFound
    return place


def with_offers(places: QuerySet[WaitlistEntry], *, now: datetime) -> QuerySet[WaitlistEntry]:
    """With `position` (1 is next) and `live_offers` (at most one), in two queries for any number."""
    ahead = (
        WaitlistEntry.objects.filter(mentor=OuterRef("mentor"), state__in=IN_LINE)
        .filter(
            Q(created_at__lt=OuterRef("created_at"))
            | Q(created_at=OuterRef("created_at"), pk__lt=OuterRef("pk"))
        )
        .order_by()
        .values("mentor")
        .annotate(n=Count("*"))
        .values("n")
    )
    live = Hold.objects.filter(state=Hold.State.LIVE, expires_at__gt=now)
    return places.annotate(
        position=Coalesce(Subquery(ahead, output_field=IntegerField()), 0) + 1,
        unanswered=Count("offers", filter=Q(offers__state=Hold.State.EXPIRED)),
    ).prefetch_related(Prefetch("offers", live, to_attr="live_offers"))


def shown_place(*, user: User, entry_id: UUID, now: datetime) -> WaitlistEntry:
    """That place with its position and offer. Raises NotFound as `place_for` does."""
    place = with_offers(places_for(user), now=now).filter(pk=entry_id).first()
    if place is None:
        raise NotFound
    return place


def own_places(user: User, *, now: datetime) -> QuerySet[WaitlistEntry]:
    """One's own places in line, offers first, and those that ended in the last two weeks."""
    shown = Q(state__in=IN_LINE) | Q(
        state=WaitlistEntry.State.LEFT, updated_at__gt=now - SHOWN_AFTER_END
    )
    places = WaitlistEntry.objects.select_related("mentor__user", "mentee__user").filter(
        shown, mentee__user=user
    )
    return with_offers(places, now=now).order_by("created_at", "id")


def place_with(*, mentor: Mentor, mentee: Mentee, now: datetime) -> WaitlistEntry | None:
    """The mentee's place in this mentor's line, if they have one."""
    places = WaitlistEntry.objects.filter(mentor=mentor, mentee=mentee, state__in=IN_LINE)
    return with_offers(places.select_related("mentor__user", "mentee__user"), now=now).first()


def offers_of(user: User, *, now: datetime) -> QuerySet[Hold]:
    """What is offered to that person now, the most urgent first."""
    return live_holds_of(user, now=now).filter(entry__isnull=False).order_by("expires_at", "id")


def live_holds_of(user: User, *, now: datetime) -> QuerySet[Hold]:
    return (
        Hold.objects.select_related("mentor__user", "mentee__user")
        .filter(mentee__user=user, state=Hold.State.LIVE, expires_at__gt=now)
        .order_by("created_at", "id")
    )


def own_hold_with(*, mentor: Mentor, mentee: Mentee, now: datetime) -> Hold | None:
    """The time with this mentor that the mentee holds by themself, not as an offer."""
    holds = Hold.objects.select_related("mentor__user").filter(
        mentor=mentor, mentee=mentee, entry=None, state=Hold.State.LIVE, expires_at__gt=now
    )
    return holds.first()


def hold_for(*, user: User, hold_id: UUID) -> Hold:
    """The one door to a hold: its mentee's own, or any for a program manager. Raises NotFound."""
    holds = Hold.objects.select_related("mentor__user", "mentee__user", "entry")
    if not user.is_program_manager:
        holds = holds.filter(mentee__user=user)
    hold = holds.filter(pk=hold_id).first()
    if hold is None:
        raise NotFound
    return hold


def offer_for(*, user: User, hold_id: UUID | None = None, entry_id: UUID | None = None) -> Hold:
    """An offer by its own id, or the newest one of a place. Raises NotFound."""
    offers = Hold.objects.select_related("mentor__user", "mentee__user", "entry").filter(
        entry__in=places_for(user).values("pk")
    )
    offers = offers.filter(pk=hold_id) if hold_id else offers.filter(entry=entry_id)
    offer = offers.order_by(F("created_at").desc(), "id").first()
    if offer is None:
        raise NotFound
    return offer


def session_from(hold: Hold) -> Session | None:
    """The session that this offer became, while it is still to take place at that time."""
    booked = Session.objects.select_related("meeting", "mentor__user", "mentee__user").filter(
        mentor=hold.mentor_id,
        mentee=hold.mentee_id,
        starts_at=hold.starts_at,
        status__in=Session.LIVE,
    )
    return booked.first()
