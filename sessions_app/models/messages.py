from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sessions_app.models.booking import Session
from sessions_app.models.waitlist import Hold


class Notification(models.Model):
    """A message that is due, written in the transaction of its cause; a worker sends it.

    It is about a session, or about a hold (an offer from the waitlist). Unique per (session, kind,
    recipient, version), or (hold, kind, recipient): however often the cause is handled, one message.
    The claim moves `next_attempt_at` ahead, so a worker that dies gives the row back by itself.
    """

    class Kind(models.TextChoices):
        BOOKED = "booked", _("Session booked")
        REQUESTED = "requested", _("Session requested")
        MOVED = "moved", _("Session moved")
        CANCELLED = "cancelled", _("Session cancelled")
        REMINDER_DAY = "reminder_day", _("Reminder, a day before")
        REMINDER_HOUR = "reminder_hour", _("Reminder, an hour before")
        DISPLACED = "displaced", _("Session outside hours")
        NO_SHOW = "no_show", _("Marked as absent")
        FEEDBACK = "feedback", _("Feedback request")
        FEEDBACK_NUDGE = "feedback_nudge", _("Feedback reminder")
        WAITLIST_OFFER = "waitlist_offer", _("Waitlist offer")

    class State(models.TextChoices):
        DUE = "due", _("Due")
        SENT = "sent", _("Sent")
        DROPPED = "dropped", _("No longer wanted")
        FAILED = "failed", _("Cannot be delivered")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(
        Session, null=True, blank=True, on_delete=models.CASCADE, related_name="notifications"
    )
    hold = models.ForeignKey(
        Hold, null=True, blank=True, on_delete=models.CASCADE, related_name="notifications"
    )
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
            models.UniqueConstraint(
                fields=["hold", "kind", "recipient"], name="an_offer_is_sent_once"
            ),
            models.CheckConstraint(
                condition=Q(session=None, hold__isnull=False) | Q(session__isnull=False, hold=None),
                name="notification_is_about_a_session_or_a_hold",
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
        return f"{self.kind} of {self.session_id or self.hold_id} to {self.recipient_id}"

    @property
    def message_id(self) -> str:
        """The same for every attempt, so that a repeated mail is recognised as one."""
        return f"<{self.id}@office-hours>"


class MessagePreferences(models.Model):
    """Which messages a person wants, and whether mail to them arrives at all.

    What changes a calendar (booked, moved, cancelled) is always sent; the rest can be turned off.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="message_preferences",
    )
    reminder_day = models.BooleanField(default=True)
    reminder_hour = models.BooleanField(default=True)
    feedback = models.BooleanField(default=True)
    waitlist = models.BooleanField(default=True)
    # The address that was refused for good. Mail to it stops; another address starts it again.
    bounced_email = models.EmailField(blank=True)
    bounced_at = models.DateTimeField(null=True, blank=True)
    bounce_reason = models.CharField(max_length=255, blank=True)

    class Meta:
        verbose_name_plural = _("message preferences")

    def __str__(self) -> str:
        return f"messages to {self.user_id}"
