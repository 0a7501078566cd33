"""Places in line and offers as pages show them: on the viewer's clock, in whole sentences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from accounts.dates import date_format
from sessions_app.models import Hold, WaitlistEntry
from sessions_app.picker import oddness, other_clock
from sessions_app.selectors.waitlist import IN_LINE
from sessions_app.services.waitlist import MOST_UNANSWERED


@dataclass(frozen=True, slots=True)
class OfferShown:
    """A time that is kept for somebody, until when, and what the mentor's clock shows then."""

    hold: Hold
    starts_at: datetime
    ends_at: datetime
    expires_at: datetime
    theirs: str
    oddness: str
    # Then it is enough to name the hour at which the offer ends.
    ends_today: bool


@dataclass(frozen=True, slots=True)
class PlaceShown:
    """A place: what is waited for, how many are before it, and why it ended if it did.

    `ended` is empty for somebody who left by themself: they know.
    """

    place: WaitlistEntry
    first_day: date | None
    last_day: date | None
    wish: str
    ahead: int
    offer: OfferShown | None
    is_in_line: bool
    ended: str


def offer_shown(hold: Hold, zone: ZoneInfo, now: datetime) -> OfferShown:
    starts_at, ends_at = hold.starts_at.astimezone(zone), hold.ends_at.astimezone(zone)
    mentor = hold.mentor.user
    return OfferShown(
        hold=hold,
        starts_at=starts_at,
        ends_at=ends_at,
        expires_at=hold.expires_at.astimezone(zone),
        theirs=other_clock(
            starts_at, hold.starts_at.astimezone(mentor.zone), mentor.get_short_name()
        ),
        oddness=oddness(starts_at, ends_at),
        ends_today=hold.expires_at.astimezone(zone).date() == now.astimezone(zone).date(),
    )


def place_shown(place: Any, zone: ZoneInfo, now: datetime) -> PlaceShown:
    """Args: place: as `selectors.waitlist.with_offers` reads it."""
    live: list[Hold] = place.live_offers
    for hold in live:
        hold.mentor = place.mentor  # loaded with the place: no query for each offer
    first = place.wanted_from.astimezone(zone).date() if place.wanted_from else None
    # The end is not included: the last day is that of the minute before it.
    until = place.wanted_until
    last = (until - timedelta(minutes=1)).astimezone(zone).date() if until else None
    return PlaceShown(
        place=place,
        first_day=first,
        last_day=last,
        wish=_wish(first, last),
        ahead=place.position - 1,
        offer=offer_shown(live[0], zone, now) if live else None,
        is_in_line=place.state in IN_LINE,
        ended=_ended(place, now),
    )


def _wish(first: date | None, last: date | None) -> str:
    """The days that are waited for, both included."""
    days = {
        "first": date_format(first, "D j F") if first else "",
        "last": date_format(last, "D j F") if last else "",
    }
    if first and last:
        if first == last:
            return _("a time on %(first)s") % days
        return _("a time from %(first)s to %(last)s") % days
    if first:
        return _("a time from %(first)s on") % days
    return _("a time until %(last)s") % days if last else _("any time")


def _ended(place: Any, now: datetime) -> str:
    if place.state != WaitlistEntry.State.LEFT:
        return ""
    if place.wanted_until and place.wanted_until <= now:
        return _("The days you waited for are over, and no time came free.")
    if place.unanswered >= MOST_UNANSWERED:
        return _("Two offers went unanswered, so the line moved on without you.")
    return ""
