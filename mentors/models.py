from __future__ import annotations

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import audited
from accounts.models import User, WebAddressField

http_url = URLValidator(schemes=["http", "https"])


def tags() -> ArrayField[list[str], list[str]]:
    return ArrayField(models.CharField(max_length=60), default=list, blank=True)


class Mentor(models.Model):
    """What a mentor is and how they like to be booked. When they can be booked is sessions_app's."""

    class Visibility(models.TextChoices):
        PUBLIC = "public", _("Public")
        LIMITED = "limited", _("Signed-in mentees")
        PRIVATE = "private", _("Program managers only")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="mentor")
    headline = models.CharField(max_length=200, blank=True)
    bio = models.TextField(blank=True)
    company = models.CharField(max_length=120, blank=True)
    title = models.CharField(max_length=120, blank=True)
    industries = tags()
    stages = tags()
    languages = tags()
    linkedin = WebAddressField(_("LinkedIn"), blank=True, validators=[http_url])
    visibility = models.CharField(max_length=8, choices=Visibility, default=Visibility.PUBLIC)
    is_active = models.BooleanField(default=True)
    approves_bookings = models.BooleanField(
        default=False,
        help_text=_("A booking waits for the mentor's yes, and lapses after 48 hours."),
    )
    consent_at = models.DateTimeField(null=True, blank=True)

    weekly_load_cap = models.PositiveSmallIntegerField(
        default=5, help_text=_("Sessions a week, Monday to Monday in the mentor's own time zone.")
    )
    session_minutes = models.PositiveSmallIntegerField(default=30)
    start_step_minutes = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text=_("How far apart sessions may start. Empty: one after the other."),
    )
    buffer_before_minutes = models.PositiveSmallIntegerField(default=0)
    buffer_after_minutes = models.PositiveSmallIntegerField(default=0)
    minimum_notice_minutes = models.PositiveIntegerField(default=120)
    booking_horizon_days = models.PositiveSmallIntegerField(default=60)
    meeting_link = WebAddressField(
        blank=True,
        validators=[http_url],
        help_text=_(
            "A room of the mentor's own for every session. Empty: each session gets a new one."
        ),
    )

    # Made by `seed_demo --mentors` for load work; outside every Airtable mapping.
    is_synthetic = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(visibility__in=["public", "limited", "private"]),
                name="mentor_visibility_is_known",
            ),
            models.CheckConstraint(
                condition=Q(session_minutes__gte=5, session_minutes__lte=480),
                name="session_length_is_5_to_480_minutes",
            ),
            models.CheckConstraint(
                condition=Q(start_step_minutes=None)
                | Q(start_step_minutes__gte=5, start_step_minutes__lte=480),
                name="start_step_is_5_to_480_minutes",
            ),
            models.CheckConstraint(
                condition=Q(booking_horizon_days__gte=1, booking_horizon_days__lte=366),
                name="booking_horizon_is_1_to_366_days",
            ),
        ]
        indexes = [
            GinIndex(fields=["industries"], name="mentor_industries"),
            GinIndex(fields=["stages"], name="mentor_stages"),
            GinIndex(fields=["languages"], name="mentor_languages"),
            # Browsing pages through the active mentors in this order.
            models.Index(
                fields=["-created_at", "id"],
                condition=Q(is_active=True),
                name="mentor_browse",
            ),
        ]
        triggers = audited()

    def __str__(self) -> str:
        return _named(self, "mentor")


def _named(row: Mentor | Mentee, kind: str) -> str:
    """The person's name where it is at hand: a text for a log or a title never asks the database."""
    return str(row.user) if row._state.fields_cache.get("user") else f"{kind} {row.pk}"


class Expertise(models.Model):
    """One thing a mentor knows, how deeply, and how much it should count when matching (1 to 5)."""

    class Seniority(models.TextChoices):
        PRACTITIONER = "practitioner", _("Practitioner")
        EXPERT = "expert", _("Expert")
        LEADER = "leader", _("Leader")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="expertise")
    area = models.CharField(max_length=60)
    sub_area = models.CharField(max_length=120, blank=True)
    seniority = models.CharField(max_length=16, choices=Seniority, default=Seniority.EXPERT)
    weight = models.PositiveSmallIntegerField(default=3)

    class Meta:
        verbose_name_plural = _("expertise")
        constraints = [
            models.UniqueConstraint(
                "mentor", Lower("area"), Lower("sub_area"), name="mentor_names_an_expertise_once"
            ),
            models.CheckConstraint(
                condition=Q(weight__gte=1, weight__lte=5), name="expertise_weight_is_1_to_5"
            ),
            models.CheckConstraint(
                condition=Q(seniority__in=["practitioner", "expert", "leader"]),
                name="expertise_seniority_is_known",
            ),
        ]
        indexes = [models.Index(Lower("area"), name="expertise_area")]
        triggers = audited(about="mentor_id")

    def __str__(self) -> str:
        return f"{self.area}: {self.sub_area}" if self.sub_area else self.area


class Mentee(models.Model):
    """What a founder is building and what they are looking for."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, on_delete=models.PROTECT, related_name="mentee")
    company = models.CharField(max_length=120, blank=True)
    stage = models.CharField(max_length=60, blank=True)
    industry = models.CharField(max_length=60, blank=True)
    goals = models.TextField(blank=True)
    seeks = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)
    consent_at = models.DateTimeField(null=True, blank=True)
    is_synthetic = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers = audited()

    def __str__(self) -> str:
        return _named(self, "mentee")


class SavedMentor(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mentee = models.ForeignKey(Mentee, on_delete=models.CASCADE, related_name="saved")
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="saved_by")
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mentee", "mentor"], name="a_mentor_is_saved_once")
        ]

    def __str__(self) -> str:
        return f"{self.mentee_id} saved {self.mentor_id}"


class Block(models.Model):
    """These two are never matched or booked: a conflict of interest, or a personal wish."""

    class Kind(models.TextChoices):
        CONFLICT = "conflict", _("Conflict of interest")
        PERSONAL = "personal", _("Personal")

    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="blocks")
    mentee = models.ForeignKey(Mentee, on_delete=models.CASCADE, related_name="blocks")
    kind = models.CharField(max_length=8, choices=Kind)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["mentor", "mentee", "kind"], name="a_block_is_made_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["conflict", "personal"]), name="block_kind_is_known"
            ),
        ]
        triggers = audited(about="mentor_id")

    def __str__(self) -> str:
        return f"{self.kind}: {self.mentor_id} and {self.mentee_id}"
