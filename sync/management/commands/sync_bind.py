from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync import guard
from sync.management.commands._base import SyncCommand
from sync.models import BaseBinding


class Command(SyncCommand):
    help = "Let this deployment write to the configured base, in place of any other."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--yes",
            action="store_true",
            help="You have made sure that no other deployment writes there.",
        )

    def work(self, **options: Any) -> None:
        base = self.base()
        before = BaseBinding.objects.filter(base_id=base.base_id).first()
        tables = base.schema(fresh=True).tables  # a wrong key or base id shows here, not later
        if not options["yes"]:
            state = "bound already" if before else "not bound"
            raise CommandError(
                f"The base {base.base_id} ({len(tables)} tables) is {state}. From then on this "
                "deployment writes to it. If that is what you want, run again with --yes.",
                returncode=1,
            )
        guard.bind(by="sync_bind")
        self.stdout.write(
            f"Bound: this deployment writes to {base.base_id}. Next: sync_check_schema, then "
            "sync_backfill --dry-run."
        )
