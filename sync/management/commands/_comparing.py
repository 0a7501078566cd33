"""What `sync_reconcile` and `sync_backfill` share: one comparison, followed to its end."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from accounts.refusals import Refusal
from sync.management.commands._base import SyncCommand
from sync.reconcile import runs
from sync.reconcile.models import ReconcileDifference, ReconcileRun

_BAR = 24
_SHOWN = 50


class ComparingCommand(SyncCommand):
    """Begins a comparison, or goes on with one that was interrupted, and waits for its end."""

    def compare(
        self, *, purpose: str, dry_run: bool, tables: list[str] | None, may_delete: bool = False
    ) -> ReconcileRun:
        """The finished run."""
        self.base()
        try:
            run, is_new = runs.take_up(
                purpose=purpose,
                dry_run=dry_run,
                tables=tables,
                may_delete=may_delete,
                by="the command line",
                now=timezone.now(),
            )
        except Refusal as refusal:
            raise CommandError(str(refusal), returncode=2) from None
        if not is_new:
            self.stderr.write(f"Going on with what was begun at {run.asked_at:%Y-%m-%d %H:%M} UTC.")
        done = runs.carry_on(slice_=None, told=self._progress)
        if done is None:
            raise CommandError(
                "A worker is at it. How far it is stands in the admin.", returncode=2
            )
        if self.stderr.isatty():
            self.stderr.write("")
        return done

    def differences(self, run: ReconcileRun) -> None:
        """Print what differs, a line for each record and field."""
        rows = run.differences.order_by("pk")
        for row in rows[:_SHOWN]:
            self.stdout.write(f"  {line(row)}")
        more = rows.count() - _SHOWN
        if more > 0:
            self.stdout.write(f"  and {more} more, in the admin.")

    def _progress(self, run: ReconcileRun, table: str) -> None:
        if self.stderr.isatty():
            done = round(run.share * _BAR)
            bar = "#" * done + "." * (_BAR - done)
            records = run.total("records")
            self.stderr.write(
                f"[{bar}] {run.share:4.0%} {records} records, {table}   ", ending="\r"
            )


def line(row: ReconcileDifference) -> str:
    """A difference in words."""
    name = row.label or row.record_id or str(row.object_id)
    start = f"{row.table} / {name}: "
    if row.kind == ReconcileDifference.Kind.FIELD and row.field:
        text = f"{row.field} is {row.here!r} here and {row.there!r} in Airtable; {_becomes(row)}"
    else:
        text = row.get_kind_display().lower()
    return start + text + (f" ({row.note})" if row.note else "")


def _becomes(row: ReconcileDifference) -> str:
    sides: dict[str, Any] = {
        ReconcileDifference.Side.HERE: "Airtable's counts",
        ReconcileDifference.Side.AIRTABLE: "ours counts",
        ReconcileDifference.Side.NOBODY: "both stay",
    }
    return str(sides[row.side])
