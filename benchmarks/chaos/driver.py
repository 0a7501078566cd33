"""A chaos run: edits on both sides while things go wrong, then quiet, then the reckoning."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.core.management import call_command
from django.db import IntegrityError, connections
from django.utils import timezone

from accounts.refusals import Refusal
from benchmarks.chaos import people, words
from benchmarks.chaos.base import Base, Json, Refused
from benchmarks.chaos.checks import Checks, Violation
from benchmarks.chaos.faults import Mishaps
from benchmarks.chaos.here import Here
from benchmarks.chaos.ledger import Ledger
from benchmarks.chaos.stage import Stage
from benchmarks.chaos.there import There
from sync import services
from sync.models import InboundChange, OutboxRow, RecordLink, SyncConflict
from sync.reconcile import runs
from sync.reconcile.models import ReconcileDifference, ReconcileRun

ACTS_A_SECOND = 2.5
FAULT_EVERY = 4.5  # seconds
# Within this the first load must be done, and quiet must be had after the last edit.
PATIENCE = 600.0
# A pause after a failure grows to minutes. Once all is well again nobody need sit through it.
SITS_THROUGH = 30.0
# A comparison takes for deleted only what was agreed a minute before it began.
DELETED_FOR = 65.0


class NeverQuiet(Exception):
    """The engine did not come to rest. Says what was left."""


class Run:
    """One run, from an empty deployment to the verdict."""

    def __init__(self, stage: Stage, *, seed: int, seconds: float) -> None:
        self._chance = random.Random(seed)
        self._stage = stage
        self._seconds = seconds
        self._base = Base(stage.base, site=stage.site)
        self._hours = words.Hours()
        self._ledger = Ledger()
        self._here = Here(self._chance, self._ledger, self._hours)
        self._there = There(self._chance, self._ledger, self._hours, self._base)
        self._is_full = seconds > 240
        self._mishaps = Mishaps(
            self._chance, self._base, stage, self._there, is_patient=self._is_full
        )
        self._acts: Counter[str] = Counter()
        self.violations: list[Violation] = []
        self.requests: list[Json] = []
        self.figures: dict[str, Any] = {"seed": seed, "seconds of edits": round(seconds)}

    def run(self) -> dict[str, Any]:
        """The figures; `violations` says what was not as it must be."""
        began = time.monotonic()
        call_command("migrate", verbosity=0, interactive=False)
        people.move_in(self._hours)
        self._stage.start()
        self._wait(self._base.is_up, "The sandbox does not answer.")
        self._mishaps.settle_habits()
        self._wait(self._is_loaded, "The first load is not done.")
        self._come_to_rest()
        people.note_all(self._here)
        _say(f"loaded after {time.monotonic() - began:.0f} s; seed {self.figures['seed']}")
        self._edit_until(time.monotonic() + self._seconds)
        happened = self._mishaps.end()
        began = time.monotonic()
        self._come_to_rest()
        self.figures["seconds until quiet"] = round(time.monotonic() - began)
        self._compare(happened)
        self._judge()
        return self.figures

    # Edits and faults

    def _edit_until(self, end: float) -> None:
        began = time.monotonic()
        count = int((end - began) / FAULT_EVERY)
        # The last tenth is without new ones, so that their effects meet edits too.
        moments = sorted(self._chance.uniform(1, 0.9 * (end - began)) for _ in range(count))
        faults = list(zip(moments, self._mishaps.plan(count), strict=True))
        bulk = [0.3 * (end - began), 0.6 * (end - began)]
        while (now := time.monotonic()) < end:
            while faults and now - began > faults[0][0]:
                self._fault(faults.pop(0)[1])
            if bulk and now - began > bulk[0]:
                self._try(self._there.paste if len(bulk) % 2 else self._here.fill_down)
                bulk.pop(0)
            self._act()
            self._stage.keep_beat()
            time.sleep(self._chance.expovariate(ACTS_A_SECOND))

    def _fault(self, kind: str) -> None:
        self._mishaps.happen(kind)
        _say(f"{kind}")
        # Ours was cut as well, where it was the database.
        connections.close_all()

    def _act(self) -> None:
        here, there = self._here, self._there
        acts: dict[Callable[[], None], float] = {
            there.edit: 20, here.edit: 16, there.duel: 8, there.edit_in_vain: 4,
            there.move_window: 3, here.move_window: 3, there.create: 5, here.create: 4,
            there.copy: 3, there.mend_copy: 3, there.delete: 2, here.remove: 3, here.book: 4,
            here.save: 2, there.cancel: 1, there.repeat_post: 2,
            there.paste: 0.1, here.fill_down: 0.1,
        }  # fmt: skip
        self._try(self._chance.choices(list(acts), list(acts.values()))[0])

    def _try(self, act: Callable[[], None]) -> None:
        name = f"{type(act.__self__).__name__} {act.__name__}".lower()  # type: ignore[attr-defined]
        try:
            act()
        except (Refusal, Refused, ObjectDoesNotExist, IntegrityError) as refused:
            self._acts[f"{name}: refused"] += 1
            if isinstance(refused, Refused):
                _say(f"{name}: {refused}")
        else:
            self._acts[name] += 1

    # Quiet

    def _is_loaded(self) -> bool:
        return RecordLink.objects.count() >= 1 and not OutboxRow.objects.exists()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + PATIENCE
        while not condition():
            if self._stage.ended():
                raise NeverQuiet(f"Ended by itself: {', '.join(self._stage.ended())}.")
            if time.monotonic() > until:
                raise NeverQuiet(what)
            time.sleep(0.25)

    def _come_to_rest(self) -> None:
        """Until nothing is left to read, to apply or to send, twice in a row."""
        began, quiet = time.monotonic(), 0
        while quiet < 2:
            self._stage.keep_beat()
            quiet = quiet + 1 if self._is_quiet() else 0
            if time.monotonic() - began > SITS_THROUGH:
                self._hurry()
            if time.monotonic() - began > PATIENCE:
                self.figures["not quiet"] = True
                return
            time.sleep(0.5)

    def _is_quiet(self) -> bool:
        if self._is_anything_left():
            return False
        received = services.pull()
        if received is None or received.stopped or received.payloads or received.records:
            return False
        return not self._is_anything_left()

    @staticmethod
    def _is_anything_left() -> bool:
        pending = OutboxRow.objects.filter(status=OutboxRow.Status.PENDING)
        return pending.exists() or InboundChange.objects.filter(applied_at=None).exists()

    @staticmethod
    def _hurry() -> None:
        """What an operator's "try again" does."""
        now = timezone.now()
        OutboxRow.objects.filter(status="pending", next_attempt_at__gt=now).exclude(
            error_kind=""
        ).update(next_attempt_at=now)
        InboundChange.objects.filter(applied_at=None, next_attempt_at__gt=now).update(
            next_attempt_at=now
        )

    # The reckoning

    def _compare(self, happened: int) -> None:
        """The nightly comparison heals what no webhook told; after it a rehearsal finds nothing."""
        if self._is_full:
            time.sleep(DELETED_FOR)
        healed = self._comparison(dry_run=False)
        self._come_to_rest()
        left = self._comparison(dry_run=True)
        # A person's row that somebody copied stays, with a message, until they settle it.
        copies = left.differences.filter(kind=ReconcileDifference.Kind.DUPLICATE, field="Email")
        found = left.differences.exclude(pk__in=copies.values("pk"))
        for row in found:
            self.violations.append(
                Violation(
                    "a comparison finds nothing",
                    f"{row.table}: {row.kind} {row.field}: agreed {row.agreed!r}, here {row.here!r}, "
                    f"there {row.there!r}; {row.note}",
                    row.subject, row.object_id, row.record_id,
                )
            )  # fmt: skip
        self.figures |= {
            "faults of requests that came to pass": happened,
            "healed by the nightly comparison": _by_kind(healed),
            "copies of people that it names": copies.count(),
            "left by it (wanted 0)": found.count(),
        }

    def _comparison(self, *, dry_run: bool) -> ReconcileRun:
        while runs.open_run() is not None:  # the night's own
            runs.carry_on(slice_=None)
            time.sleep(0.5)
        run = runs.begin(dry_run=dry_run, by="the chaos run", now=timezone.now())
        while run.is_open:
            if runs.carry_on(slice_=None) is None:
                time.sleep(0.5)
            run.refresh_from_db()
        return run

    def _judge(self) -> None:
        checks = Checks(self._base, self._ledger)
        self.violations += checks.run()
        most, log = self._base.most_in_a_second(), self._base.requests()
        self.requests = log
        refused = sum(entry["status"] == 429 for entry in log) - self._base.refusals_ordered
        if most > 5:
            self.violations.append(Violation("five requests a second", f"{most} in one"))
        if refused > 0:
            self.violations.append(Violation("five requests a second", f"{refused} answered 429"))
        self.figures |= {
            "acts": dict(sorted(self._acts.items())),
            "faults": dict(sorted(self._mishaps.happened.items())),
            "requests": len(log),
            "most requests in a second (at most 5)": most,
            "429 that were not ordered (wanted 0)": refused,
            "conflicts recorded": SyncConflict.objects.count(),
            "dead letters (wanted 0)": OutboxRow.objects.filter(status="dead").count(),
            **dict(sorted(checks.counts.items())),
            "rules broken": dict(Counter(violation.rule for violation in self.violations)),
            "violations (wanted 0)": len(self.violations),
        }

    @property
    def ledger(self) -> Ledger:
        """What was done."""
        return self._ledger


def _by_kind(run: ReconcileRun) -> dict[str, int]:
    rows = ReconcileDifference.objects.filter(run=run)
    return dict(
        Counter(f"{kind} {field}".strip() for kind, field in rows.values_list("kind", "field"))
    )


def _say(line: str) -> None:
    sys.stderr.write(f"{time.time():.2f} {line}\n")
    sys.stderr.flush()
