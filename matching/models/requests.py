"""What was asked, who was shown, and what was said of it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from matching.models.experiments import Experiment
from mentors.models import Mentor


class MatchRequest(models.Model):
    """What somebody asked for, and under which model and policy it was answered."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="match_requests")
    query = models.TextField()
    filters = models.JSONField(default=dict)
    model_id = models.CharField(max_length=80)
    policy = models.CharField(max_length=40)
    policy_version = models.PositiveIntegerField(db_default=0)
    # control, treatment, or both in one list; "" outside experiments.
    experiment = models.ForeignKey(
        Experiment, null=True, on_delete=models.PROTECT, related_name="requests", db_index=False
    )
    arm = models.CharField(max_length=9, blank=True, db_default="")
    # What a language model did for it: "reworded", "ordered"; mostly nothing.
    advice = models.CharField(max_length=40, blank=True, default="", db_default="")
    took_ms = models.PositiveIntegerField()
    # The answer was kept from minutes before, and given again because nothing had changed.
    from_cache = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-created_at"], name="match_request_by_user"),
            models.Index(
                fields=["experiment", "created_at"],
                condition=Q(experiment__isnull=False),
                name="match_requests_of_experiments",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(arm="", experiment=None)
                | Q(arm__in=["control", "treatment", "both"], experiment__isnull=False),
                name="a_request_has_an_arm_of_an_experiment_or_neither",
            )
        ]

    def __str__(self) -> str:
        return f"request {self.id}"


class MatchImpression(models.Model):
    """A mentor shown for a request: where, with what score and why."""

    request = models.ForeignKey(MatchRequest, on_delete=models.CASCADE, related_name="impressions")
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="impressions")
    position = models.PositiveSmallIntegerField()
    score = models.PositiveSmallIntegerField()
    reasons = models.JSONField(default=list)
    # Shown in the place that the policy keeps for new mentors, and not for its fit alone.
    is_explored = models.BooleanField(db_default=False)
    # Whose pick this was in an experiment: control or treatment.
    team = models.CharField(max_length=9, blank=True, db_default="")
    # When the person who asked opened the mentor's page from the list, the first time.
    clicked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request", "mentor"], name="a_mentor_is_shown_once_per_request"
            ),
            models.CheckConstraint(
                condition=Q(team__in=["", "control", "treatment"]), name="impression_team_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mentor_id} at {self.position}"


class MatchFeedback(models.Model):
    """Somebody said of a mentor whom they were shown: not relevant, because …

    A judgement like those of a labelled set, grade 0 for this question; and whoever said it is not shown
    that mentor again for a while.
    """

    class Reason(models.TextChoices):
        WRONG_INDUSTRY = "wrong_industry", _("Wrong industry")
        WRONG_STAGE = "wrong_stage", _("Wrong stage")
        NOT_MEANT = "not_meant", _("Not what I meant")
        KNOWN = "known", _("I know them already")
        NOT_THEM = "not_them", _("Not this person")
        OTHER = "other", _("Something else")

    # These are about the person, whatever is asked; the others about this question alone.
    ABOUT_THE_PERSON = (Reason.KNOWN, Reason.NOT_THEM)

    # How long "not relevant" holds: people, their profiles and what is meant by a question change.
    HOLDS_FOR = timedelta(days=90)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(MatchRequest, on_delete=models.CASCADE, related_name="feedback")
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="match_feedback")
    # As the request's: every search asks for them, by person and question.
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="match_feedback")
    question = models.TextField(help_text=_("As it was asked, in lower case."))
    reason = models.CharField(max_length=16, choices=Reason)
    words = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = _("match feedback")
        constraints = [
            models.UniqueConstraint(
                fields=["request", "mentor"], name="a_match_is_judged_once_per_request"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    reason__in=[
                        "wrong_industry", "wrong_stage", "not_meant", "known", "not_them", "other",
                    ]
                ),
                name="match_feedback_reason_is_known",
            ),
        ]  # fmt: skip
        indexes = [models.Index(fields=["user", "-created_at"], name="match_feedback_by_user")]

    def __str__(self) -> str:
        return f"{self.mentor_id} not relevant: {self.reason}"

    @property
    def hidden_until(self) -> datetime:
        return self.created_at + self.HOLDS_FOR
