from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mentors.models import Mentee, Mentor
from sessions_app.models.availability import AvailabilityWindow, outdates_opening


class WaitlistEntry(models.Model):
    """A mentee waits for a time with a mentor: any, or one that starts in [wanted_from, wanted_until).

    The order of the line is `created_at`. An offer is a Hold; while one is live the entry is OFFERED.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        OFFERED = "offered", _("Offered a time")
        BOOKED = "booked", _("Booked")
        LEFT = "left", _("Left the line")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="waitlist")
    mentee = models.ForeignKey(Mentee, on_delete=models.CASCADE, related_name="waitlist")
    wanted_from = models.DateTimeField(null=True, blank=True)
    wanted_until = models.DateTimeField(null=True, blank=True)
    goal = models.TextField(blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = _("waitlist entries")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "offered", "booked", "left"]),
                name="waitlist_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(wanted_from=None)
                | Q(wanted_until=None)
                | Q(wanted_until__gt=F("wanted_from")),
                name="wanted_period_ends_after_it_starts",
            ),
            models.UniqueConstraint(
                fields=["mentor", "mentee"],
                condition=Q(state__in=["waiting", "offered"]),
                name="a_mentee_waits_once_for_a_mentor",
            ),
        ]
        indexes = [
            models.Index(
                fields=["mentor", "created_at"],
                condition=Q(state="waiting"),
                name="waitlist_in_order",
            )
        ]

    def __str__(self) -> str:
        return f"{self.mentee_id} waits for {self.mentor_id}"


class Hold(models.Model):
    """A seat kept for one mentee until `expires_at`: an offer from the waitlist, or their own hold.

    Read under the mentor's lock, where a live hold counts like a booked seat for everybody else.
    """

    class State(models.TextChoices):
        LIVE = "live", _("Live")
        USED = "used", _("Booked")
        PASSED = "passed", _("Passed on")
        EXPIRED = "expired", _("Expired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mentor = models.ForeignKey(Mentor, on_delete=models.CASCADE, related_name="holds")
    mentee = models.ForeignKey(Mentee, on_delete=models.CASCADE, related_name="holds")
    window = models.ForeignKey(
        AvailabilityWindow, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    # Of the meeting that would be there: how many could share it.
    capacity = models.PositiveSmallIntegerField(default=1)
    # The waitlist place that it answers; none for a hold that a mentee made themself.
    entry = models.ForeignKey(
        WaitlistEntry, null=True, blank=True, on_delete=models.CASCADE, related_name="offers"
    )
    state = models.CharField(max_length=8, choices=State, default=State.LIVE)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="hold_ends_after_it_starts"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["live", "used", "passed", "expired"]),
                name="hold_state_is_known",
            ),
            models.UniqueConstraint(
                fields=["mentee", "mentor"],
                condition=Q(state="live"),
                name="a_mentee_has_one_live_hold_with_a_mentor",
            ),
            models.UniqueConstraint(
                fields=["mentee"],
                condition=Q(state="live", entry=None),
                name="a_mentee_makes_one_hold_at_a_time",
            ),
        ]
        indexes = [
            # For the rule engine, and for the sweep of what has expired.
            models.Index(
                fields=["mentor", "starts_at"], condition=Q(state="live"), name="holds_by_mentor"
            ),
            models.Index(fields=["expires_at"], condition=Q(state="live"), name="holds_to_expire"),
        ]
        triggers = [outdates_opening("outdate_opening")]

    def __str__(self) -> str:
        return f"hold {self.id} until {self.expires_at:%Y-%m-%d %H:%M} UTC"
