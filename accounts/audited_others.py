"""Tables of other people's apps whose changes are kept, as proxies that carry the triggers."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django_celery_beat.models import PeriodicTask

from accounts.audit import audited


class AuditedEmailAddress(EmailAddress):  # type: ignore[misc]
    class Meta:
        proxy = True
        triggers = audited(about="user_id")


class AuditedAuthenticator(Authenticator):  # type: ignore[misc]
    """A second factor. Its secret is in `data`."""

    class Meta:
        proxy = True
        triggers = audited(ignored=("last_used_at",), hidden=("data",), about="user_id")


class AuditedSchedule(PeriodicTask):  # type: ignore[misc]
    class Meta:
        proxy = True
        triggers = audited(ignored=("last_run_at", "total_run_count", "date_changed"))
