from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import AppConfig
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from accounts.models import User


class MentorsConfig(AppConfig):
    name = "mentors"
    verbose_name = gettext_lazy("People and skills")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import signals

        signals.locking.connect(_lock_rows, dispatch_uid="mentors.lock_rows")
        signals.signed_up.connect(_become_mentee, dispatch_uid="mentors.become_mentee")


def _lock_rows(*, user_id: UUID, **_: Any) -> None:
    from mentors.services import lock_rows_of

    lock_rows_of(user_id)


def _become_mentee(*, user: User, now: datetime, **_: Any) -> None:
    from mentors.services import become_mentee

    become_mentee(user=user, now=now)
