from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from mentors.models import Mentee, Mentor
from sessions_app.models.availability import AvailabilityWindow, outdates_opening
from sessions_app.models.ranges import Period, UuidPoint


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
    capacity = models.PositiveSmallIntegerField("seats", default=1)
    location = models.CharField(max_length=200, blank=True)
    meeting_url = models.URLField(blank=True)
    live = models.BooleanField(default=True)
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
        triggers = [outdates_opening("outdate_opening")]

    def __str__(self) -> str:
        return f"meeting {self.id} at {self.starts_at:%Y-%m-%d %H:%M} UTC"


class Session(models.Model):
    """One mentee's seat in a meeting: the booked hour. (Never the web session.)"""

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting for the mentor"
        BOOKED = "booked", "Booked"
        COMPLETED = "completed", "Completed"
        CANCELLED = "cancelled", "Cancelled"
        NO_SHOW = "no_show", "No show"

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
    mentor_joined_at = models.DateTimeField(null=True, blank=True)
    mentee_joined_at = models.DateTimeField(null=True, blank=True)
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
        ]
        triggers = [outdates_opening("outdate_opening")]

    def __str__(self) -> str:
        return f"session {self.id}"

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

    class Meta:
        indexes = [models.Index(fields=["session", "at"], name="history_of_a_session")]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.from_status or 'new'} to {self.to_status}"


def rating() -> models.PositiveSmallIntegerField:  # type: ignore[type-arg]
    return models.PositiveSmallIntegerField(null=True, blank=True)


class Feedback(models.Model):
    """What one side thought of a session. One per side."""

    class Side(models.TextChoices):
        MENTEE = "mentee", "Mentee"
        MENTOR = "mentor", "Mentor"

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
        verbose_name_plural = "feedback"
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


class Notification(models.Model):
    """A message that is due, written in the transaction of its cause; a worker sends it.

    Unique per (session, kind, recipient, version): however often the cause is handled, one message.
    The claim moves `next_attempt_at` ahead, so a worker that dies gives the row back by itself.
    """

    class Kind(models.TextChoices):
        BOOKED = "booked", "Session booked"
        REQUESTED = "requested", "Session requested"
        MOVED = "moved", "Session moved"
        CANCELLED = "cancelled", "Session cancelled"
        REMINDER_DAY = "reminder_day", "Reminder, a day before"
        REMINDER_HOUR = "reminder_hour", "Reminder, an hour before"
        FEEDBACK = "feedback", "Feedback request"

    class State(models.TextChoices):
        DUE = "due", "Due"
        SENT = "sent", "Sent"
        DROPPED = "dropped", "No longer wanted"
        FAILED = "failed", "Cannot be delivered"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="notifications")
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications"
    )
    kind = models.CharField(max_length=16, choices=Kind)
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State, default=State.DUE)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["session", "kind", "recipient", "version"], name="a_message_is_sent_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["due", "sent", "dropped", "failed"]),
                name="notification_state_is_known",
            ),
        ]
        indexes = [
            # The mail worker's question: what is due?
            models.Index(
                fields=["next_attempt_at"], condition=Q(state="due"), name="notifications_due"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.session_id} to {self.recipient_id}"

    @property
    def message_id(self) -> str:
        """The same for every attempt, so that a repeated mail is recognised as one."""
        return f"<{self.id}@office-hours>"
