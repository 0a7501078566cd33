"""The console for tests: who opens it, and rows for it to show."""

from __future__ import annotations

from datetime import datetime, timedelta

from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from django.test import Client
from django.utils import timezone

from accounts.models import User
from mentors.models import Mentor
from sessions_app.models import (
    AvailabilityWindow,
    Meeting,
    Session,
)
from tests import people

TOMORROW = (timezone.now() + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)


def console(user: User) -> Client:
    """A browser in which that person signed in with a second factor."""
    browser = people.browser(user)
    session = browser.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "mfa", "type": "totp"}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return browser


def superuser() -> User:
    return User.objects.create_superuser("root@example.com", people.PASSWORD)


def window(mentor: Mentor, starts_at: datetime = TOMORROW, hours: int = 3) -> AvailabilityWindow:
    return AvailabilityWindow.objects.create(
        mentor=mentor, starts_at=starts_at, ends_at=starts_at + hours * HOUR
    )


def booked(mentor, mentee, starts_at: datetime = TOMORROW, status: str = "booked") -> Session:
    ends_at = starts_at + timedelta(minutes=30)
    meeting = Meeting.objects.create(
        mentor=mentor,
        starts_at=starts_at,
        ends_at=ends_at,
        live=status == "booked",
        window=mentor.windows.filter(starts_at__lte=starts_at, ends_at__gte=ends_at).first(),
    )
    return Session.objects.create(
        meeting=meeting,
        mentor=mentor,
        mentee=mentee,
        starts_at=starts_at,
        ends_at=ends_at,
        status=status,
        goal="Talk about the round",
    )


def messages_of(answer) -> list[str]:
    return [str(message) for message in answer.context["messages"]]
