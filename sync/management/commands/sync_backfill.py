from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from sync.management.commands._comparing import ComparingCommand
from sync.reconcile.models import ReconcileRun


class Command(ComparingCommand):
    help = "First load, both ways: read every record, then queue every object that has none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--table", help="Only this table, by its Airtable name.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Read and report, change nothing."
        )

    def work(self, **options: Any) -> None:
        run = self.compare(
            purpose=ReconcileRun.Purpose.LOAD,
            dry_run=options["dry_run"],
            tables=self.tables(options["table"]),
        )
        for table in run.tables:
            self.stdout.write(_sentence(run, table))
        self.differences(run)
        if run.dry_run:
            self.stdout.write("Nothing was changed.")


def _sentence(run: ReconcileRun, table: str) -> str:
    counts = run.counts(table)
    matched, admitted = counts.get("matched", 0), counts.get("admitted", 0)
    waiting, here = (
        counts.get("waiting", 0) + counts.get("still_waiting", 0),
        counts.get("only_here", 0),
    )
    would = "would be " if run.dry_run else ""
    known = counts.get("records", 0) - matched - admitted - waiting
    return (
        f"{table}: {counts.get('records', 0)} records, {known} linked before, {matched} {would}matched "
        f"with somebody here, {admitted} {would}taken in, {waiting} cannot be; "
        f"{here} objects {would}queued to be created there, {counts.get('duplicates', 0)} duplicates."
    )
