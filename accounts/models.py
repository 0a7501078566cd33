from __future__ import annotations

import uuid
import zoneinfo
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.audit import audited

# Zones a person may choose. The set is read once: reading the tz database costs milliseconds.
TIME_ZONES = frozenset(zoneinfo.available_timezones())
# What may stand before a name without being one.
_TITLES = frozenset({"dr", "prof", "professor", "mr", "mrs", "ms", "mx", "sir", "dame"})


class WebAddressField(models.URLField):  # type: ignore[type-arg]  # not subscriptable at run time
    """A URL whose form reads an address without a scheme as https, as Django 6 will."""

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"assume_scheme": "https", **kwargs})

    def deconstruct(self) -> Any:
        # To the schema it is a URLField like any other.
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.URLField", args, kwargs


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a person. No password means sign-in by e-mailed code only."""
        user = self.model(email=normal_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        fields.setdefault("name", email.partition("@")[0])
        return self.create_user(
            email, password, **{"role": User.Role.ADMIN, "is_superuser": True, **fields}
        )

    async def aget_by_natural_key(self, username: str | None) -> User:
        return await self.aget(email__iexact=username)

    def get_by_natural_key(self, username: str | None) -> User:
        # The address is unique whatever the case, so signing in must not depend on it either.
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in. What they are to the program is `role` and their Mentor or Mentee row."""

    class Role(models.TextChoices):
        MENTEE = "mentee", _("Mentee")
        MENTOR = "mentor", _("Mentor")
        PM = "pm", _("Program manager")
        ADMIN = "admin", _("Administrator")

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        INACTIVE = "inactive", _("Inactive")
        SUSPENDED = "suspended", _("Suspended")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail"))
    name = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=16, choices=Role, default=Role.MENTEE)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    # Django asks `is_active` on every request; generated, it cannot disagree with the status, so a
    # suspension by any path (admin, SQL) signs the person out at the next request.
    is_active = models.GeneratedField(
        expression=Q(status="active"),  # type: ignore[arg-type]  # a Q is an expression too
        output_field=models.BooleanField(),
        db_persist=True,
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=8, default="en")
    photo_source = WebAddressField(_("photo address"), blank=True)
    photo = models.FileField(upload_to="photos/", blank=True, editable=False)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Part of every session's and token's hash: one more, and all of them have ended.
    sign_in_epoch = models.PositiveIntegerField(default=0, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="email_is_unique_whatever_the_case"),
            models.CheckConstraint(condition=~Q(email=""), name="user_has_an_email"),
            models.CheckConstraint(
                condition=Q(role__in=["mentee", "mentor", "pm", "admin"]), name="user_role_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "inactive", "suspended"]),
                name="user_status_is_known",
            ),
        ]
        triggers = audited(
            ignored=("last_seen_at", "last_login", "sign_in_epoch"), hidden=("password",)
        )

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_staff(self) -> bool:
        """May open the admin; what they may do there is a matter of their groups."""
        return self.role in (self.Role.PM, self.Role.ADMIN)

    @property
    def is_program_manager(self) -> bool:
        return self.is_staff

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zone_of(self.time_zone)

    @property
    def initials(self) -> str:
        words = _without_title(self.name) or [self.email]
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()

    @property
    def photo_url(self) -> str:
        """The photo as served by us; empty until a worker has fetched one."""
        return self.photo.url if self.photo else ""

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Django hashes the password alone. A suspension must end sessions for good: by the password
        # alone they would come back to life when the person is active again.
        return salted_hmac(
            "accounts.User.session",
            f"{self.sign_in_epoch}:{self.password}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        words = _without_title(self.name)
        return words[0] if words else self.email


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """The time zone of that name; UTC for a name that is none."""
    return zoneinfo.ZoneInfo(name if name in TIME_ZONES else "UTC")


def _without_title(name: str) -> list[str]:
    """The words of a name as people are spoken of: nobody meets "Dr" or has the initials D. F."""
    words = name.split()
    return words[1:] if len(words) > 1 and words[0].rstrip(".").lower() in _TITLES else words


def normal_email(email: str) -> str:
    """The form an address is kept in: no blanks around it, all lower case."""
    return email.strip().lower()


class ApiToken(models.Model):
    """A bearer token of a script or simple client. Only its hash is kept.

    `session_hash` is a keyed hash of the password at the time: a new password ends the token, by
    whatever path the password changed.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    session_hash = models.CharField(max_length=128, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"token of {self.user_id} until {self.expires_at:%Y-%m-%d}"


class IdempotencyRecord(models.Model):
    """The answer given to a POST with an Idempotency-Key, kept 24 hours to be given again."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    path = models.CharField(max_length=255)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "path", "key"], name="idempotency_key_is_used_once_per_path"
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_expiry")]

    def __str__(self) -> str:
        return f"{self.path} {self.key}"


class ProgramSettings(models.Model):
    """The one program that this deployment serves. One row."""

    class SignUp(models.TextChoices):
        OPEN = "open", _("Anyone may sign up")
        INVITED = "invited", _("Only people we know")

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(max_length=80, default="Office Hours")
    logo_url = WebAddressField(blank=True)
    support_email = models.EmailField(blank=True)
    sign_up = models.CharField(max_length=8, choices=SignUp, default=SignUp.OPEN)
    cancel_cutoff_minutes = models.PositiveIntegerField(
        default=0,
        help_text=_("How long before the start a mentee may still cancel. 0: until it starts."),
    )
    reschedule_cutoff_minutes = models.PositiveIntegerField(
        default=120, help_text=_("How long before the start a session may still be moved.")
    )
    pending_lapses_after_hours = models.PositiveSmallIntegerField(default=48)
    dispute_hours = models.PositiveSmallIntegerField(
        default=48, help_text=_("How long after a session an absence may be reported or disputed.")
    )
    waitlist_offer_minutes = models.PositiveSmallIntegerField(
        default=720, help_text=_("How long a freed time is held for the next on the waitlist.")
    )
    self_service_hold_minutes = models.PositiveSmallIntegerField(
        default=0,
        help_text=_("How long a mentee may hold a time before booking it. 0: they may not."),
    )
    shows_group_attendees = models.BooleanField(
        default=False, help_text=_("Whether the people of a group session see one another's names.")
    )
    default_session_minutes = models.PositiveSmallIntegerField(default=30)
    language_model_helps = models.BooleanField(
        default=False,
        help_text=_(
            "A language model may help to find mentors. Then what a mentee asks, and what mentors "
            "show of themselves, goes to its provider, without names or e-mail addresses. It needs "
            "OPENAI_API_KEY."
        ),
    )

    audit_months = models.PositiveSmallIntegerField(
        _("changes are kept for"),
        default=24,
        db_default=24,
        help_text=_("How many months it is kept who changed what."),
    )

    class Meta:
        verbose_name = _("program settings")
        verbose_name_plural = _("program settings")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="there_is_one_program"),
            models.CheckConstraint(
                condition=Q(sign_up__in=["open", "invited"]), name="program_sign_up_is_known"
            ),
        ]
        triggers = audited()

    def __str__(self) -> str:
        return self.name


class AuditEntry(models.Model):
    """Who changed what, when and from where. Written by the triggers of `accounts/audit.py` alone."""

    class Action(models.TextChoices):
        ADDED = "added", _("Added")
        CHANGED = "changed", _("Changed")
        REMOVED = "removed", _("Removed")

    at = models.DateTimeField()
    action = models.CharField(max_length=8, choices=Action)
    subject = models.CharField(max_length=64, help_text=_("The model, as mentors.mentor."))
    object_id = models.CharField(max_length=40)
    # The row on whose page this one is shown, where that is another: a mentor, for their expertise.
    about = models.CharField(max_length=40, blank=True)
    # Without a constraint: each write would have to look the person up, and who is gone stays named
    # until they are erased.
    actor = models.ForeignKey(
        User,
        null=True,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    address = models.CharField(max_length=64, blank=True)
    origin = models.CharField(max_length=200)
    # {column: [before, after]}; null where only that it changed is kept.
    changes = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("change")
        indexes = [
            models.Index(fields=["object_id", "-id"], name="changes_of_an_object"),
            models.Index(
                fields=["about", "-id"], condition=~Q(about=""), name="changes_about_an_object"
            ),
            models.Index(
                fields=["actor", "-id"],
                condition=Q(actor__isnull=False),
                name="changes_by_a_person",
            ),
            BrinIndex(fields=["at"], name="changes_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.action}"


class SavedView(models.Model):
    """A list of the console as somebody keeps it: which rows, in which order, under a name."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=80, help_text=_("The list: app and model."))
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000, blank=True)
    is_shared = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "owner", "page", Lower("name"), name="a_view_of_a_list_is_named_once_per_person"
            )
        ]
        indexes = [models.Index(fields=["page"], name="views_of_a_list")]

    def __str__(self) -> str:
        return self.name
