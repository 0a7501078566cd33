from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from sync import limiter, services
from sync.management.commands._base import SyncCommand
from sync.mappings import BY_TABLE


class Command(SyncCommand):
    help = "Send again what Airtable refused, as the objects are now, and end a hold."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--table", help="Only this table, by its Airtable name.")

    def work(self, **options: Any) -> None:
        tables = self.tables(options["table"])
        subject = BY_TABLE[tables[0]].subject if tables else None
        self.base()
        count = services.replay(subject=subject)
        limiter.for_base().release()
        self.stdout.write(f"{count} queued again." if count else "There is nothing to replay.")
