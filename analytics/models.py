"""The program's figures, computed at night and on demand; nothing else writes these tables."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mentors.models import Mentor


class Refresh(models.Model):
    """One computation of all figures, asked for by somebody or by the night.

    Its rows and the word that it is done are committed at once, so whoever reads the latest one that is
    done sees all of it or none, and waits for nobody.
    """

    asked_at = models.DateTimeField(default=timezone.now)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField(null=True)
    as_of = models.DateTimeField(null=True, help_text=_("The moment that all its figures are of."))
    ended_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="", db_default="")

    class Meta:
        verbose_name_plural = _("refreshes")
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at=None) | ~Q(error="") | Q(as_of__isnull=False),
                name="a_refresh_that_is_done_is_of_a_moment",
            ),
            models.UniqueConstraint(
                models.Value(1), condition=Q(ended_at=None), name="one_refresh_is_open_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"refresh of {self.asked_at:%Y-%m-%d %H:%M} UTC"


class Figures(models.Model):
    """A row of some refresh."""

    refresh = models.ForeignKey(Refresh, on_delete=models.CASCADE, related_name="%(class)s_rows")

    class Meta:
        abstract = True


class MeasurePoint(Figures):
    """A measure of success (see `measures.py`) as it stood so many weeks before."""

    name = models.CharField(max_length=40)
    weeks_ago = models.PositiveSmallIntegerField()
    value = models.FloatField()
    sample = models.BigIntegerField(help_text=_("How many were looked at."))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["refresh", "name", "weeks_ago"], name="a_measure_stands_once_a_week"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.weeks_ago} weeks before"


class Load(Figures):
    """What was offered and taken in the last 28 days: of a mentor, or of an area of expertise.

    `room` is the seats offered, at most as many as the weekly cap lets anybody have.
    """

    offered = models.PositiveIntegerField()
    room = models.PositiveIntegerField()
    booked = models.PositiveIntegerField()
    completed = models.PositiveIntegerField()
    no_shows = models.PositiveIntegerField()
    rating = models.FloatField(null=True, help_text=_("By mentees, in the last 28 days."))
    ratings = models.PositiveIntegerField()
    utilization = models.FloatField(null=True, help_text=_("Seats booked, of the room."))

    class Meta:
        abstract = True


class MentorFigures(Load):
    # Without a constraint in the database, whose check would hold every mentor's row until the refresh
    # is done, and bookings lock those.
    mentor = models.ForeignKey(
        Mentor, on_delete=models.CASCADE, related_name="figures", db_constraint=False
    )
    # So that the list is paged by what clients page by.
    created_at = models.DateTimeField()

    class Meta:
        verbose_name, verbose_name_plural = "mentor's figures", "mentors' figures"
        constraints = [
            models.UniqueConstraint(fields=["refresh", "mentor"], name="a_mentor_is_counted_once")
        ]

    def __str__(self) -> str:
        return f"figures of {self.mentor_id}"


class AreaFigures(Load):
    """A mentor of several areas counts in each."""

    area = models.CharField(max_length=60)
    mentors = models.PositiveIntegerField(help_text=_("Active, with hours offered."))
    mentors_booked = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["refresh", "area"], name="an_area_is_counted_once")
        ]

    def __str__(self) -> str:
        return self.area


class Day(Figures):
    """Figures of one day, which begins at midnight UTC."""

    day = models.DateField()

    class Meta:
        abstract = True


class SessionDay(Day):
    """Growth and no-shows. What was booked counts on the day it was made, the rest when it was to be."""

    made = models.PositiveIntegerField(help_text=_("Booked on that day, and not cancelled since."))
    cancelled = models.PositiveIntegerField()
    completed = models.PositiveIntegerField()
    no_shows = models.PositiveIntegerField()
    mentors = models.PositiveIntegerField(help_text=_("Who had a session on that day."))
    mentees = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["refresh", "day"], name="a_day_of_sessions_once")
        ]

    def __str__(self) -> str:
        return f"sessions of {self.day}"


class MatchDay(Day):
    """How good the answers were: what people asked, opened and booked."""

    requests = models.PositiveIntegerField()
    people = models.PositiveIntegerField()
    answered = models.PositiveIntegerField(help_text=_("With at least one mentor."))
    opened = models.PositiveIntegerField(help_text=_("Requests of which a mentor was opened."))
    booked = models.PositiveIntegerField(help_text=_("Requests that led to a session."))
    judged = models.PositiveIntegerField(
        help_text=_("Mentors of whom somebody said: not relevant.")
    )
    best_score = models.FloatField(null=True, help_text=_("Mean score of the first mentor shown."))
    p95_ms = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["refresh", "day"], name="a_day_of_matches_once")
        ]

    def __str__(self) -> str:
        return f"matches of {self.day}"


class FeedbackWeek(Figures):
    """What one side said of the sessions that ended in a week (Monday to Monday, UTC)."""

    week = models.DateField(help_text=_("Its Monday."))
    side = models.CharField(max_length=8)
    completed = models.PositiveIntegerField()
    given = models.PositiveIntegerField()
    in_time = models.PositiveIntegerField(help_text=_("Within 48 hours of the end."))
    overall = models.FloatField(null=True)
    expertise = models.FloatField(null=True)
    communication = models.FloatField(null=True)
    helpfulness = models.FloatField(null=True)
    goals_achieved = models.FloatField(null=True, help_text=_("The share who said so."))
    would_recommend = models.FloatField(null=True, help_text=_("The share who said so."))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["refresh", "week", "side"], name="a_week_of_feedback_once_per_side"
            )
        ]

    def __str__(self) -> str:
        return f"{self.side}s' feedback of {self.week}"


class KeptMeasure(models.Model):
    """A measure whose data is gone after a day, as it was seen on that day. Never computed again."""

    name = models.CharField(max_length=40)
    day = models.DateField()
    value = models.FloatField()
    sample = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "day"], name="a_measure_is_kept_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.name} on {self.day}"


TABLES: tuple[type[Figures], ...] = (
    MeasurePoint, MentorFigures, AreaFigures, SessionDay, MatchDay, FeedbackWeek,
)  # fmt: skip
