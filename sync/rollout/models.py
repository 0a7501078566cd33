from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import audited


class Endpoint(models.TextChoices):
    """What can be answered from either side."""

    MENTOR_LIST = "mentor_list", _("Mentor list")
    MENTOR_CARD = "mentor_card", _("Mentor card")
    AVAILABILITY = "availability", _("Availability")


class RolloutFlag(models.Model):
    """From which side an endpoint is answered. Without a row: from ours."""

    class Mode(models.TextChoices):
        AIRTABLE_ONLY = "airtable_only", _("Airtable only")
        SHADOW = "postgres_shadow_read", _("Airtable, compared with Office Hours")
        PRIMARY = "postgres_primary", _("Office Hours")

    endpoint = models.CharField(max_length=16, choices=Endpoint, unique=True)
    mode = models.CharField(max_length=24, choices=Mode, default=Mode.PRIMARY)
    sample_percent = models.PositiveSmallIntegerField(
        _("share compared, per cent"),
        default=100,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("Of a hundred answers from Airtable, so many are compared with ours."),
    )
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_by = models.CharField(max_length=120, blank=True, default="", editable=False)

    class Meta:
        verbose_name = _("answered from")
        verbose_name_plural = _("answered from")
        constraints = [
            models.CheckConstraint(
                condition=Q(mode__in=["airtable_only", "postgres_shadow_read", "postgres_primary"]),
                name="rollout_mode_is_known",
            ),
            models.CheckConstraint(
                condition=Q(endpoint__in=["mentor_list", "mentor_card", "availability"]),
                name="rollout_endpoint_is_known",
            ),
            models.CheckConstraint(
                condition=Q(sample_percent__lte=100), name="rollout_sample_is_a_share"
            ),
        ]
        triggers = audited(ignored=("changed_at", "changed_by"))

    def __str__(self) -> str:
        return str(self.get_endpoint_display())


class ShadowTally(models.Model):
    """How many answers of an endpoint were compared on a day, and how many differed."""

    endpoint = models.CharField(max_length=16, choices=Endpoint)
    day = models.DateField()
    compared = models.PositiveIntegerField(default=0)
    differed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "day"], name="a_day_of_an_endpoint_is_counted_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.day}: {self.differed} of {self.compared}"


class ShadowDifference(models.Model):
    """A field in which the two sides answered differently: both values, how often, and when last."""

    endpoint = models.CharField(max_length=16, choices=Endpoint)
    key = models.UUIDField(_("mentor"))
    field = models.CharField(max_length=64)
    there = models.JSONField(_("Airtable says"), null=True)
    here = models.JSONField(_("we say"), null=True)
    count = models.PositiveIntegerField(default=1)
    first_seen = models.DateTimeField(default=timezone.now)
    last_seen = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("answer that differs")
        verbose_name_plural = _("answers that differ")
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "key", "field"], name="a_shadow_difference_is_kept_once"
            )
        ]
        indexes = [models.Index(fields=["-last_seen"], name="shadow_differences_by_age")]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.key}: {self.field}"
