from __future__ import annotations

import uuid

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import audited
from mentors.models import Mentee, Mentor
from sessions_app.models.availability import AvailabilityWindow, outdates_opening
from sessions_app.models.ranges import Period, UuidPoint


def commits(name: str, *, person: str, live: str) -> pgtrigger.Trigger:
    """A trigger that keeps the person's Commitment in step with the row, whatever path wrote it.

    Args:
        name: "meeting" or "session", whose table carries the trigger.
        person: "mentor" or "mentee": the column that says who is there.
        live: SQL that says whether the row still takes that person's time.
    """
    body = f"""
        IF TG_OP = 'DELETE' THEN
            DELETE FROM sessions_app_commitment WHERE {name}_id = OLD.id;
        ELSIF {live} THEN
            INSERT INTO sessions_app_commitment (user_id, starts_at, ends_at, {name}_id)
            SELECT user_id, NEW.starts_at, NEW.ends_at, NEW.id FROM mentors_{person}
            WHERE id = NEW.{person}_id
            ON CONFLICT ({name}_id) DO UPDATE
            SET user_id = excluded.user_id, starts_at = excluded.starts_at, ends_at = excluded.ends_at;
        ELSE
            DELETE FROM sessions_app_commitment WHERE {name}_id = NEW.id;
        END IF;
        RETURN NULL;
    """
    columns = ("live",) if name == "meeting" else ("status",)
    return pgtrigger.Trigger(
        name="commit_person",
        when=pgtrigger.After,
        operation=pgtrigger.Insert
        | pgtrigger.Delete
        | pgtrigger.UpdateOf(*columns, "starts_at", "ends_at", f"{person}_id"),
        func=pgtrigger.Func(body),
    )


class Commitment(models.Model):
    """A time at which a person is expected, as a mentor in a meeting or as a mentee in a session.

    Written by triggers alone. It exists for its constraint: one person may be both mentor and mentee,
    and still cannot be in two places at once.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="commitments"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    meeting = models.OneToOneField(
        "Meeting", null=True, on_delete=models.CASCADE, related_name="commitment"
    )
    session = models.OneToOneField(
        "Session", null=True, on_delete=models.CASCADE, related_name="commitment"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(meeting=None, session__isnull=False)
                | Q(meeting__isnull=False, session=None),
                name="commitment_is_to_a_meeting_or_a_session",
            ),
            ExclusionConstraint(
                name="person_is_in_one_session_at_a_time",
                expressions=[
                    (UuidPoint("user_id"), RangeOperators.OVERLAPS),
                    (Period(), RangeOperators.OVERLAPS),
                ],
            ),
        ]
        triggers = [
            # A mentor who takes a seat somewhere cannot be met then. (Their own meetings have said so.)
            pgtrigger.Trigger(
                name="outdate_opening",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func=pgtrigger.Func(
                    """
                    UPDATE sessions_app_mentoropening SET generation = generation + 1
                    WHERE mentor_id = (
                        SELECT id FROM mentors_mentor WHERE user_id = COALESCE(NEW.user_id, OLD.user_id)
                    ) AND COALESCE(NEW.session_id, OLD.session_id) IS NOT NULL;
                    RETURN NULL;
                    """
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.starts_at:%Y-%m-%d %H:%M} UTC"


class Meeting(models.Model):
    """An hour of a mentor's that is taken. Its seats are the sessions.

    `live` while any of its sessions is: a mentor is in one live meeting at a time. Sessions carry
    copies of the times and the capacity, tied to these by a composite foreign key that cascades.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mentor = models.ForeignKey(Mentor, on_delete=models.PROTECT, related_name="meetings")
    window = models.ForeignKey(
        AvailabilityWindow,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="meetings",
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField(_("seats"), default=1)
    location = models.CharField(max_length=200, blank=True)
    meeting_url = models.URLField(blank=True)
    live = models.BooleanField(default=True)
    # As they were when it was booked: a mentor who changes them later moves nobody.
    buffer_before_minutes = models.PositiveSmallIntegerField(default=0)
    buffer_after_minutes = models.PositiveSmallIntegerField(default=0)
    # What the mentor's clock was to show ("2026-12-08T14:00" in `zone`). Where a country changes its
    # clocks later on, this is how anybody notices that the agreed hour has become another one.
    agreed_local = models.CharField(max_length=16, blank=True, editable=False)
    zone = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="meeting_ends_after_it_starts"
            ),
            models.CheckConstraint(condition=Q(capacity__gte=1), name="meeting_has_a_seat"),
            # The target of the sessions' composite foreign key.
            models.UniqueConstraint(
                fields=["id", "mentor", "starts_at", "ends_at", "capacity"],
                name="meeting_times_as_its_sessions_copy_them",
            ),
            ExclusionConstraint(
                name="mentor_is_in_one_meeting_at_a_time",
                expressions=[
                    (UuidPoint("mentor_id"), RangeOperators.OVERLAPS),
                    (Period(), RangeOperators.OVERLAPS),
                ],
                condition=Q(live=True),
            ),
        ]
        indexes = [models.Index(fields=["mentor", "starts_at"], name="meetings_by_mentor")]
        triggers = [
            outdates_opening("outdate_opening"),
            commits("meeting", person="mentor", live="NEW.live"),
            *audited(hidden=("meeting_url",)),
        ]

    def __str__(self) -> str:
        return f"meeting {self.id} at {self.starts_at:%Y-%m-%d %H:%M} UTC"


class Session(models.Model):
    """One mentee's seat in a meeting: the booked hour. (Never the web session.)"""

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting for the mentor")
        BOOKED = "booked", _("Booked")
        COMPLETED = "completed", _("Completed")
        CANCELLED = "cancelled", _("Cancelled")
        NO_SHOW = "no_show", _("No show")

    class Attendance(models.TextChoices):
        UNKNOWN = "unknown", _("Not known")
        ATTENDED = "attended", _("Was there")
        ABSENT = "absent", _("Did not come")

    LIVE = ("pending", "booked")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, related_name="sessions")
    mentor = models.ForeignKey(Mentor, on_delete=models.PROTECT, related_name="sessions")
    mentee = models.ForeignKey(Mentee, on_delete=models.PROTECT, related_name="sessions")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField(default=1, editable=False)
    seat = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=16, choices=Status, default=Status.BOOKED)
    goal = models.TextField(blank=True)
    mentee_notes = models.TextField(blank=True)
    mentor_notes = models.TextField(blank=True)
    # The match that led here: matching's row, known to this room by its id alone.
    match_request = models.UUIDField(null=True, blank=True)
    # Counts every change of time, place or status; iCalendar's SEQUENCE and the links' fence.
    version = models.PositiveIntegerField(default=1)
    booked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Until when a pending one waits for the mentor's answer.
    answer_by = models.DateTimeField(null=True, blank=True)
    mentor_joined_at = models.DateTimeField(null=True, blank=True)
    mentee_joined_at = models.DateTimeField(null=True, blank=True)
    mentor_attendance = models.CharField(
        max_length=8, choices=Attendance, default=Attendance.UNKNOWN
    )
    mentee_attendance = models.CharField(
        max_length=8, choices=Attendance, default=Attendance.UNKNOWN
    )
    # Somebody looked at it lying outside the hours, or across another appointment, and let it stand.
    kept_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="session_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "booked", "completed", "cancelled", "no_show"]),
                name="session_status_is_known",
            ),
            models.CheckConstraint(
                condition=Q(mentor_attendance__in=["unknown", "attended", "absent"])
                & Q(mentee_attendance__in=["unknown", "attended", "absent"]),
                name="attendance_is_known_words",
            ),
            models.CheckConstraint(
                condition=Q(seat__gte=1, seat__lte=F("capacity")),
                name="session_has_one_of_the_seats",
            ),
            models.UniqueConstraint(
                fields=["meeting", "seat"],
                condition=Q(status__in=["pending", "booked"]),
                name="a_seat_holds_one_live_session",
            ),
            ExclusionConstraint(
                name="mentee_is_in_one_session_at_a_time",
                expressions=[
                    (UuidPoint("mentee_id"), RangeOperators.OVERLAPS),
                    (Period(), RangeOperators.OVERLAPS),
                ],
                condition=Q(status__in=["pending", "booked"]),
            ),
        ]
        indexes = [
            models.Index(fields=["mentor", "starts_at"], name="sessions_by_mentor"),
            models.Index(fields=["mentee", "starts_at"], name="sessions_by_mentee"),
            # What the minute's sweep asks: whose time is over, whose answer is due?
            models.Index(
                fields=["ends_at"], condition=Q(status="booked"), name="sessions_to_finish"
            ),
            models.Index(
                fields=["answer_by"], condition=Q(status="pending"), name="sessions_to_answer"
            ),
        ]
        triggers = [
            outdates_opening("outdate_opening"),
            commits("session", person="mentee", live="NEW.status IN ('pending', 'booked')"),
            # Notes are their writer's alone.
            *audited(hidden=("mentee_notes", "mentor_notes"), about="meeting_id"),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d %H:%M} UTC"

    @property
    def is_live(self) -> bool:
        return self.status in self.LIVE

    @property
    def ical_uid(self) -> str:
        """Set once and never changed, so that a calendar updates the event it has."""
        return f"{self.id}@office-hours"


class SessionEvent(models.Model):
    """One step in a session's history: who, when, from what to what, and why. Only ever added to."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16)
    reason = models.TextField(blank=True)
    # A move in time, and the rules that a program manager knowingly set aside.
    moved_from = models.DateTimeField(null=True, blank=True)
    moved_to = models.DateTimeField(null=True, blank=True)
    overrode = ArrayField(models.CharField(max_length=24), default=list, blank=True)

    class Meta:
        indexes = [models.Index(fields=["session", "at"], name="history_of_a_session")]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.from_status or 'new'} to {self.to_status}"


def rating() -> models.PositiveSmallIntegerField:  # type: ignore[type-arg]
    return models.PositiveSmallIntegerField(null=True, blank=True)


class Feedback(models.Model):
    """What one side thought of a session. One per side."""

    class Side(models.TextChoices):
        MENTEE = "mentee", _("Mentee")
        MENTOR = "mentor", _("Mentor")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="feedback")
    side = models.CharField(max_length=8, choices=Side)
    overall = models.PositiveSmallIntegerField()
    expertise = rating()
    communication = rating()
    helpfulness = rating()
    goals_achieved = models.BooleanField(null=True, blank=True)
    would_recommend = models.BooleanField(null=True, blank=True)
    follow_up_needed = models.BooleanField(null=True, blank=True)
    topics = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    comment = models.TextField(blank=True)
    submitted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = _("feedback")
        constraints = [
            models.UniqueConstraint(
                fields=["session", "side"], name="each_side_gives_feedback_once"
            ),
            models.CheckConstraint(
                condition=Q(side__in=["mentee", "mentor"]), name="feedback_side_is_known"
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{name}__gte": 1, f"{name}__lte": 5}),
                    name=f"{name}_rating_is_1_to_5",
                )
                for name in ("overall", "expertise", "communication", "helpfulness")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.side}'s feedback on {self.session_id}"


class MentorRating(models.Model):
    """What mentees say of a mentor, of all time; no row for whom nobody has said anything.

    A view (migration 0008), so that all mentors can be put in order by it in one pass over the feedback.
    """

    mentor = models.OneToOneField(
        Mentor, primary_key=True, on_delete=models.DO_NOTHING, related_name="rated"
    )
    stars = models.FloatField()
    ratings = models.BigIntegerField()

    class Meta:
        managed = False
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.stars:.1f} of {self.ratings}"
