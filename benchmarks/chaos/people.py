"""Who is there before anything goes wrong."""

from __future__ import annotations

from accounts.models import User
from benchmarks.chaos import words
from benchmarks.chaos.here import Here
from benchmarks.chaos.ledger import BOTH
from content.models import HelpPrompt, MessageTemplate
from mentors.models import Expertise, Mentee, Mentor
from sessions_app.models import AvailabilityWindow
from sync.mappings import REGISTRY

# More than a hundred, so that a pasted column is a bulk change (a page holds a hundred).
MENTORS, MENTEES, WINDOWS, WRITTEN = 104, 30, 40, 5


def move_in(hours: words.Hours) -> None:
    """Mentors, mentees, hours, templates and prompts, on our side alone."""
    now = hours.began_at
    mentors = [
        Mentor(
            user=_user(f"mentor{number}", User.Role.MENTOR),
            headline=f"Helps with problem {number}",
            industries=["Fintech"],
            consent_at=now,
            weekly_load_cap=20,
        )
        for number in range(MENTORS)
    ]
    mentees = [
        Mentee(user=_user(f"mentee{number}", User.Role.MENTEE), company="Acorn", consent_at=now)
        for number in range(MENTEES)
    ]
    User.objects.bulk_create([mentor.user for mentor in mentors])
    User.objects.bulk_create([mentee.user for mentee in mentees])
    Mentor.objects.bulk_create(mentors)
    Mentee.objects.bulk_create(mentees)
    Expertise.objects.bulk_create(Expertise(mentor=mentor, area="Sales") for mentor in mentors)
    for mentor in mentors[:WINDOWS]:
        starts, ends = hours.next(str(mentor.pk))
        AvailabilityWindow.objects.create(
            mentor=mentor, starts_at=starts, ends_at=ends, capacity=2, location="Online"
        )
    for number in range(WRITTEN):
        MessageTemplate.objects.create(name=f"Message {number}", subject="Hello", body="World")
        HelpPrompt.objects.create(category="Help", topic=f"Topic {number}", response="Ask.")


def _user(name: str, role: str) -> User:
    return User(
        email=f"{name}@example.com", name=name.title(), role=role, time_zone="UTC", password="!"
    )


def note_all(here: Here) -> None:
    """Write down what everything says before the first edit."""
    for mapping in REGISTRY:
        for object_id in mapping.objects().values_list("pk", flat=True):
            here.made(mapping.subject, object_id, side=BOTH)
