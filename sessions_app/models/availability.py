from __future__ import annotations

import uuid

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from accounts.audit import audited
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
    weekday = models.PositiveSmallIntegerField(help_text=_("0 is Monday, 6 is Sunday."))
    starts = models.TimeField()
    ends = models.TimeField()
    every_n_weeks = models.PositiveSmallIntegerField(default=1)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)
    capacity = models.PositiveSmallIntegerField(default=1)
    location = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = _("weekly hours")
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
        triggers = audited(about="mentor_id")

    def __str__(self) -> str:
        return f"{self.mentor_id} weekday {self.weekday} {self.starts:%H:%M}-{self.ends:%H:%M}"

    @property
    def day_name(self) -> str:
        return str(WEEKDAYS[self.weekday])


class HoursException(models.Model):
    """One date that differs from the weekly hours: closed (no times), or open at other times.

    With `weekly_hours` only those hours are skipped on that date, which is what becomes of a window
    that somebody closed or moved by hand; without, the date's weekly hours are all replaced.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="hours_exceptions")
    date = models.DateField()
    weekly_hours = models.ForeignKey(
        WeeklyHours, null=True, blank=True, on_delete=models.CASCADE, related_name="skipped"
    )
    starts = models.TimeField(null=True, blank=True)
    ends = models.TimeField(null=True, blank=True)
    capacity = models.PositiveSmallIntegerField(default=1)
    location = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(starts=None, ends=None) | Q(starts__isnull=False, ends__isnull=False),
                name="exception_has_both_times_or_none",
            ),
            models.CheckConstraint(condition=Q(capacity__gte=1), name="exception_has_a_seat"),
            models.CheckConstraint(
                condition=Q(weekly_hours=None) | Q(starts=None), name="skipped_hours_have_no_times"
            ),
            models.UniqueConstraint(
                fields=["weekly_hours", "date"], name="weekly_hours_are_skipped_once_a_date"
            ),
        ]
        indexes = [models.Index(fields=["mentor", "date"], name="exceptions_by_mentor")]
        triggers = audited(about="mentor_id")

    def __str__(self) -> str:
        return f"{self.mentor_id} on {self.date}"


class Holiday(models.Model):
    """A date on which nobody's weekly hours apply. A mentor's own exception for that date does."""

    date = models.DateField(unique=True)
    name = models.CharField(max_length=80)

    class Meta:
        triggers = audited()

    def __str__(self) -> str:
        return f"{self.name}, {self.date}"


class BusyTime(models.Model):
    """A time at which a mentor cannot be booked, whatever the hours say: away, or in a calendar."""

    class Source(models.TextChoices):
        AWAY = "away", _("Time away")
        CALENDAR = "calendar", _("Calendar")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="busy_times")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    source = models.CharField(max_length=8, choices=Source, default=Source.AWAY)
    # The calendar's own name for the event, so that a refresh finds it again.
    uid = models.CharField(max_length=255, blank=True)
    reason = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="busy_time_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(source__in=["away", "calendar"]), name="busy_time_source_is_known"
            ),
            models.UniqueConstraint(
                fields=["mentor", "source", "uid"],
                condition=~Q(uid=""),
                name="a_calendar_event_is_noted_once",
            ),
        ]
        indexes = [models.Index(fields=["mentor", "starts_at"], name="busy_times_by_mentor")]
        triggers = [outdates_opening("outdate_opening")]

    def __str__(self) -> str:
        return f"{self.mentor_id} busy at {self.starts_at:%Y-%m-%d %H:%M} UTC"


class HoursMade(models.Model):
    """What a mentor's windows were last made from: the zone, the zone rules, and how far ahead.

    When one of them is no longer so, the windows are made again.
    """

    mentor = models.OneToOneField(
        Mentor, primary_key=True, on_delete=models.CASCADE, related_name="hours_made"
    )
    zone = models.CharField(max_length=64)
    zone_rules = models.CharField(
        max_length=32, help_text=_("The release of the time zone database.")
    )
    until = models.DateField()
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.mentor_id} until {self.until}"


class AvailabilityWindow(models.Model):
    """When a mentor holds office hours. Slots are the bookable starts inside it.

    `weekly_hours` or `exception` says where it came from; a window that a PM made by hand or in
    Airtable has neither, and is nobody's to make again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="windows")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField(_("seats"), default=1)
    location = models.CharField(max_length=200, blank=True, help_text=_("Empty: online."))
    weekly_hours = models.ForeignKey(
        WeeklyHours,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    exception = models.ForeignKey(
        HoursException,
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
        triggers = [outdates_opening("outdate_opening"), *audited()]

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
                    "start_step_minutes",
                    "buffer_before_minutes",
                    "buffer_after_minutes",
                    "minimum_notice_minutes",
                    "booking_horizon_days",
                    "weekly_load_cap",
                    "is_active",
                ),
            ),
        ]
