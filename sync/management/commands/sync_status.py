from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from sync import selectors
from sync.management.commands._base import SyncCommand


class Command(SyncCommand):
    help = "Say how the synchronisation with Airtable is doing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="For machines.")

    def work(self, **options: Any) -> None:
        status = selectors.status(now=timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps(status))
            return
        lag, inbound = status["lag_seconds"], status["inbound"]
        self.stdout.write(f"Waiting to be sent:  {status['backlog']}")
        for table, count in selectors.backlog_by_table().items():
            if count:
                self.stdout.write(f"  {table}: {count}")
        self.stdout.write(f"Oldest of these:     {status['oldest_seconds']:.0f} s")
        self.stdout.write(f"Refused by Airtable: {status['dead']}")
        for row in selectors.dead_letters()[:20]:
            self.stdout.write(f"  {row.subject} {row.object_id}: {row.last_error}")
        self.stdout.write(f"Conflicts today:     {status['conflicts']}")
        self.stdout.write(f"Requests this hour:  {status['requests_last_hour']}")
        self.stdout.write(
            f"Lag p50/p95/p99:     {lag['p50']} / {lag['p95']} / {lag['p99']} seconds"
        )
        self.stdout.write(
            f"Received, unapplied: {inbound['backlog']}; last read {inbound['last_success_at']}"
        )
        self.stdout.write(f"Success today:       {status['success_rate']:.2%}")
        if status["paused"]:
            self.stdout.write(self.style.WARNING(f"Nothing is sent. {status['paused']}"))
