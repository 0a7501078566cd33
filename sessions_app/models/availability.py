from __future__ import annotations

import uuid

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from mentors.models import Mentor
from sessions_app.models.ranges import Period, UuidPoint

ANY_CHANGE = pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete


def outdates_opening(
    name: str, key: str = "mentor_id", operation: pgtrigger.Operation = ANY_CHANGE
) -> pgtrigger.Trigger:
    """A trigger that marks the mentor's opening as out of date, whatever path wrote the row.

    A generation is counted up instead of a flag set, so that a refresh which read before this
    change cannot declare the opening fresh after it.
    """
    bump = f"""
        INSERT INTO sessions_app_mentoropening (mentor_id, generation, computed_generation, free_7d, free_14d)
        VALUES (NEW.{key}, 1, 0, 0, 0)
        ON CONFLICT (mentor_id) DO UPDATE SET generation = sessions_app_mentoropening.generation + 1;
        RETURN NULL;
    """
    # A delete makes no row: the mentor may be going too.
    bump_known = f"""
        IF TG_OP = 'DELETE' THEN
            UPDATE sessions_app_mentoropening SET generation = generation + 1 WHERE mentor_id = OLD.{key};
            RETURN NULL;
        END IF;
    """
    body = bump if key == "id" else bump_known + bump
    return pgtrigger.Trigger(
        name=name, when=pgtrigger.After, operation=operation, func=pgtrigger.Func(body)
    )


class WeeklyHours(models.Model):
    """Hours a mentor holds every week (or every n weeks), in the mentor's own time zone.

    `ends` at or before `starts` means the next day. Windows are made from these ahead of time.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="weekly_hours")
    weekday = models.PositiveSmallIntegerField(help_text="0 is Monday, 6 is Sunday.")
    starts = models.TimeField()
    ends = models.TimeField()
    every_n_weeks = models.PositiveSmallIntegerField(default=1)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)
    capacity = models.PositiveSmallIntegerField(default=1)
    location = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "weekly hours"
        constraints = [
            models.CheckConstraint(
                condition=Q(weekday__gte=0, weekday__lte=6), name="weekday_is_monday_to_sunday"
            ),
            models.CheckConstraint(
                condition=Q(every_n_weeks__gte=1), name="weekly_hours_repeat_every_week_or_more"
            ),
            models.CheckConstraint(condition=Q(capacity__gte=1), name="weekly_hours_have_a_seat"),
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on")),
                name="weekly_hours_end_after_they_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.mentor_id} weekday {self.weekday} {self.starts:%H:%M}-{self.ends:%H:%M}"


class HoursException(models.Model):
    """One date that differs from the weekly hours: closed (no times), or open at other times."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="hours_exceptions")
    date = models.DateField()
    starts = models.TimeField(null=True, blank=True)
    ends = models.TimeField(null=True, blank=True)
    capacity = models.PositiveSmallIntegerField(default=1)
    reason = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(starts=None, ends=None) | Q(starts__isnull=False, ends__isnull=False),
                name="exception_has_both_times_or_none",
            ),
            models.CheckConstraint(condition=Q(capacity__gte=1), name="exception_has_a_seat"),
        ]

    def __str__(self) -> str:
        return f"{self.mentor_id} on {self.date}"


class AvailabilityWindow(models.Model):
    """When a mentor holds office hours. Slots are the bookable starts inside it.

    `weekly_hours` says where it came from; a window that a PM made by hand or in Airtable has none.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="windows")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField("seats", default=1)
    location = models.CharField(max_length=200, blank=True, help_text="Empty: online.")
    weekly_hours = models.ForeignKey(
        WeeklyHours,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="window_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=Q(capacity__gte=1), name="window_has_a_seat"),
            ExclusionConstraint(
                name="windows_of_a_mentor_do_not_overlap",
                expressions=[
                    (UuidPoint("mentor_id"), RangeOperators.OVERLAPS),
                    (Period(), RangeOperators.OVERLAPS),
                ],
                condition=Q(is_active=True),
            ),
        ]
        indexes = [models.Index(fields=["mentor", "starts_at"], name="windows_by_mentor")]
        triggers = [outdates_opening("outdate_opening")]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M} to {self.ends_at:%H:%M} UTC"


class MentorOpening(models.Model):
    """Derived: a mentor's next bookable start and how many there are. Never the truth, always near it.

    Out of date while `computed_generation` lags `generation`, or once `next_start` has passed.
    """

    mentor = models.OneToOneField(
        Mentor, primary_key=True, on_delete=models.CASCADE, related_name="opening"
    )
    next_start = models.DateTimeField(null=True, blank=True)
    free_7d = models.PositiveIntegerField(default=0)
    free_14d = models.PositiveIntegerField(default=0)
    computed_at = models.DateTimeField(null=True, blank=True)
    generation = models.PositiveBigIntegerField(default=1)
    computed_generation = models.PositiveBigIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["next_start"], name="openings_by_next_start"),
            # The refresh worker's question.
            models.Index(
                fields=["mentor"],
                condition=~Q(generation=F("computed_generation")),
                name="openings_out_of_date",
            ),
        ]

    def __str__(self) -> str:
        return f"opening of {self.mentor_id}"


class BookableMentor(Mentor):
    """Mentor, watched for the settings that decide which starts are open."""

    class Meta:
        proxy = True
        triggers = [
            outdates_opening("outdate_opening_of_new", key="id", operation=pgtrigger.Insert),
            outdates_opening(
                "outdate_opening",
                key="id",
                operation=pgtrigger.UpdateOf(
                    "session_minutes",
                    "buffer_before_minutes",
                    "buffer_after_minutes",
                    "minimum_notice_minutes",
                    "booking_horizon_days",
                    "weekly_load_cap",
                    "is_active",
                ),
            ),
        ]
