from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.forms.models import model_to_dict

from sync.management.commands._comparing import ComparingCommand
from sync.reconcile.models import ReconcileRun

# What is equal, on its way, or was only looked at.
_FINE = ("records", "same", "on_its_way")


class Command(ComparingCommand):
    help = "Compare every record with what is here, and heal what differs; --dry-run only says it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Say it, change nothing.")
        parser.add_argument("--json", action="store_true", help="For machines.")
        parser.add_argument("--table", help="Only this table, by its Airtable name.")
        parser.add_argument(
            "--allow-deletions",
            action="store_true",
            help="Also where more than a twentieth of a table is gone from Airtable.",
        )

    def work(self, **options: Any) -> None:
        run = self.compare(
            purpose=ReconcileRun.Purpose.ASKED,
            dry_run=options["dry_run"],
            tables=self.tables(options["table"]),
            may_delete=options["allow_deletions"],
        )
        if options["json"]:
            self.stdout.write(json.dumps(as_json(run)))
        else:
            self._say(run)
        differing = sum(self._differing(run, table) for table in run.tables)
        if run.dry_run and differing:
            raise CommandError(f"{differing} differ. Nothing was changed.", returncode=1)
        if run.total("gone_there_left") or run.total("failed"):
            raise CommandError("Not everything could be healed; see above.", returncode=1)

    def _say(self, run: ReconcileRun) -> None:
        for table in run.tables:
            counts = run.counts(table)
            said = [f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count]
            self.stdout.write(f"{table}: {', '.join(said) or 'nothing there'}")
            if note := run.progress[table].get("note"):
                self.stdout.write(self.style.WARNING(f"  {note}"))
        self.differences(run)

    @staticmethod
    def _differing(run: ReconcileRun, table: str) -> int:
        return sum(count for name, count in run.counts(table).items() if name not in _FINE)


def as_json(run: ReconcileRun) -> dict[str, Any]:
    """The report for machines."""
    return {
        "run": run.pk,
        "dry_run": run.dry_run,
        "state": run.state,
        "tables": {
            table: {**run.counts(table), "note": run.progress[table].get("note", "")}
            for table in run.tables
        },
        "differences": [
            {
                **model_to_dict(row, exclude=["id", "run"]),
                "object_id": row.object_id and str(row.object_id),
            }
            for row in run.differences.order_by("pk")
        ],
    }
