"""What we have to say to people because of their row in Airtable, and whether it was said."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class DueMail(models.Model):
    """One mail that is due, written in the transaction of its cause; a worker sends it.

    The claim moves `next_attempt_at` ahead, so a worker that dies gives the row back by itself.
    `version` counts what was really another mail: it is part of the Message-ID and of the link.
    """

    class State(models.TextChoices):
        HELD = "held", _("Waits for a program manager")
        DUE = "due", _("On its way")
        SENT = "sent", _("Sent")
        DONE = "done", _("Taken up")
        DROPPED = "dropped", _("No longer wanted")
        FAILED = "failed", _("Cannot be delivered")

    state = models.CharField(max_length=8, choices=State, default=State.DUE)
    version = models.PositiveIntegerField(default=1)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def message_id(self) -> str:
        """The same for every attempt, so that a repeated mail is recognised as one."""
        return f"<{self._meta.model_name}-{self.pk}-{self.version}@office-hours>"


_KNOWN_STATE = Q(state__in=["held", "due", "sent", "done", "dropped", "failed"])


class Invitation(DueMail):
    """A person whom a program manager entered in Airtable, and how far they are in coming here.

    Once per person, whatever happens to their rows.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="invitation"
    )
    subject = models.CharField(max_length=32)
    by_themselves = models.BooleanField(
        default=False, help_text=_("They asked for a sign-in code before we knew them.")
    )
    appeared_at = models.DateTimeField(help_text=_("When Airtable says that their row came to be."))
    admitted_at = models.DateTimeField(help_text=_("From here on they could sign in."))
    claimed_at = models.DateTimeField(null=True, blank=True)
    welcomed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_KNOWN_STATE, name="invitation_state_known")
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state="due"), name="invitations_due"
            ),
            models.Index(fields=["-admitted_at"], name="invitations_by_age"),
        ]

    def __str__(self) -> str:
        return f"invitation of {self.user_id}: {self.state}"


class AddressChange(DueMail):
    """An address that a program manager wrote into somebody's row, and that they are asked about."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="address_change"
    )
    email = models.EmailField()
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("new address")
        verbose_name_plural = _("new addresses")
        constraints = [
            models.CheckConstraint(condition=_KNOWN_STATE, name="address_change_state_known")
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], condition=Q(state="due"), name="address_changes_due"
            )
        ]

    def __str__(self) -> str:
        return f"new address of {self.user_id}: {self.state}"
