"""What the sync commands share: a sentence and an exit code for everything that can go wrong."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sync import airtable
from sync.errors import AirtableError
from sync.guard import NotBound
from sync.mappings import BY_TABLE


class SyncCommand(BaseCommand):
    """Ends with 0 when done, 1 when something is not as it should be, 2 when it could not be tried."""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.work(**options)
        except NotBound as error:
            raise CommandError(str(error), returncode=2) from None
        except AirtableError as error:
            raise CommandError(f"Airtable: {error}", returncode=2) from None

    def work(self, **options: Any) -> None:
        """Do it."""
        raise NotImplementedError

    @staticmethod
    def base() -> airtable.Airtable:
        """The configured base."""
        base = airtable.connect()
        if base is None:
            raise CommandError(
                "No base is configured: set AIRTABLE_API_KEY and AIRTABLE_BASE_ID.", returncode=2
            )
        return base

    @staticmethod
    def tables(name: str | None) -> list[str] | None:
        """The tables meant by --table."""
        if name is None:
            return None
        if name not in BY_TABLE:
            raise CommandError(f"--table must be one of: {', '.join(BY_TABLE)}.", returncode=2)
        return [name]
