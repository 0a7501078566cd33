from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync import guard, schema, services
from sync.management.commands._base import SyncCommand


class Command(SyncCommand):
    help = "Compare the base with what is expected; with --create add what is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--create", action="store_true", help="Create missing tables and fields."
        )

    def work(self, **options: Any) -> None:
        base = self.base()
        if options["create"]:
            guard.check()
            gaps = services.create_missing_schema(base)
        else:
            gaps = list(schema.gaps(base.schema(fresh=True)))
        for gap in gaps:
            self.stdout.write(
                f"{gap.table}{f' / {gap.field}' if gap.field else ''}: {gap.sentence}"
            )
        if gaps:
            hint = (
                "" if options["create"] else " With --create, missing tables and fields are made."
            )
            raise CommandError(f"The base does not fit in {len(gaps)} places.{hint}", returncode=1)
        self.stdout.write("The base fits.")
