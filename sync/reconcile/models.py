"""A comparison of whole tables: how far it is, and what it found."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ReconcileRun(models.Model):
    """One comparison of the base with what is here, and where it stands.

    `progress` holds, per table, the place in the list (`offset`), its counts, and its state. A worker
    that dies leaves all of it; the next one goes on behind the last page that was dealt with.
    """

    class Purpose(models.TextChoices):
        NIGHT = "night", _("Every night")
        ASKED = "asked", _("Asked for")
        LOAD = "load", _("First load")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting for a worker")
        RUNNING = "running", _("Under way")
        DONE = "done", _("Done")
        FAILED = "failed", _("Given up")

    OPEN = (State.WAITING, State.RUNNING)

    base_id = models.CharField(max_length=32)
    purpose = models.CharField(max_length=8, choices=Purpose)
    dry_run = models.BooleanField(_("rehearsal"), default=False)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    may_delete = models.BooleanField(
        default=False,
        help_text=_("An operator has allowed it to withdraw more than a twentieth of a table."),
    )
    asked_by = models.CharField(max_length=120, blank=True, default="")
    asked_at = models.DateTimeField(default=timezone.now)
    began_at = models.DateTimeField(null=True, blank=True)
    active_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    tables = ArrayField(models.CharField(max_length=64), default=list)
    progress = models.JSONField(default=dict)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = _("comparison")
        constraints = [
            models.UniqueConstraint(
                fields=["base_id"],
                condition=Q(state__in=["waiting", "running"]),
                name="one_comparison_of_a_base_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running", "done", "failed"]),
                name="comparison_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=["night", "asked", "load"]),
                name="comparison_purpose_is_known",
            ),
        ]
        indexes = [models.Index(fields=["-asked_at"], name="comparisons_by_age")]

    def __str__(self) -> str:
        return f"Comparison of {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def is_open(self) -> bool:
        """Whether there is still something to do."""
        return self.state in self.OPEN

    def total(self, name: str) -> int:
        """One count, over all tables."""
        return sum(self.counts(table).get(name, 0) for table in self.progress)

    def counts(self, table: str) -> dict[str, int]:
        """What was counted in a table."""
        found: dict[str, int] = (self.progress.get(table) or {}).get("counts") or {}
        return found

    @property
    def share(self) -> float:
        """How much is done, 0 to 1, as far as the number of records that we know of tells."""
        places: list[dict[str, Any]] = [self.progress.get(table) or {} for table in self.tables]
        if not places:
            return float(not self.is_open)
        return sum(map(_share, places)) / len(places)


def _share(place: dict[str, Any]) -> float:
    if place.get("done"):
        return 1.0
    records: int = (place.get("counts") or {}).get("records", 0)
    expected: int = max(place.get("expected", 0), records + 100)
    return min(0.99, float(records) / expected)


class ReconcilePage(models.Model):
    """One page of records that was read. Kept until its table is finished: what is in no page is gone.

    In rows and not in a worker's memory, so that a comparison of any size stays small and can go on
    after a crash.
    """

    run = models.ForeignKey(ReconcileRun, on_delete=models.CASCADE, related_name="pages")
    table = models.CharField(max_length=64)
    record_ids = ArrayField(models.CharField(max_length=32))
    keys = ArrayField(models.TextField(), help_text=_("The Platform ID of each, or empty."))
    emails = ArrayField(models.TextField(), help_text=_("The address of each, or empty."))

    class Meta:
        indexes = [models.Index(fields=["run", "table"], name="pages_of_a_comparison")]

    def __str__(self) -> str:
        return f"{self.table}: {len(self.record_ids)} records"


class ReconcileDifference(models.Model):
    """One thing in which the two sides differed, and what was or would be done about it."""

    class Kind(models.TextChoices):
        FIELD = "field", _("Field differs")
        KEY = "key", _("Our columns differ")
        NEW_THERE = "new_there", _("Only in Airtable")
        NEW_HERE = "new_here", _("Only here")
        GONE_THERE = "gone_there", _("Gone from Airtable")
        GONE_HERE = "gone_here", _("Gone here")
        BACK_THERE = "back_there", _("Back in Airtable")
        DUPLICATE = "duplicate", _("Twice in Airtable")

    class Side(models.TextChoices):
        HERE = "here", _("Changed here")
        AIRTABLE = "airtable", _("Changed in Airtable")
        NOBODY = "nobody", _("Left as it is")

    run = models.ForeignKey(ReconcileRun, on_delete=models.CASCADE, related_name="differences")
    table = models.CharField(max_length=64)
    record_id = models.CharField(max_length=32, blank=True, default="")
    subject = models.CharField(max_length=32)
    object_id = models.UUIDField(null=True, blank=True)
    label = models.CharField(max_length=200, blank=True, default="")
    kind = models.CharField(max_length=12, choices=Kind)
    field = models.CharField(max_length=64, blank=True, default="")
    agreed = models.JSONField(null=True, blank=True)
    here = models.JSONField(null=True, blank=True)
    there = models.JSONField(_("in Airtable"), null=True, blank=True)
    side = models.CharField(max_length=8, choices=Side)
    note = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = _("difference")
        indexes = [
            models.Index(fields=["run", "table"], name="differences_of_a_comparison"),
            models.Index(fields=["object_id"], name="differences_of_an_object"),
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.record_id or self.object_id}: {self.field or self.kind}"
