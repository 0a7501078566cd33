from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from sync import webhooks
from sync.locks import only_one
from sync.management.commands._base import SyncCommand


class Command(SyncCommand):
    help = "Register the webhook through which Airtable reports changes to a given address."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url", required=True, help="The site's public address, or the endpoint itself."
        )

    def work(self, **options: Any) -> None:
        base = self.base()
        url = str(options["url"]).rstrip("/")
        if not url.startswith(("https://", "http://")):
            raise CommandError("--url must start with https:// or http://.", returncode=2)
        if not url.endswith(webhooks.PATH):
            url += webhooks.PATH
        with only_one(f"engine:{base.base_id}", patience=60) as mine:
            if not mine:
                raise CommandError("A worker is busy with the base; try again.", returncode=2)
            found = webhooks.live(base.base_id)
            if found is not None and found.notification_url == url:
                self.stdout.write(f"Webhook {found.webhook_id} reports to {url} already.")
                return
            made = webhooks.replace(base, url, now=timezone.now())
            made.is_pinned = True
            made.save(update_fields=["is_pinned"])
        self.stdout.write(f"Webhook {made.webhook_id} reports to {url}.")
