"""Puts a running product into the states that a walk over its pages wants to see.

`python -m tests.journeys.arrange` in the product's environment; prints addresses as JSON. Made by the
services, as people would have made them.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
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

    def past(mentor: Any, days: int) -> Session:
        """A session of Alice's that many days ago."""
        begins = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
        hours = open_window(mentor, starts_at=begins, hours=0.5)
        return book(alice, hours, clock=lambda: begins - timedelta(days=2))

    rated, missed = past(person("pia@example.com", "Pia Past").mentor, 1), None
    missed = past(person("abel@example.com", "Abel Absent").mentor, 2)
    services.finish_ended_sessions(now=now)
    services.report_absence(
        session_id=missed.pk, by=missed.mentor.user, side="mentee",
        clock=lambda: missed.ends_at + timedelta(hours=1),
    )  # fmt: skip
    addresses["to rate"] = f"/sessions/{rated.pk}/feedback/"
    addresses["missed"] = f"/sessions/{missed.pk}/"

    asks = person("ada@example.com", "Ada Approves", approves_bookings=True)
    pending = book(alice, open_window(asks.mentor, days=4))
    addresses["pending"] = f"/sessions/{pending.pk}/"
    group = person("gus@example.com", "Gus Group").mentor
    addresses["group"] = f"/sessions/{book(alice, open_window(group, days=6, capacity=5)).pk}/"
    called_off = book(alice, open_window(person("cal@example.com", "Cal Off").mentor, days=8))
    cancel(called_off)
    addresses["cancelled"] = f"/sessions/{called_off.pk}/"

    full = person("wendy@example.com", "Wendy Waited").mentor
    full_hour(full, days=5)
    wait(alice, full)
    addresses["in line"] = f"/mentors/{full.pk}/"
    freed = person("otto@example.com", "Otto Offers").mentor
    _hours, session = full_hour(freed, days=7)
    wait(alice, freed)
    cancel(session)
    addresses["offered"] = f"/mentors/{freed.pk}/"
    held = person("hal@example.com", "Hal Held").mentor
    hours = open_window(held, days=9)
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
