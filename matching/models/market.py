from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class MarketRun(models.Model):
    """A simulation that somebody ordered, and what came of it (see matching/simulator).

    The policies' weights are kept as they were when it was ordered: a draft may be edited afterwards.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    # What may still be played or stopped.
    OPEN = (State.WAITING, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scenario = models.TextField(_("assumptions"))
    policies = models.JSONField()  # weights by label
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    progress = models.CharField(max_length=200, blank=True)
    result = models.JSONField(null=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(_("ordered at"), default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running", "done", "stopped", "failed"]),
                name="market_run_state_is_known",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(result__isnull=False),
                name="a_market_run_that_is_done_has_a_result",
            ),
        ]
        indexes = [
            # The worker's question.
            models.Index(
                fields=["created_at"],
                condition=Q(state__in=["waiting", "running"]),
                name="market_runs_to_play",
            )
        ]

    def __str__(self) -> str:
        return f"Run of {self.created_at:%Y-%m-%d %H:%M} UTC"


class MarketPicture(models.Model):
    """A plot of a run, kept with it: worker and web need not share a disk."""

    run = models.ForeignKey(MarketRun, on_delete=models.CASCADE, related_name="pictures")
    name = models.SlugField(max_length=20)
    png = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="a_run_has_each_picture_once")
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.run_id}"
