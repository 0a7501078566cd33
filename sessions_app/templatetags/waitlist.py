"""The waitlist on pages that are about something else: a mentor's page, and one's sessions."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context
from django.utils import timezone

from accounts.models import User
from sessions_app import services
from sessions_app.places_shown import OfferShown, PlaceShown, offer_shown, place_shown
from sessions_app.selectors import waitlist as lines
from sessions_app.waitlist_forms import JoinForm

register = template.Library()


@register.simple_tag(takes_context=True)
def place_in_line(context: Context) -> PlaceShown | None:
    """The viewer's place in the line for the mentor of this page, if there is a line for them at all."""
    mentor, viewer = context["mentor"], context["viewer"]
    # Few have one, and what their calendar was read with says so already.
    if viewer is None or not context["picker"].has_place:
        return None
    now, zone = timezone.now(), timezone.get_current_timezone()
    place = lines.place_with(mentor=mentor, mentee=viewer, now=now)
    return place_shown(place, zone, now) if place else None


@register.inclusion_tag("sessions_app/_waitlist.html", takes_context=True)
def waitlist_box(context: Context) -> dict[str, Any]:
    """One's place (`place` of `place_in_line`), or how to get one. For a mentee on a mentor's page."""
    mentor, viewer, picker = context["mentor"], context["viewer"], context["picker"]
    place: PlaceShown | None = context.get("place")
    shown = {"mentor": mentor, "csrf_token": context.get("csrf_token"), "place": place}
    if place is not None or viewer is None or viewer.user_id == mentor.user_id:
        return shown
    goal = context["form"]["goal"].value() or ""
    form = JoinForm(
        initial={"goal": goal}, zone=timezone.get_current_timezone(), now=timezone.now()
    )
    return shown | {"form": form, "open": not (picker.count or picker.next_day)}


@register.simple_tag
def offers_to(user: User) -> list[OfferShown]:
    """What is offered to that person now, the most urgent first."""
    now, zone = timezone.now(), timezone.get_current_timezone()
    return [offer_shown(hold, zone, now) for hold in lines.offers_of(user, now=now)]


@register.inclusion_tag("sessions_app/_hold.html", takes_context=True)
def hold_box(context: Context) -> dict[str, Any]:
    """For a mentee in the booking form of a mentor's page: the time they hold, or a way to hold one."""
    mentor, viewer = context["mentor"], context["viewer"]
    place: PlaceShown | None = context.get("place")
    # What is offered already is held; an answer to that comes first.
    minutes = 0 if place and place.offer else services.hold_minutes()
    now, zone = timezone.now(), timezone.get_current_timezone()
    has_hold = context["picker"].has_hold
    own = lines.own_hold_with(mentor=mentor, mentee=viewer, now=now) if has_hold else None
    return {
        "mentor": mentor,
        "minutes": minutes if context["picker"].count else 0,
        "held": offer_shown(own, zone, now) if own else None,
    }
