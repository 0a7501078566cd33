"""Demo people, hours and history for a laptop; synthetic mentors for load work."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from config import environment
from config.demo import load
from config.demo.asked import seed_requests
from config.demo.hours import seed_hours
from config.demo.past import seed_sessions
from config.demo.people import ALICE, BOB, CAROL, PASSWORD, Demo, seed_people
from matching import embeddings, services as matching
from sessions_app import services as sessions

BATCH = 500


class Command(BaseCommand):
    help = "Add demo mentors, founders, hours, sessions and feedback. May be repeated."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--mentors",
            type=int,
            metavar="N",
            help="also have N synthetic mentors for load work (0 removes them)",
        )
        parser.add_argument(
            "--no-embed",
            action="store_false",
            dest="embed",
            help="leave the vectors to a worker",
        )

    def handle(self, *, mentors: int | None, embed: bool, **options: Any) -> None:
        refuse_outside_a_demo()
        if mentors is not None and not 0 <= mentors <= load.MOST:
            raise CommandError(f"--mentors takes 0 to {load.MOST:,}.")
        began = time.monotonic()
        now = timezone.now()
        # All or nothing: a run that broke off leaves no half of a person behind.
        with transaction.atomic():
            demo = seed_people(now=now)
            seed_hours(demo, now=now)
            seed_sessions(demo, now=now)
        while sessions.refresh_openings(now=now, limit=BATCH) == BATCH:
            pass
        added = ", ".join(f"{count} {what}" for what, count in demo.added.items())
        self._say(f"Demo data: added {added}." if added else "Demo data: nothing was missing.")
        if embed:
            self._embed()
            self._ask(demo, now)
        if mentors is not None:
            self._say(load.have_synthetic_mentors(mentors, now=now))
        if embed:
            matching.have_vector_index(embeddings.backend(), say=self._say)
        self._say(f"Sign in as {ALICE}, {BOB} or {CAROL} with {PASSWORD}")
        self._say(f"Took {time.monotonic() - began:.1f} s.")

    def _embed(self) -> None:
        profiles = 0
        while True:
            report = matching.embed_stale(limit=BATCH, now=timezone.now())
            profiles += report.mentors
            if report.problem:
                self._say(f"No vectors yet; search goes by words until then. {report.problem}")
            if report.is_finished:
                break
        if profiles:
            self._say(f"Embedded {profiles} profiles.")

    def _ask(self, demo: Demo, now: datetime) -> None:
        """Questions need the vectors: they are answered by the engine."""
        demo.added.clear()
        seed_requests(demo, now=now)
        for what, count in demo.added.items():
            self._say(f"Asked {count} {what}.")

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)


def refuse_outside_a_demo() -> None:
    """Everyone knows the password of these people, so they exist only where nobody else can come."""
    reason = None
    if not settings.DEBUG:
        reason = "DEBUG is off"
    elif not environment.is_loopback_url(settings.SITE_URL):
        reason = f"SITE_URL is {settings.SITE_URL}, which others can reach"
    elif settings.AIRTABLE_API_KEY and not environment.is_loopback_url(settings.AIRTABLE_API_URL):
        reason = f"a real base is connected ({settings.AIRTABLE_API_URL})"
    if reason:
        raise CommandError(
            f"Demo data is not for this deployment: {reason}. To set up a real program, run"
            " manage.py setup."
        )
