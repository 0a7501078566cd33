"""Rows for tests that need many or need them odd. For the usual four people see tests/people.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import factory
from factory.django import DjangoModelFactory

from accounts.models import User
from mentors.models import Expertise, Mentee, Mentor

CONSENTED_AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


class UserFactory(DjangoModelFactory):
    """A person with a verified address. Without `password` there is none: sign-in by code only."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = factory.Sequence(lambda n: f"Person Number{n}")

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        return model_class.objects.create_user(*args, **kwargs)

    @factory.post_generation
    def verified(self, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        """`verified=False` leaves the address unconfirmed."""
        if create:
            from allauth.account.models import EmailAddress

            EmailAddress.objects.create(
                user=self, email=self.email, primary=True, verified=extracted is not False
            )


class MentorFactory(DjangoModelFactory):
    """A public, consenting mentor. `areas=["Fundraising"]` adds expertise of weight 3."""

    class Meta:
        model = Mentor
        skip_postgeneration_save = True

    user = factory.SubFactory(UserFactory, role=User.Role.MENTOR)
    headline = "Helps founders with their first sales"
    bio = "Sold software to hospitals for ten years."
    consent_at = CONSENTED_AT

    @factory.post_generation
    def areas(self, create: bool, extracted: list[str] | None, **kwargs: Any) -> None:
        for area in extracted or []:
            ExpertiseFactory(mentor=self, area=area)


class MenteeFactory(DjangoModelFactory):
    class Meta:
        model = Mentee

    user = factory.SubFactory(UserFactory, role=User.Role.MENTEE)
    company = "Acorn"
    consent_at = CONSENTED_AT


class ExpertiseFactory(DjangoModelFactory):
    class Meta:
        model = Expertise

    mentor = factory.SubFactory(MentorFactory)
    area = "Sales"
