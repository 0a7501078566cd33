from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from analytics import services


class Command(BaseCommand):
    help = "Compute the program's figures now. Nobody who reads them waits."

    def handle(self, *args: Any, **options: Any) -> None:
        services.order(by=None, now=timezone.now())
        done = services.carry_out(clock=timezone.now, told=self._say)
        if done is None:
            raise CommandError("Another process is computing them; look again in a minute.")
        assert done.started_at is not None
        assert done.ended_at is not None
        seconds = (done.ended_at - done.started_at).total_seconds()
        self.stdout.write(f"Done in {seconds:.1f} s.")

    def _say(self, what: str) -> None:
        if self.verbosity:
            self.stdout.write(f"{what} …")

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.verbosity = int(options.get("verbosity", 1))
        return super().execute(*args, **options)
