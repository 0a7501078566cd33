from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from sync import services
from sync.management.commands._base import SyncCommand


class Command(SyncCommand):
    help = "First load, both ways: read every record, then queue every object that has none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--table", help="Only this table, by its Airtable name.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Read and report, change nothing."
        )

    def work(self, **options: Any) -> None:
        self.base()
        dry_run = options["dry_run"]
        for found in services.backfill(
            tables=self.tables(options["table"]), dry_run=dry_run, progress=self._progress
        ):
            verb = "would be queued" if dry_run else "queued"
            unknown = "would be linked or admitted" if dry_run else "were unknown and are read"
            self.stdout.write(
                f"{found.table}: {found.records} records, {found.linked} linked before, "
                f"{found.unlinked} {unknown}; {found.to_create} objects {verb} to be created there."
            )
        if dry_run:
            self.stdout.write("Nothing was changed.")

    def _progress(self, table: str, records: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"{table}: {records} records read", ending="\r")
