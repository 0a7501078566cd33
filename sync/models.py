"""What the engine remembers. No domain table knows about Airtable; everything it needs is here."""

from __future__ import annotations

from django.db import models
from django.db.models import Q, Value
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import audited
from sync.known_base import BaseField as BaseField
from sync.registration import WebhookRegistration as WebhookRegistration


class OutboxRow(models.Model):
    """One object whose Airtable record may be stale. Coalesced: one row per object.

    Written by the triggers of `sync/capture.py` only, in the transaction of the change. `generation`
    is the fence: a sender deletes the row only if it is still the one that was claimed.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting to be sent")
        DEAD = "dead", _("Refused by Airtable")

    subject = models.CharField(max_length=32)
    object_id = models.UUIDField()
    generation = models.PositiveBigIntegerField(default=1)
    changed_at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    last_error = models.TextField(blank=True, default="")
    error_kind = models.CharField(max_length=16, blank=True, default="")
    # What a creation is about to send, kept until its answer came. A row that still has it after
    # the worker is gone may have made a record: it is looked for by key before anything is sent.
    sent = models.JSONField(null=True, blank=True)
    # What otherwise only rides along with another change is a reason to send, too (`sync/riders.py`).
    with_riders = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name = _("change to be sent")
        verbose_name_plural = _("to be sent")
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "object_id"], name="outbox_holds_an_object_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "dead"]), name="outbox_status_is_known"
            ),
        ]
        indexes = [
            # The sender's question: what is due?
            models.Index(
                fields=["subject", "next_attempt_at", "id"],
                condition=Q(status="pending"),
                name="outbox_due",
            ),
            # And what changed last: a few of these go ahead of a long queue.
            models.Index(
                fields=["subject", "-changed_at"],
                condition=Q(status="pending"),
                name="outbox_newest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.object_id}"


class RecordLink(models.Model):
    """This record and this object are the same thing.

    `ancestor` holds, per mapped field, the value last known to stand in Airtable, in canonical form:
    what the next merge and the next diff are measured against. `message` is what the record's
    Sync Message should say.
    """

    class State(models.TextChoices):
        LINKED = "linked", _("In both places")
        WAITING = "waiting", _("In Airtable, not accepted here")
        TOMBSTONE = "tombstone", _("Deleted in Airtable")
        DELETED_REMOTE = "deleted_remote", _("Removed from Airtable by us")

    table = models.CharField(max_length=64)
    record_id = models.CharField(max_length=32)
    subject = models.CharField(max_length=32)
    object_id = models.UUIDField()
    ancestor = models.JSONField(default=dict)
    message = models.TextField(blank=True, default="")
    # Values of ours that something in Airtable keeps changing back: not written until they differ.
    frozen = models.JSONField(default=dict, blank=True, db_default=Value({}, models.JSONField()))
    state = models.CharField(max_length=16, choices=State, default=State.LINKED)
    synced_at = models.DateTimeField(default=timezone.now)
    # When somebody here made the edit that was sent last.
    edited_at = models.DateTimeField(null=True, blank=True)
    # The webhook and the position up to which its log of this record was merged.
    heard = models.CharField(max_length=48, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("record")
        verbose_name_plural = _("records")
        constraints = [
            models.UniqueConstraint(
                fields=["table", "record_id"], name="a_record_stands_for_one_object"
            ),
            models.UniqueConstraint(
                fields=["subject", "object_id"], name="an_object_has_one_record"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["linked", "waiting", "tombstone", "deleted_remote"]),
                name="record_link_state_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.record_id}: {self.subject} {self.object_id}"


class InboundChange(models.Model):
    """Something Airtable told us, kept before it is understood.

    A webhook's payloads have its id and their cursor position. Automation posts and second looks
    (`automation`, `again`) are hints about one record, under positions of their own.
    """

    AUTOMATION = "automation"
    AGAIN = "again"

    webhook = models.CharField(max_length=32)
    position = models.BigIntegerField()
    payload = models.JSONField()
    received_at = models.DateTimeField(default=timezone.now)
    applied_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    error = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = _("received change")
        verbose_name_plural = _("received")
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "position"], name="a_payload_is_received_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["webhook", "position"],
                condition=Q(applied_at=None),
                name="inbound_not_applied",
            ),
            models.Index(fields=["received_at"], name="inbound_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook} {self.position}"


class BaseBinding(models.Model):
    """This deployment may write to this base. See `sync/guard.py`."""

    base_id = models.CharField(max_length=32, unique=True)
    deployment_id = models.CharField(max_length=64)
    bound_at = models.DateTimeField(default=timezone.now)
    bound_by = models.CharField(max_length=120, blank=True, default="")
    paused = models.BooleanField(
        default=False, help_text=_("Stop all traffic with Airtable until this is cleared.")
    )
    monthly_requests = models.PositiveIntegerField(
        _("requests a month"),
        null=True,
        blank=True,
        help_text=_(
            "What the Airtable plan allows the whole workspace, or the share of it that is ours; "
            "empty where it does not count. Whole tables stop at 80 %, changes at 90 %, what somebody "
            "waits for at 95 %, people who cannot get in at the end."
        ),
    )
    # Airtable asked for a pause. Redis keeps it for every process; this outlives Redis.
    held_until = models.DateTimeField(null=True, blank=True)
    held_reason = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("base")
        verbose_name_plural = _("pause and resume")
        triggers = audited(ignored=("held_until", "held_reason"))

    def __str__(self) -> str:
        return self.base_id


class TableState(models.Model):
    """An operator has stopped one table; the others go on. Without a row a table is not stopped."""

    table = models.CharField(max_length=64, unique=True)
    paused = models.BooleanField(default=False, db_default=False)
    paused_by = models.CharField(max_length=120, blank=True, default="", db_default="")
    paused_at = models.DateTimeField(null=True, blank=True)
    # Whatever was modified before this was asked of Airtable and merged (`sync/poll.py`).
    polled_until = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True, default="", db_default="")

    class Meta:
        triggers = audited(ignored=("polled_until",))

    def __str__(self) -> str:
        return f"{self.table}: {'paused' if self.paused else 'running'}"


class SyncConflict(models.Model):
    """A field whose two sides disagreed, or an edit that was refused: both values, and who won."""

    class Winner(models.TextChoices):
        LOCAL = "local", _("Office Hours")
        REMOTE = "remote", _("Airtable")

    subject = models.CharField(max_length=32)
    object_id = models.UUIDField()
    field = models.CharField(max_length=64)
    ancestor = models.JSONField(null=True, blank=True)
    local = models.JSONField(null=True, blank=True)
    remote = models.JSONField(null=True, blank=True)
    winner = models.CharField(max_length=8, choices=Winner)
    reason = models.TextField(blank=True, default="")
    at = models.DateTimeField(default=timezone.now)
    # Somebody had the other value put in its place after all.
    taken_at = models.DateTimeField(null=True, blank=True)
    taken_by = models.CharField(max_length=120, blank=True, default="", db_default="")

    class Meta:
        verbose_name = _("conflict")
        verbose_name_plural = _("conflicts")
        constraints = [
            models.CheckConstraint(
                condition=Q(winner__in=["local", "remote"]), name="conflict_winner_is_known"
            )
        ]
        indexes = [
            models.Index(fields=["subject", "object_id", "-at"], name="conflicts_of_an_object"),
            models.Index(fields=["-at"], name="conflicts_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.field}: {self.get_winner_display()} won"


class AutomationReceipt(models.Model):
    """The digest of an Automation post already taken, so that a replay changes nothing."""

    digest = models.CharField(max_length=64, unique=True)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["received_at"], name="receipts_by_age")]

    def __str__(self) -> str:
        return self.digest


class ApiUsage(models.Model):
    """Requests to a base, counted by the minute."""

    base_id = models.CharField(max_length=32)
    minute = models.DateTimeField()
    requests = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["base_id", "minute"], name="a_minute_is_counted_once")
        ]

    def __str__(self) -> str:
        return f"{self.base_id} {self.minute:%Y-%m-%d %H:%M}: {self.requests}"


class SyncLag(models.Model):
    """How long one change took to reach the other side. Kept for a day."""

    class Direction(models.TextChoices):
        OUT = "out", _("To Airtable")
        IN = "in", _("From Airtable")

    direction = models.CharField(max_length=4, choices=Direction)
    seconds = models.FloatField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(direction__in=["out", "in"]), name="lag_direction_is_known"
            )
        ]
        indexes = [models.Index(fields=["-at"], name="lags_by_age")]

    def __str__(self) -> str:
        return f"{self.direction} {self.seconds:.1f} s"


class SyncEvent(models.Model):
    """Something that happened to one record: what an operator reads to learn what changed it.

    Written through `sync/history.py`, in the transaction of what happened where there is one.
    Kept for 90 days.
    """

    class Direction(models.TextChoices):
        OUT = "out", _("To Airtable")
        IN = "in", _("From Airtable")

    class Kind(models.TextChoices):
        CREATED = "created", _("Created")
        SENT = "sent", _("Sent")
        DELETED = "deleted", _("Deleted")
        APPLIED = "applied", _("Applied")
        CONFLICT = "conflict", _("Conflict")
        REFUSED = "refused", _("Refused")
        PUT_OFF = "put_off", _("Put off")
        DEAD = "dead", _("Given up")
        REPLAYED = "replayed", _("Tried again")
        IGNORED = "ignored", _("Ignored")
        LINKED = "linked", _("Linked")
        RESTORED = "restored", _("Restored")
        RECONCILED = "reconciled", _("Reconciled")

    subject = models.CharField(max_length=32)
    # None where a record stands for nothing here.
    object_id = models.UUIDField(null=True, blank=True)
    record_id = models.CharField(max_length=32, blank=True, default="", db_default="")
    direction = models.CharField(max_length=4, choices=Direction)
    kind = models.CharField(max_length=12, choices=Kind)
    # {"Bio": ["before", "after"]}, canonical, long texts cut.
    fields = models.JSONField(default=dict)
    detail = models.TextField(blank=True, default="", db_default="")
    run = models.CharField(max_length=64, blank=True, default="", db_default="")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("what happened")
        constraints = [
            models.CheckConstraint(
                condition=Q(direction__in=["out", "in"]), name="event_direction_is_known"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=[
                        "created", "sent", "deleted", "applied", "conflict", "refused", "put_off",
                        "dead", "replayed", "ignored", "linked", "restored", "reconciled",
                    ]
                ),
                name="event_kind_is_known",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["object_id", "-at"], name="events_of_an_object"),
            models.Index(
                fields=["record_id", "-at"], condition=~Q(record_id=""), name="events_of_a_record"
            ),
            models.Index(fields=["-at"], name="events_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.object_id}: {self.kind}"
