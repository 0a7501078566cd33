from __future__ import annotations

import secrets
import uuid
from typing import Final

import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import audited
from accounts.models import User

# After the start only the end is written. Who it was may be forgotten (a person erased).
KEEP_STARTED: Final = """
    IF TG_OP = 'DELETE' OR OLD.state = 'stopped' AND NEW.state <> 'stopped' OR NEW.state = 'draft' OR
        to_jsonb(NEW) - ARRAY['state', 'stopped_at', 'created_by_id', 'started_by_id', 'stopped_by_id']
        <> to_jsonb(OLD) - ARRAY['state', 'stopped_at', 'created_by_id', 'started_by_id', 'stopped_by_id']
    THEN
        RAISE EXCEPTION 'An experiment that was started stays as it was.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""

# A draft that people were shown in an experiment: its figures are about these weights and no others.
KEEP_SHOWN: Final = """
    IF to_jsonb(NEW) - ARRAY['state', 'created_by_id', 'published_by_id', 'published_at']
        <> to_jsonb(OLD) - ARRAY['state', 'created_by_id', 'published_by_id', 'published_at']
        AND EXISTS (
            SELECT FROM matching_experiment tried
            WHERE tried.state <> 'draft' AND OLD.id IN (tried.control_id, tried.treatment_id)
        )
    THEN
        RAISE EXCEPTION 'A policy that people were shown stays as it was.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""


def _seed() -> str:
    return secrets.token_hex(8)


class Experiment(models.Model):
    """Two policies compared on what mentees open and book. One runs at a time.

    The control is what everybody has; the treatment may take its place. What is compared, and how much
    must be seen before anything is concluded, is fixed at the start: `needed` counts requests with a
    vote, people or days, by kind (see matching/experiments).
    """

    class Kind(models.TextChoices):
        INTERLEAVING = "interleaving", _("One list of both: which do mentees prefer?")
        SWITCHBACK = "switchback", _("By day: does it fill the calendars?")
        AB = "ab", _("By person: what the other two cannot tell")

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        RUNNING = "running", _("Running")
        STOPPED = "stopped", _("Stopped")

    class Outcome(models.TextChoices):
        CLICK = "click", _("A mentor opened")
        BOOKING = "booking", _("A session booked")
        ACCEPTED = "accepted", _("A session booked and accepted")
        UNUSED = "unused", _("A session booked with a mentor who had none for 28 days")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80, unique=True)
    hypothesis = models.TextField(
        help_text=_("What you expect, and why. Nobody changes it afterwards.")
    )
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.INTERLEAVING)
    control = models.ForeignKey(
        "matching.MatchPolicy",
        on_delete=models.PROTECT,
        related_name="control_of",
        help_text=_("What all have now."),
    )
    treatment = models.ForeignKey(
        "matching.MatchPolicy",
        on_delete=models.PROTECT,
        related_name="treatment_of",
        help_text=_("What may replace it."),
    )
    outcome = models.CharField(
        _("decided by"), max_length=8, choices=Outcome, default=Outcome.CLICK
    )
    least_effect = models.FloatField(
        _("least effect worth knowing"),
        default=7.0,
        validators=[MinValueValidator(0.5), MaxValueValidator(40.0)],
        help_text=_("In percentage points. The smaller, the longer it takes."),
    )
    percent = models.PositiveSmallIntegerField(
        _("share of traffic"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("Percent of the requests (one list) or people who take part. By day: 100."),
    )
    time_zone = models.CharField(
        max_length=64, default="UTC", help_text=_("Where the program's day begins at midnight.")
    )
    wash_in_hours = models.PositiveSmallIntegerField(
        default=4,
        validators=[MaxValueValidator(12)],
        help_text=_(
            "By day: hours after a change that do not count, because they show the day before."
        ),
    )
    seed = models.CharField(max_length=32, default=_seed, editable=False)
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT, editable=False)
    needed = models.PositiveIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(null=True, editable=False)
    stopped_by = models.ForeignKey(
        User, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    stopped_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="running"), name="one_experiment_runs_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state="draft", started_at=None, stopped_at=None)
                | Q(state="running", started_at__isnull=False, stopped_at=None, needed__gte=1)
                | Q(state="stopped", started_at__isnull=False, stopped_at__isnull=False),
                name="experiment_state_is_known_and_dated",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["interleaving", "ab"]) | Q(kind="switchback", percent=100),
                name="experiment_kind_is_known_and_days_are_everybodys",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["click", "booking", "accepted", "unused"]),
                name="experiment_outcome_is_known",
            ),
            models.CheckConstraint(
                condition=Q(percent__gte=1, percent__lte=100, least_effect__gt=0),
                name="experiment_share_and_effect_are_in_their_range",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="keep_what_was_started",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.state <> 'draft'"),
                func=pgtrigger.Func(KEEP_STARTED),
            ),
            *audited(),
        ]

    def __str__(self) -> str:
        return self.name
