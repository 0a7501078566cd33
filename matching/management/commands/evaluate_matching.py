from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from matching.embeddings import EmbeddingUnavailable
from matching.evaluation import BadSet, evaluate, read_set, scratch_database
from matching.management.policy_argument import policy_argument


class Command(BaseCommand):
    help = "Measure retrieval and ranking on a labelled set, in a scratch database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", type=Path, help="With mentors.jsonl, queries.jsonl and qrels.tsv."
        )
        parser.add_argument(
            "--policy",
            default="",
            help="A name, name:version, or a JSON file of weights. Default: the published one.",
        )
        parser.add_argument(
            "--json", action="store_true", help="Print one JSON object, and nothing else."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            policy = policy_argument(options["policy"])
            labelled = read_set(options["folder"])
            with scratch_database():
                figures = evaluate(
                    labelled,
                    policy=policy,
                    cache=Path(settings.VAR_DIR) / "embedding-cache",
                    now=timezone.now(),
                    say=self._show,
                )
        except (BadSet, EmbeddingUnavailable) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. The scratch database is gone.", returncode=130) from None
        finally:
            self._show("")
        if options["json"]:
            self.stdout.write(json.dumps(figures.as_json()))
            return
        for name, value in figures.as_json().items():
            self.stdout.write(f"{name:10} {value}")

    def _show(self, line: str) -> None:
        """Progress on one line of a terminal; nothing elsewhere."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{line}", ending="")
            self.stderr.flush()
