from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.roles import PROGRAM_MANAGERS

TOKEN_LIFE = timedelta(days=90)


def issue_token(*, user: User, now: datetime) -> tuple[str, ApiToken]:
    """A new bearer token for that person, shown once: only its hash is kept."""
    token = f"oh_{secrets.token_urlsafe(32)}"
    row = ApiToken.objects.create(
        user=user,
        digest=_digest(token),
        session_hash=user.get_session_auth_hash(),
        created_at=now,
        expires_at=now + TOKEN_LIFE,
    )
    return token, row


def token_of(token: str) -> ApiToken | None:
    """The row of a live token, or None: unknown, expired, person not active, password changed since."""
    row = ApiToken.objects.select_related("user").filter(digest=_digest(token)).first()
    if row is None or row.expires_at <= timezone.now() or not row.user.is_active:
        return None
    if not secrets.compare_digest(row.session_hash, row.user.get_session_auth_hash()):
        return None
    return row


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def set_role(*, user: User, role: str) -> User:
    """Give a person a role, and the group that carries its permissions."""
    user.role = User.Role(role)
    user.save(update_fields=["role"])
    group, _created = Group.objects.get_or_create(name=PROGRAM_MANAGERS)
    if user.role == User.Role.PM:
        user.groups.add(group)
    else:
        user.groups.remove(group)
    return user
