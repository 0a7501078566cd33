"""What people do here: through the services that our pages use, and sometimes past them, in SQL."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping as MappingType
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from accounts.models import User
from accounts.refusals import Refusal
from benchmarks.chaos import words
from benchmarks.chaos.ledger import HERE, WHOLE_ROW, Ledger
from content.models import HelpPrompt, MessageTemplate
from content.services import save_prompt
from mentors import services as people
from mentors.models import Mentee, Mentor, SavedMentor
from sessions_app import services
from sessions_app.models import AvailabilityWindow, Session
from sync.mappings import BY_SUBJECT, TEMPLATE, WINDOW, Mapping
from sync.mappings.base import arguments
from sync.records import local_values

Values = MappingType[str, Any]


def write(mapping: Mapping, object_id: UUID, values: Values) -> None:
    """Change an object as its page would. Raises a Refusal."""
    _WRITERS[mapping.subject](mapping, object_id, values)


def _mentor(mapping: Mapping, object_id: UUID, values: Values) -> None:
    mentor = Mentor.objects.select_related("user").get(pk=object_id)
    people.update_profile(mentor_id=object_id, changes=arguments(mapping, values), by=mentor.user)


def _mentee(mapping: Mapping, object_id: UUID, values: Values) -> None:
    mentee = Mentee.objects.select_related("user").get(pk=object_id)
    people.update_mentee(mentee_id=object_id, changes=arguments(mapping, values), by=mentee.user)


def _window(mapping: Mapping, object_id: UUID, values: Values) -> None:
    window = AvailabilityWindow.objects.select_related("mentor__user").get(pk=object_id)
    if not window.is_active:
        raise Refusal("It was withdrawn.")
    wanted = arguments(mapping, values)
    services.save_window(
        mentor_id=window.mentor_id,
        window_id=object_id,
        starts_at=wanted.get("starts_at", window.starts_at),
        ends_at=wanted.get("ends_at", window.ends_at),
        capacity=wanted.get("capacity", window.capacity),
        location=wanted.get("location", window.location),
        by=window.mentor.user,
        clock=timezone.now,
    )


def _template(mapping: Mapping, object_id: UUID, values: Values) -> None:
    services.save_template(template_id=object_id, changes=arguments(mapping, values))


def _prompt(mapping: Mapping, object_id: UUID, values: Values) -> None:
    save_prompt(prompt_id=object_id, changes=arguments(mapping, values))


def _session(mapping: Mapping, object_id: UUID, values: Values) -> None:
    """No page does this: an operator's SQL, which the triggers see all the same."""
    Session.objects.filter(pk=object_id).update(goal=values["Goal"])


_WRITERS = {
    "mentor": _mentor,
    "mentee": _mentee,
    "window": _window,
    "template": _template,
    "prompt": _prompt,
    "session": _session,
}


class Here:
    """The people on our side."""

    def __init__(self, chance: random.Random, ledger: Ledger, hours: words.Hours) -> None:
        self._chance = chance
        self._ledger = ledger
        self._hours = hours
        self._made = 0

    def any_of(self, mapping: Mapping) -> Any:
        """Some object of the kind that has a record by rights; None if there is none."""
        ids = list(mapping.objects().values_list("pk", flat=True))
        for _ in range(5 if ids else 0):
            found = mapping.objects().filter(pk=self._chance.choice(ids)).first()
            if found is not None and mapping.present(found) and mapping.alive(found):
                return found
        return None

    def edit(self) -> None:
        """One to three fields of one object."""
        mapping = BY_SUBJECT[self._chance.choice(_OFTEN)]
        found = self.any_of(mapping)
        if found is None:
            return
        makers = words.BOTH_SIDES[mapping.subject]
        names = self._chance.sample(sorted(makers), min(len(makers), self._chance.randint(1, 3)))
        number = len(self._ledger.edits) + 1
        values = {name: makers[name](self._chance, number) for name in names}
        self.set(mapping, found, values, how="edited")

    def move_window(self) -> None:
        """Other times for some hours."""
        window = self.any_of(WINDOW)
        if window is not None:
            starts, ends = self._hours.next(str(window.mentor_id))
            values = {"Starts": words.moment(starts), "Ends": words.moment(ends)}
            self.set(WINDOW, window, values, how="moved")

    def set(self, mapping: Mapping, found: Any, values: Values, *, how: str) -> None:
        """Write values that differ, and note them."""
        now = local_values(mapping, found).values
        changes = {name: value for name, value in values.items() if now.get(name) != value}
        if changes:
            at = time.time()
            write(mapping, found.pk, changes)
            self._ledger.note(HERE, mapping.subject, changes, at=at, how=how, object_id=found.pk)

    def fill_down(self) -> None:
        """Everybody's title at once, in one statement past all services."""
        number, at = len(self._ledger.edits) + 1, time.time()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE mentors_mentor SET title = %s || left(id::text, 8) RETURNING id, title",
                [f"E{number} bulk "],
            )
            rows = cursor.fetchall()
        for object_id, title in rows:
            values = {"Title": title}
            self._ledger.note(HERE, "mentor", values, at=at, how="bulk", object_id=object_id)

    # Coming

    def create(self) -> None:
        """A person, hours, a template or a prompt."""
        self._made += 1
        make = self._chance.choice(
            (self.mentor, self.mentee, self.window, self.window, self.template, self.prompt)
        )
        make()

    def mentor(self) -> None:
        """A mentor, with some expertise."""
        number = self._next()
        made = people.admit_mentor(
            email=f"here{number}@example.com",
            name=f"Mentor Here{number}",
            changes={"headline": f"Helps since {number}", "expertise_areas": ["Sales"]},
            now=timezone.now(),
        )
        self.made("mentor", made.pk)

    def mentee(self) -> None:
        """A mentee."""
        number = self._next()
        made = people.admit_mentee(
            email=f"founder{number}@example.com",
            name=f"Founder Here{number}",
            changes={"company": f"Acorn {number}"},
            now=timezone.now(),
        )
        self.made("mentee", made.pk)

    def window(self) -> None:
        """Hours of some mentor."""
        mentor = self.any_of(BY_SUBJECT["mentor"])
        if mentor is None:
            return
        starts, ends = self._hours.next(str(mentor.pk))
        made = services.save_window(
            mentor_id=mentor.pk, starts_at=starts, ends_at=ends, capacity=2, location="",
            by=mentor.user, clock=timezone.now,
        )  # fmt: skip
        self.made("window", made.pk)

    def template(self) -> None:
        """Words for a message of a name of its own."""
        made = services.save_template(
            template_id=None,
            changes=arguments(
                TEMPLATE,
                {"Template Name": f"Here {self._next()}", "Channel Type": "email", "Subject": "Hi"},
            ),
        )
        self.made("template", made.pk)

    def prompt(self) -> None:
        """A question of the help page."""
        changes = {"category": "Chaos", "topic": f"Here {self._next()}", "response": "Ask."}
        self.made("prompt", save_prompt(prompt_id=None, changes=changes).pk)

    def book(self) -> None:
        """A seat in somebody's hours."""
        window, mentee = self.any_of(WINDOW), self.any_of(BY_SUBJECT["mentee"])
        if window is not None and mentee is not None:
            made = services.book_session(
                mentor_id=window.mentor_id, mentee=mentee, starts_at=window.starts_at,
                by=mentee.user, clock=timezone.now, goal=f"Goal {self._next()}",
            )  # fmt: skip
            self.made("session", made.pk)

    def save(self) -> None:
        """A mentor on somebody's list."""
        mentor, mentee = self.any_of(BY_SUBJECT["mentor"]), self.any_of(BY_SUBJECT["mentee"])
        if mentor is not None and mentee is not None:
            made = people.save_mentor(mentee=mentee, mentor_id=mentor.pk, now=timezone.now())
            self.made("saved", made.pk)

    def made(self, subject: str, object_id: UUID, *, side: str = HERE) -> None:
        """Note an object that has come to be, with all it says."""
        mapping = BY_SUBJECT[subject]
        found = mapping.objects().get(pk=object_id)
        values = {
            name: value
            for name, value in local_values(mapping, found).values.items()
            if not mapping.by_name[name].links
        }
        self._ledger.note(side, subject, values, at=time.time(), how="made", object_id=object_id)

    def _next(self) -> int:
        return len(self._ledger.edits) + 1

    # Going

    def remove(self) -> None:
        """Hours withdrawn, a session cancelled, a mentor taken off a list, a template thrown away."""
        self._chance.choice((self._withdraw, self._cancel, self._unsave, self._throw_away))()

    def _withdraw(self) -> None:
        window = self.any_of(WINDOW)
        if window is not None:
            at = time.time()
            services.withdraw_window(
                window_id=window.pk,
                by=User.objects.get(mentor=window.mentor_id),
                clock=timezone.now,
            )
            self._gone("window", window.pk, at)

    def _cancel(self) -> None:
        session = Session.objects.filter(status="booked").order_by("?").first()
        if session is not None:
            at = time.time()
            user = User.objects.get(mentee=session.mentee_id)
            services.cancel_session(
                session_id=session.pk, by=user, reason="Something came up.", clock=timezone.now
            )
            values = {"Status": "Cancelled"}
            self._ledger.note(HERE, "session", values, at=at, how="cancelled", object_id=session.pk)

    def _unsave(self) -> None:
        saved = SavedMentor.objects.select_related("mentee").order_by("?").first()
        if saved is not None:
            at = time.time()
            people.unsave_mentor(mentee=saved.mentee, mentor_id=saved.mentor_id, now=timezone.now())
            self._gone("saved", saved.pk, at)

    def _throw_away(self) -> None:
        model = self._chance.choice((MessageTemplate, HelpPrompt))
        subject = "template" if model is MessageTemplate else "prompt"
        found = self.any_of(BY_SUBJECT[subject])
        if found is not None:
            pk, at = found.pk, time.time()
            found.delete()
            self._gone(subject, pk, at)

    def _gone(self, subject: str, object_id: UUID, at: float) -> None:
        self._ledger.note(
            HERE, subject, {WHOLE_ROW: None}, at=at, how="removed", object_id=object_id
        )


_OFTEN = (
    "mentor", "mentor", "mentor", "mentor", "mentee", "mentee", "window", "window", "template",
    "prompt", "session",
)  # fmt: skip
