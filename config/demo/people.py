"""The demo people: who signs in, who they are, and what they saved."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db.models import Q

from accounts import services
from accounts.models import ProgramSettings, User
from content.models import HelpPrompt, MessageTemplate
from mentors.models import Expertise, Mentee, Mentor, SavedMentor
from sessions_app.models import WeeklyHours

FOLDER = Path(__file__).parent
PASSWORD = "officehours-demo"  # noqa: S105  printed at every start: these sign-ins are loopback only
ALICE, BOB, CAROL = "alice@example.com", "bob@example.com", "carol@example.com"
# Their profiles have been there for a while, and their past hours with them.
HOURS_BEGAN = timedelta(weeks=9)

# Rows are known by ids made of their names, so that a row somebody renamed is still the same row.
_NAMESPACE = uuid.UUID("6f1b7a52-0d5e-4f0e-9a0c-6d0b8f5a3c11")


@dataclass
class Demo:
    """The demo people as they stand in the database, and what this run added."""

    mentors: dict[str, Mentor] = field(default_factory=dict)
    mentees: dict[str, Mentee] = field(default_factory=dict)
    mentor_records: dict[str, dict[str, Any]] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)

    def note(self, what: str, count: int) -> None:
        if count:
            self.added[what] = self.added.get(what, 0) + count


def demo_id(kind: str, name: object) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, f"{kind}:{name}")


def records(name: str) -> list[dict[str, Any]]:
    with (FOLDER / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def seed_people(*, now: datetime) -> Demo:
    """Add the demo people who are missing, with everything that belongs to a new one.

    What belongs to somebody who is already there is left as people made it.
    """
    mentors, mentees = records("mentors"), records("mentees")
    demo = Demo(mentor_records={record["email"]: record for record in mentors})
    carol = {"email": CAROL, "name": "Carol Nakamura", "time_zone": "Europe/London"}
    users = _users(
        [
            *((record, User.Role.MENTOR) for record in mentors),
            *((record, User.Role.MENTEE) for record in mentees),
            (carol, User.Role.PM),
        ],
        demo,
        now,
    )
    if not users[CAROL].groups.exists():
        services.set_role(user=users[CAROL], role=User.Role(users[CAROL].role))
    _mentors(mentors, users, demo, now)
    _mentees(mentees, users, demo, now)
    _program(demo)
    return demo


def _users(
    wanted: list[tuple[dict[str, Any], User.Role]], demo: Demo, now: datetime
) -> dict[str, User]:
    """Everyone by the e-mail of their record, whatever address they use by now."""
    ids = {demo_id("user", record["email"]): record["email"] for record, _role in wanted}
    found = User.objects.filter(Q(pk__in=ids) | Q(email__in=ids.values()))
    known = {ids.get(user.pk, user.email): user for user in found}
    chance = random.Random("people")  # noqa: S311  the same demo for everyone
    fresh = []
    for record, role in wanted:
        email = record["email"]
        joined = now - timedelta(days=chance.randint(70, 400), minutes=chance.randint(0, 1400))
        seen = now - timedelta(days=chance.expovariate(1 / 9), minutes=chance.randint(5, 600))
        if email in known:
            continue
        fresh.append(
            User(
                id=demo_id("user", email),
                email=email,
                name=record["name"],
                role=role,
                time_zone=record["time_zone"],
                language=record.get("language", "en"),
                photo_source=record.get("photo", ""),
                # The others sign in by e-mailed code, which the dev mailbox shows.
                password=make_password(PASSWORD if email in (ALICE, BOB, CAROL) else None),
                created_at=joined,
                last_seen_at=max(joined, seen),
            )
        )
    known |= {user.email: user for user in User.objects.bulk_create(fresh)}
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, primary=True, verified=True) for user in fresh
    )
    demo.note("people", len(fresh))
    return known


def _mentors(
    wanted: list[dict[str, Any]], users: dict[str, User], demo: Demo, now: datetime
) -> None:
    ids = {users[record["email"]].pk: record["email"] for record in wanted}
    demo.mentors = {
        ids[mentor.user_id]: mentor
        for mentor in Mentor.objects.select_related("user").filter(user_id__in=ids)
    }
    fresh = {
        record["email"]: Mentor(
            id=demo_id("mentor", record["email"]),
            user=users[record["email"]],
            **{name: record[name] for name in _PLAIN},
            booking_horizon_days=HORIZON_DAYS,
            consent_at=users[record["email"]].created_at,
            created_at=users[record["email"]].created_at,
        )
        for record in wanted
        if record["email"] not in demo.mentors
    }
    Mentor.objects.bulk_create(fresh.values())
    Expertise.objects.bulk_create(
        Expertise(mentor=mentor, **skill)
        for email, mentor in fresh.items()
        for skill in demo.mentor_records[email]["expertise"]
    )
    WeeklyHours.objects.bulk_create(
        row for email, mentor in fresh.items() for row in _hours(mentor, demo, email, now)
    )
    demo.mentors |= fresh
    demo.note("mentors", len(fresh))


# How far ahead their hours are made; with a year of them everything would take long to start.
HORIZON_DAYS = 28
_PLAIN = (
    "headline", "bio", "company", "title", "industries", "stages", "languages", "linkedin",
    "visibility", "weekly_load_cap", "session_minutes",
)  # fmt: skip


def _hours(mentor: Mentor, demo: Demo, email: str, now: datetime) -> Iterator[WeeklyHours]:
    for hours in demo.mentor_records[email]["hours"]:
        yield WeeklyHours(
            mentor=mentor,
            weekday=hours["weekday"],
            starts=time.fromisoformat(hours["start"]),
            ends=time.fromisoformat(hours["end"]),
            capacity=hours["capacity"],
            starts_on=(now - HOURS_BEGAN).date(),
        )


def _mentees(
    wanted: list[dict[str, Any]], users: dict[str, User], demo: Demo, now: datetime
) -> None:
    ids = {users[record["email"]].pk: record["email"] for record in wanted}
    demo.mentees = {
        ids[mentee.user_id]: mentee
        for mentee in Mentee.objects.select_related("user").filter(user_id__in=ids)
    }
    fresh = {
        record["email"]: Mentee(
            id=demo_id("mentee", record["email"]),
            user=users[record["email"]],
            **{name: record[name] for name in ("company", "stage", "industry", "goals", "seeks")},
            consent_at=users[record["email"]].created_at,
            created_at=users[record["email"]].created_at,
        )
        for record in wanted
        if record["email"] not in demo.mentees
    }
    Mentee.objects.bulk_create(fresh.values())
    demo.mentees |= fresh
    demo.note("mentees", len(fresh))
    SavedMentor.objects.bulk_create(
        saved for mentee in fresh.values() for saved in _saved(mentee, demo, now)
    )


def _saved(mentee: Mentee, demo: Demo, now: datetime) -> Iterator[SavedMentor]:
    chance = random.Random(f"saved by {mentee.pk}")  # noqa: S311
    count = 3 if mentee.pk == demo_id("mentee", ALICE) else chance.choice((0, 0, 1, 2, 4))
    # Bob is left for Alice to find.
    for mentor in chance.sample([m for email, m in demo.mentors.items() if email != BOB], count):
        yield SavedMentor(
            mentee=mentee, mentor=mentor, saved_at=now - timedelta(hours=chance.randint(20, 900))
        )


def _program(demo: Demo) -> None:
    _settings, created = ProgramSettings.objects.get_or_create(
        pk=1, defaults={"name": "Office Hours", "support_email": CAROL}
    )
    demo.note("program settings", int(created))
    _help_prompts(demo)
    _message_templates(demo)


def _help_prompts(demo: Demo) -> None:
    wanted = records("help_prompts")
    known = {
        key
        for pk, category, topic in HelpPrompt.objects.values_list("pk", "category", "topic")
        for key in (pk, (category.lower(), topic.lower()))
    }
    prompts = [HelpPrompt(id=demo_id("help", record["topic"]), **record) for record in wanted]
    fresh = [
        prompt
        for prompt in prompts
        if prompt.pk not in known and (prompt.category.lower(), prompt.topic.lower()) not in known
    ]
    HelpPrompt.objects.bulk_create(fresh)
    demo.note("help prompts", len(fresh))


def _message_templates(demo: Demo) -> None:
    """Other words for some messages, inactive: for a PM to switch on, here or in Airtable."""
    known = {
        key
        for pk, name, channel in MessageTemplate.objects.values_list("pk", "name", "channel")
        for key in (pk, (name.lower(), channel))
    }
    templates = [
        MessageTemplate(id=demo_id("template", record["name"]), **record)
        for record in records("message_templates")
    ]
    fresh = [
        template
        for template in templates
        if template.pk not in known and (template.name.lower(), template.channel) not in known
    ]
    MessageTemplate.objects.bulk_create(fresh)
    demo.note("message templates", len(fresh))
