from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.audit import audited


class MessageTemplate(models.Model):
    """The words of a message that PMs may change. A missing or inactive one falls back to ours.

    `name` is the message's kind in words ("Session booked"); Airtable shows it as Template Name.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", _("E-mail")
        SMS = "sms", _("Text message")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    channel = models.CharField(max_length=8, choices=Channel, default=Channel.EMAIL)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("name"), "channel", name="message_template_name_is_unique_per_channel"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["email", "sms"]), name="message_channel_is_known"
            ),
        ]
        triggers = audited()

    def __str__(self) -> str:
        return f"{self.name} ({self.channel})"


class HelpPrompt(models.Model):
    """One question of the help page, by category."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    category = models.CharField(max_length=80)
    topic = models.CharField(max_length=200)
    response = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("category"), Lower("topic"), name="help_topic_is_unique_in_its_category"
            )
        ]
        triggers = audited()

    def __str__(self) -> str:
        return f"{self.category}: {self.topic}"
