from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.request import Request

from accounts.models import User
from accounts.refusals import NotAllowed, NotFound
from mentors.models import Mentee, Mentor
from mentors.selectors import mentor_for


def caller(request: Request) -> User:
    assert isinstance(request.user, User)  # every view here asks for a signed-in person
    return request.user


def mentee_of(user: User) -> Mentee:
    """The caller as a mentee, or a refusal: mentors and PMs have no seat to take."""
    mentee = Mentee.objects.select_related("user").filter(user=user).first()
    if mentee is None:
        raise NotAllowed(
            _("Only mentees book sessions. Ask your program manager to be added as one.")
        )
    return mentee


def mentee_to_book(user: User, mentee_id: UUID | None) -> Mentee:
    """The mentee to book for: the caller, or whom a program manager names.

    Raises NotAllowed; NotFound for a mentee who is not there.
    """
    if mentee_id is None:
        return mentee_of(user)
    mentee = Mentee.objects.select_related("user").filter(pk=mentee_id).first()
    if mentee is not None and (user.is_program_manager or mentee.user_id == user.pk):
        return mentee
    raise NotFound


def mentor_of_hours(user: User, mentor_id: UUID) -> Mentor:
    """The mentor whose hours these are, if this person may change them."""
    mentor = mentor_for(user=user, mentor_id=mentor_id)
    if mentor.user_id != user.pk and not user.is_program_manager:
        raise NotAllowed(_("Only this mentor and program managers can change these hours."))
    return mentor
