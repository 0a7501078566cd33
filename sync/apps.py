from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from allauth.account.models import EmailAddress

    from accounts.models import User


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = gettext_lazy("Airtable")
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        super().import_models()
        from sync import capture, people_models  # noqa: F401  the proxies carry the triggers
        from sync.reconcile import models as reconcile  # noqa: F401
        from sync.rollout import models as rollout  # noqa: F401

    def ready(self) -> None:
        from allauth.account.signals import email_confirmed
        from django.contrib.auth.signals import user_logged_in

        user_logged_in.connect(_note_claimed, dispatch_uid="sync.note_claimed")
        email_confirmed.connect(_note_confirmed, dispatch_uid="sync.note_confirmed")


def _note_claimed(*, user: User, **_: Any) -> None:
    from django.utils import timezone

    from sync import invitations

    invitations.note_claimed(user=user, now=timezone.now())


def _note_confirmed(*, email_address: EmailAddress, **_: Any) -> None:
    from django.utils import timezone

    from sync import sign_in_addresses

    sign_in_addresses.note_confirmed(address=email_address, now=timezone.now())
