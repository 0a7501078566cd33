from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from sync import health, selectors
from sync.management.commands._base import SyncCommand
from sync.selectors import Figures, Lag


class Command(SyncCommand):
    help = "Say how the synchronisation with Airtable is doing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="For machines.")

    def work(self, **options: Any) -> None:
        figures = selectors.figures(now=timezone.now())
        found = health.judge(figures)
        if options["json"]:
            state = {"healthy": found.healthy, "problems": [one.name for one in found.problems]}
            self.stdout.write(json.dumps({**selectors.as_json(figures), **state}))
            return
        for problem in found.problems:
            self.stdout.write(self.style.WARNING(f"{problem.sentence} See {problem.runbook}"))
        if not found.problems:
            self.stdout.write(found.sentence)
        self._figures(figures)

    def _figures(self, figures: Figures) -> None:
        self.stdout.write(f"Waiting to be sent:  {figures.backlog}")
        for table in figures.tables:
            if table.backlog:
                self.stdout.write(f"  {table.table}: {table.backlog}")
        self.stdout.write(f"Oldest of these:     {figures.oldest_seconds:.0f} s")
        self.stdout.write(f"Refused by Airtable: {figures.dead}")
        for row in selectors.dead_letters()[:20]:
            self.stdout.write(f"  {row.subject} {row.object_id}: {row.last_error}")
        self.stdout.write(f"Conflicts today:     {figures.conflicts}")
        month = figures.month
        self.stdout.write(
            f"Requests this hour:  {figures.requests_last_hour}; this month {month.used}, by its end "
            f"{'unknown' if month.forecast is None else f'about {month.forecast}'}, "
            f"allowed {month.budget or 'without limit'}"
        )
        for name, direction in (("Lag to Airtable", "out"), ("Lag from Airtable", "in")):
            self.stdout.write(
                f"{name + ':':<20} {_lag(figures.lag_lately[direction])} in 15 minutes, "
                f"{_lag(figures.lag_last_day[direction])} in a day"
            )
        self.stdout.write(f"Row to sign-in:      {_lag(figures.sign_in)} in seven days")
        read_at = figures.last_read_at
        self.stdout.write(
            f"Received, unapplied: {figures.inbound_backlog}; last read "
            f"{read_at.isoformat(timespec='seconds') if read_at else 'never'}"
        )
        self.stdout.write(f"Success today:       {figures.success_rate:.2%}")


def _lag(lag: Lag) -> str:
    if not lag.count:
        return "nothing"
    return f"p50 {lag.p50} s, p95 {lag.p95} s, p99 {lag.p99} s"
