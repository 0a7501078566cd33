"""The states that a walk over the pages wants to see, made by the services as people would make them.

Imported where Django is set up: by `arrange.py`, in the environment of a running product.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from sessions_app import services
from sessions_app.models import AvailabilityWindow, Session
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window
from tests.line import book, cancel, full_hour, program, wait
from tests.people import PASSWORD


class States:
    """Around Alice of the demo, who has sessions there already."""

    def __init__(self) -> None:
        self.now = timezone.now()
        self.alice = User.objects.get(email="alice@example.com")

    def all(self) -> dict[str, str]:
        """Makes them, and says where each is seen."""
        program(self_service_hold_minutes=10, support_email="carol@example.com")
        nobody = person("nobody@example.com", "Nora Nobody", mentor=False)
        self._displaced(nobody)
        return {**self._behind(), **self._ahead(), **self._waiting(), "held": self._held()}

    def _displaced(self, mentee: User) -> None:
        """Somebody is booked where there are no hours any more."""
        dora = person("dora@example.com", "Dora Displaced").mentor
        book(mentee, open_window(dora, days=10))
        AvailabilityWindow.objects.filter(mentor=dora).update(is_active=False)

    def _behind(self) -> dict[str, str]:
        rated = self._past(person("pia@example.com", "Pia Past").mentor, 2)
        missed = self._past(person("abel@example.com", "Abel Absent").mentor, 1)
        services.finish_ended_sessions(now=self.now)
        services.report_absence(
            session_id=missed.pk, by=missed.mentor.user, side="mentee",
            clock=lambda: missed.ends_at + timedelta(hours=1),
        )  # fmt: skip
        return {
            "to rate": f"/sessions/{rated.pk}/feedback/",
            "missed": f"/sessions/{missed.pk}/",
        }

    def _ahead(self) -> dict[str, str]:
        asks = person("ada@example.com", "Ada Approves", approves_bookings=True).mentor
        group = person("gus@example.com", "Gus Group").mentor
        called_off = self._booked(person("cal@example.com", "Cal Off").mentor, 8)
        cancel(called_off)
        return {
            "pending": f"/sessions/{self._booked(asks, 4).pk}/",
            "group": f"/sessions/{self._booked(group, 6, capacity=5).pk}/",
            "cancelled": f"/sessions/{called_off.pk}/",
        }

    def _waiting(self) -> dict[str, str]:
        full = person("wendy@example.com", "Wendy Waited").mentor
        taken, _session = full_hour(full, starts_at=self._free(5))
        wait(self.alice, full)
        freed = person("otto@example.com", "Otto Offers").mentor
        _hours, session = full_hour(freed, starts_at=self._free(7))
        wait(self.alice, freed)
        cancel(session)  # and so the time is offered to her
        none = person("nils@example.com", "Nils Nothing").mentor
        return {
            "in line": f"/mentors/{full.pk}/",
            "gone": f"/mentors/{full.pk}/?start={taken.starts_at:%Y-%m-%dT%H:%M:%SZ}#confirm",
            "offered": f"/mentors/{freed.pk}/",
            "no times": f"/mentors/{none.pk}/",
        }

    def _held(self) -> str:
        mentor = person("hal@example.com", "Hal Held").mentor
        hours = open_window(mentor, starts_at=self._free(9))
        services.hold_slot(
            mentor_id=mentor.pk, mentee=self.alice.mentee, starts_at=hours.starts_at, by=self.alice,
            clock=timezone.now,
        )  # fmt: skip
        return f"/mentors/{mentor.pk}/?start={hours.starts_at:%Y-%m-%dT%H:%M:%SZ}"

    def _booked(self, mentor: Any, days: int, **window: Any) -> Session:
        hours = open_window(mentor, starts_at=self._free(days), **{"hours": 0.5, **window})
        return book(self.alice, hours)

    def _past(self, mentor: Any, days: int) -> Session:
        """A session of Alice's that many days ago."""
        hours = open_window(mentor, starts_at=self._free(-days), hours=0.5)
        return book(self.alice, hours, clock=lambda: hours.starts_at - timedelta(days=2))

    def _free(self, days: int) -> datetime:
        """A full hour that many days ahead at which Alice is free."""
        begins = (self.now + timedelta(days=days)).replace(
            hour=8, minute=0, second=0, microsecond=0
        )
        hers = Session.objects.filter(mentee=self.alice.mentee)
        while hers.filter(
            starts_at__lt=begins + timedelta(hours=1), ends_at__gt=begins - timedelta(hours=1)
        ).exists():
            begins += timedelta(hours=1)
        return begins


def person(email: str, name: str, *, mentor: bool = True, **changes: Any) -> Any:
    """Somebody who can sign in: a mentor, or a mentee who has told us nothing."""
    user = User.objects.create_user(email, PASSWORD, name=name, time_zone="Europe/Berlin")
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    accounts.set_role(user=user, role=User.Role.MENTOR if mentor else User.Role.MENTEE)
    if mentor:
        MentorFactory.create(user=user, areas=["Sales"], **changes)
    else:
        MenteeFactory.create(user=user, company="")
    return user
