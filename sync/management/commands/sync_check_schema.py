from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync import addresses, airtable, guard, schema, services
from sync.management.commands._base import SyncCommand
from sync.mappings import BY_TABLE


class Command(SyncCommand):
    help = "Compare the base with what is expected; with --create add what is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--create", action="store_true", help="Create missing tables and fields."
        )
        parser.add_argument(
            "--use",
            action="append",
            default=[],
            metavar="TABLE[/FIELD]=THERE",
            help="The table or field is called THERE in this base; a name or an id. Repeatable.",
        )

    def work(self, **options: Any) -> None:
        base = self.base()
        for wish in options["use"]:
            self._use(base, wish)
        if options["create"]:
            guard.check()
            gaps = services.create_missing_schema(base)
        else:
            gaps = services.check_schema()
        for gap in gaps:
            self.stdout.write(
                f"{gap.table}{f' / {gap.field}' if gap.field else ''}: {gap.sentence}"
            )
        lacking = [gap for gap in gaps if not gap.is_note]
        if lacking:
            hint = (
                "" if options["create"] else " With --create, missing tables and fields are made."
            )
            raise CommandError(
                f"The base does not fit in {len(lacking)} places.{hint}", returncode=1
            )
        self.stdout.write("The base fits.")

    def _use(self, base: airtable.Airtable, wish: str) -> None:
        ours, _, there = wish.partition("=")
        table, _, field = (part.strip() for part in ours.partition("/"))
        mapping = BY_TABLE.get(table)
        if mapping is None or (field and field not in {*mapping.by_name, *schema.OURS}):
            raise CommandError(
                f"--use {wish}: there is no {ours.strip()} among ours.", returncode=2
            )
        found = addresses.name(base.base_id, (table, field), base.schema(fresh=True), there.strip())
        if not found:
            raise CommandError(
                f"--use {wish}: the base has no {there.strip()} there.", returncode=2
            )
