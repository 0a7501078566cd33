"""Puts a running product into the states that a walk over its pages wants to see.

`python -m tests.journeys.arrange` in the product's environment; prints addresses as JSON. Made by the
services, as people would have made them.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timedelta
from typing import Any

PASSWORD = "officehours-demo"


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.base"
    import django

    django.setup()
    sys.stdout.write(json.dumps(arrange()) + "\n")


def arrange() -> dict[str, str]:
    """The states, with the address of each."""
    from django.utils import timezone

    from accounts.models import User
    from sessions_app import services
    from sessions_app.models import AvailabilityWindow, Session
    from tests.hours import open_window
    from tests.line import book, cancel, full_hour, program, wait

    now = timezone.now()
    alice = User.objects.get(email="alice@example.com")
    program(self_service_hold_minutes=10, support_email="carol@example.com")
    person("nobody@example.com", "Nora Nobody", mentor=False)
    person("dora@example.com", "Dora Displaced")
    addresses = {}

    def free(days: int) -> datetime:
        """A full hour that many days ahead at which Alice, who has sessions of the demo, is free."""
        begins = (now + timedelta(days=days)).replace(hour=8, minute=0, second=0, microsecond=0)
        hers = Session.objects.filter(mentee=alice.mentee)
        while hers.filter(
            starts_at__lt=begins + timedelta(hours=1), ends_at__gt=begins - timedelta(hours=1)
        ).exists():
            begins += timedelta(hours=1)
        return begins

    def hours_of(mentor: Any, days: int, **window: Any) -> AvailabilityWindow:
        return open_window(mentor, starts_at=free(days), **{"hours": 0.5, **window})

    def past(mentor: Any, days: int) -> Session:
        """A session of Alice's that many days ago."""
        hours = hours_of(mentor, -days)
        return book(alice, hours, clock=lambda: hours.starts_at - timedelta(days=2))

    rated = past(person("pia@example.com", "Pia Past").mentor, 2)
    missed = past(person("abel@example.com", "Abel Absent").mentor, 1)
    services.finish_ended_sessions(now=now)
    services.report_absence(
        session_id=missed.pk, by=missed.mentor.user, side="mentee",
        clock=lambda: missed.ends_at + timedelta(hours=1),
    )  # fmt: skip
    addresses["to rate"] = f"/sessions/{rated.pk}/feedback/"
    addresses["missed"] = f"/sessions/{missed.pk}/"

    asks = person("ada@example.com", "Ada Approves", approves_bookings=True)
    pending = book(alice, hours_of(asks.mentor, 4))
    addresses["pending"] = f"/sessions/{pending.pk}/"
    group = person("gus@example.com", "Gus Group").mentor
    addresses["group"] = f"/sessions/{book(alice, hours_of(group, 6, capacity=5)).pk}/"
    called_off = book(alice, hours_of(person("cal@example.com", "Cal Off").mentor, 8))
    cancel(called_off)
    addresses["cancelled"] = f"/sessions/{called_off.pk}/"

    full = person("wendy@example.com", "Wendy Waited").mentor
    full_hour(full, starts_at=free(5))
    wait(alice, full)
    addresses["in line"] = f"/mentors/{full.pk}/"
    freed = person("otto@example.com", "Otto Offers").mentor
    _hours, session = full_hour(freed, starts_at=free(7))
    wait(alice, freed)
    cancel(session)
    addresses["offered"] = f"/mentors/{freed.pk}/"
    held = person("hal@example.com", "Hal Held").mentor
    hours = hours_of(held, 9, hours=2)
    services.hold_slot(
        mentor_id=held.pk, mentee=alice.mentee, starts_at=hours.starts_at, by=alice,
        clock=timezone.now,
    )  # fmt: skip
    addresses["held"] = f"/mentors/{held.pk}/?start={hours.starts_at:%Y-%m-%dT%H:%M:%SZ}"
    none = person("nils@example.com", "Nils Nothing").mentor
    addresses["no times"] = f"/mentors/{none.pk}/"

    dora = User.objects.get(email="dora@example.com").mentor
    book(User.objects.get(email="nobody@example.com"), open_window(dora, days=10))
    AvailabilityWindow.objects.filter(mentor=dora).update(is_active=False)
    return addresses


def person(email: str, name: str, *, mentor: bool = True, **changes: Any) -> Any:
    """Somebody who can sign in: a mentor, or a mentee who has told us nothing."""
    from allauth.account.models import EmailAddress

    from accounts import services
    from accounts.models import User
    from tests.factories import MenteeFactory, MentorFactory

    role = User.Role.MENTOR if mentor else User.Role.MENTEE
    user = User.objects.create_user(email, PASSWORD, name=name, time_zone="Europe/Berlin")
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
    services.set_role(user=user, role=role)
    if mentor:
        MentorFactory.create(user=user, areas=["Sales"], **changes)
    else:
        MenteeFactory.create(user=user, company="")
    return user


if __name__ == "__main__":
    main()
