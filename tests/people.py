"""The four people of every test: Alice is a mentee, Bob a mentor, Carol a program manager, and
Mallory a mentee who has nothing to do with any of them.

Keywords go where they belong: to the person (`email`, `time_zone`, `status`, …) or else to their
Mentee or Mentor row (`company`, `weekly_load_cap`, …). `areas=["Sales"]` gives Bob expertise.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services
from accounts.models import User
from mentors.models import Expertise, Mentee, Mentor
from tests.factories import CONSENTED_AT

PASSWORD = "officehours-demo"

_OF_THE_PERSON = {
    "email", "name", "password", "status", "time_zone", "language", "photo_source", "created_at",
    "last_seen_at",
}  # fmt: skip


def alice(**changes: Any) -> User:
    defaults = {
        "company": "Acorn",
        "stage": "Seed",
        "industry": "Health",
        "goals": "Raise a seed round.",
    }
    return _mentee("alice@example.com", "Alice Founder", {**defaults, **changes})


def bob(**changes: Any) -> User:
    areas = changes.pop("areas", [])
    defaults = {
        "email": "bob@example.com",
        "name": "Bob Mentor",
        "headline": "Raised three seed rounds",
        "bio": "Founder twice, now an angel investor.",
        "company": "Oak Ventures",
        "title": "Partner",
        "consent_at": CONSENTED_AT,
    }
    person, row = _split({**defaults, **changes})
    user = _person(person, User.Role.MENTOR)
    mentor = Mentor.objects.create(user=user, **row)
    Expertise.objects.bulk_create(Expertise(mentor=mentor, area=area) for area in areas)
    return user


def carol(**changes: Any) -> User:
    person, _row = _split({"email": "carol@example.com", "name": "Carol Manager", **changes})
    return _person(person, User.Role.PM)


def mallory(**changes: Any) -> User:
    return _mentee("mallory@example.com", "Mallory Stranger", {"company": "Elsewhere", **changes})


def browser(user: User) -> Client:
    """A browser in which that person is signed in."""
    client = Client()
    client.force_login(user)
    return client


def api(user: User | None = None) -> APIClient:
    """An API client with that person's bearer token, or nobody's."""
    client = APIClient()
    if user is not None:
        token, _row = services.issue_token(user=user, now=timezone.now())
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def _mentee(email: str, name: str, changes: dict[str, Any]) -> User:
    person, row = _split({"email": email, "name": name, "consent_at": CONSENTED_AT, **changes})
    user = _person(person, User.Role.MENTEE)
    Mentee.objects.create(user=user, **row)
    return user


def _split(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    person = {name: value for name, value in values.items() if name in _OF_THE_PERSON}
    row = {name: value for name, value in values.items() if name not in _OF_THE_PERSON}
    return person, row


def _person(values: dict[str, Any], role: str) -> User:
    user = User.objects.create_user(**{"password": PASSWORD, **values})
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return services.set_role(user=user, role=role)
