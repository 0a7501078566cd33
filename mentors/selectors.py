"""Who sees which mentors and profiles. Fetching and permission are one door."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.db.models.functions import Lower

from accounts.models import User
from accounts.refusals import NotFound
from mentors.models import Block, Expertise, Mentee, Mentor, SavedMentor
from mentors.vocabulary import INDUSTRIES, LANGUAGES, STAGES, tidy


def with_people(mentors: QuerySet[Mentor]) -> QuerySet[Mentor]:
    """With what a card shows, in three queries however many there are."""
    expertise = Expertise.objects.order_by("-weight", "area", "sub_area", "id")
    return mentors.select_related("user").prefetch_related(Prefetch("expertise", expertise))


def visible_to(user: User | AnonymousUser) -> QuerySet[Mentor]:
    """The mentors this person may see.

    Everyone sees the public ones, people who are signed in the limited ones too: active, with their
    consent, and with nothing between the two that keeps them apart. Program managers see all, and a
    mentor always sees their own.
    """
    mentors = with_people(Mentor.objects.all())
    if not isinstance(user, User):
        return mentors.filter(_shown(Mentor.Visibility.PUBLIC))
    if user.is_program_manager:
        return mentors
    apart = Block.objects.filter(mentor=OuterRef("pk"), mentee__user=user)
    shown = _shown(Mentor.Visibility.PUBLIC, Mentor.Visibility.LIMITED)
    return mentors.filter((shown & ~Exists(apart)) | Q(user=user))


def shown_to(mentee: Mentee) -> QuerySet[Mentor]:
    """The mentors that this mentee may meet: as `visible_to`, without their own mentor profile.

    A search asks this of hundreds of mentors one by one; here it is no more than four look-ups.
    """
    apart = Block.objects.filter(mentor=OuterRef("pk"), mentee=mentee)
    return with_people(shown_to_mentees().filter(~Exists(apart)).exclude(user=mentee.user_id))


def shown_to_mentees() -> QuerySet[Mentor]:
    """The mentors that any mentee may be shown, unless something keeps the two apart."""
    return Mentor.objects.filter(_shown(Mentor.Visibility.PUBLIC, Mentor.Visibility.LIMITED))


def _shown(*visibilities: str) -> Q:
    return Q(
        visibility__in=visibilities,
        is_active=True,
        user__is_active=True,
        consent_at__isnull=False,
    )


def mentor_for(*, user: User | AnonymousUser, mentor_id: UUID) -> Mentor:
    """That mentor, if this person may see them. Raises NotFound."""
    mentor = visible_to(user).filter(pk=mentor_id).first()
    if mentor is None:
        raise NotFound
    return mentor


def filtered(
    mentors: QuerySet[Mentor],
    *,
    industries: Iterable[str] = (),
    stages: Iterable[str] = (),
    expertise: Iterable[str] = (),
    languages: Iterable[str] = (),
) -> QuerySet[Mentor]:
    """Those with at least one of the words of every kind that is asked for.

    Areas match whatever their case, as do the words of our vocabulary; others exactly.
    """
    for attribute, wanted, known in (
        ("industries", industries, INDUSTRIES),
        ("stages", stages, STAGES),
        ("languages", languages, LANGUAGES),
    ):
        words = tidy(wanted, known)
        if words:
            mentors = mentors.filter(**{f"{attribute}__overlap": words})
    areas = [area.lower() for area in tidy(expertise, ())]
    if areas:
        knows = Expertise.objects.alias(lower_area=Lower("area")).filter(
            mentor=OuterRef("pk"), lower_area__in=areas
        )
        mentors = mentors.filter(Exists(knows))
    return mentors


def profile_for(*, user: User, user_id: UUID) -> User:
    """That person with mentor and mentee row, for themself or a program manager. Raises NotFound."""
    if user.pk != user_id and not user.is_program_manager:
        raise NotFound
    person = profiles().filter(pk=user_id).first()
    if person is None:
        raise NotFound
    return person


def profiles() -> QuerySet[User]:
    expertise = Expertise.objects.order_by("-weight", "area", "sub_area", "id")
    return User.objects.select_related("mentor", "mentee").prefetch_related(
        Prefetch("mentor__expertise", expertise)
    )


def saved_by(user: User) -> QuerySet[SavedMentor]:
    """What this mentee saved, as far as they may still see it."""
    return (
        SavedMentor.objects.filter(mentee__user=user, mentor__in=visible_to(user).values("pk"))
        .select_related("mentor__user")
        .prefetch_related(
            Prefetch(
                "mentor__expertise", Expertise.objects.order_by("-weight", "area", "sub_area", "id")
            )
        )
    )
