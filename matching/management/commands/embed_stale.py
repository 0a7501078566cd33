from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from matching import embeddings, services
from matching.models import MentorIndex, WordIndex

ROUND = 50


class Command(BaseCommand):
    help = (
        "Index the profiles that changed: their words, and their vectors under the current model."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--all",
            action="store_true",
            help="Check every profile anew. Texts that did not change keep their vectors.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"]:
            # Only what says "up to date" is forgotten: search goes on with what is there.
            MentorIndex.objects.update(source_hash="")
            WordIndex.objects.update(source_hash="")
            services.count_frequencies()
        words = mentors = texts = 0
        while True:
            report = services.embed_stale(limit=ROUND, now=timezone.now())
            words += report.words
            mentors += report.mentors
            texts += report.texts
            if report.words or report.mentors:
                self._show(f"{words} profiles by words, {mentors} by meaning ({texts} texts) …")
            if report.is_finished:
                break
        self.stdout.write(
            f"Indexed {words} profiles by words and {mentors} by meaning ({texts} texts embedded)."
        )
        if report.problem:
            raise CommandError(f"Not all could be embedded. {report.problem}")
        services.have_vector_index(embeddings.backend(), say=self.stdout.write)

    def _show(self, line: str) -> None:
        """Progress on one line of a terminal; nothing elsewhere, where it would only fill a log."""
        if self.stderr.isatty():
            self.stderr.write(f"\r{line}", ending="")
            self.stderr.flush()
