"""What of the program's sessions, feedback and mail needs a program manager: the console counts and lists it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import BooleanField, F, QuerySet
from django.db.models.expressions import RawSQL

from sessions_app.models import Feedback, MessagePreferences, Notification, Session

# A mentor's yes is due within 48 hours; after one of them somebody may remind them.
UNANSWERED_AFTER: Final = timedelta(days=1)
# What is older was seen, or will not be mended any more.
LATELY: Final = timedelta(days=14)
LOW: Final = 2  # stars, of 5

# `displaced.py` in SQL, for all mentors at once: hours that touch count as one, and an event of ours in a
# mentor's calendar displaces nothing.
_DISPLACED: Final = """(
    NOT (SELECT m.is_active AND u.is_active FROM mentors_mentor m
         JOIN accounts_user u ON u.id = m.user_id WHERE m.id = sessions_app_session.mentor_id)
    OR EXISTS (
        SELECT FROM sessions_app_meeting t
        WHERE t.id = sessions_app_session.meeting_id AND t.agreed_local <> '' AND t.agreed_local
            <> to_char(t.starts_at AT TIME ZONE t.zone, 'YYYY-MM-DD"T"HH24:MI'))
    OR NOT tstzrange(sessions_app_session.starts_at, sessions_app_session.ends_at) <@ coalesce(
        (SELECT range_agg(tstzrange(w.starts_at, w.ends_at)) FROM sessions_app_availabilitywindow w
         WHERE w.mentor_id = sessions_app_session.mentor_id AND w.is_active
            AND w.starts_at < sessions_app_session.ends_at
            AND w.ends_at > sessions_app_session.starts_at), '{}'::tstzmultirange)
    OR EXISTS (
        SELECT FROM sessions_app_busytime b
        WHERE b.mentor_id = sessions_app_session.mentor_id
            AND b.starts_at < sessions_app_session.ends_at
            AND b.ends_at > sessions_app_session.starts_at
            AND NOT EXISTS (
                SELECT FROM sessions_app_session own
                WHERE own.meeting_id = sessions_app_session.meeting_id
                    AND b.uid = own.id::text || '@office-hours'))
)"""


def displaced(*, now: datetime) -> QuerySet[Session]:
    """Sessions to come, of whatever mentor, that the hours no longer carry and nobody has let stand."""
    return Session.objects.filter(
        RawSQL(_DISPLACED, (), output_field=BooleanField()),  # noqa: S611  a constant
        status__in=Session.LIVE,
        starts_at__gt=now,
        kept_at=None,
    )


def unanswered(*, now: datetime) -> QuerySet[Session]:
    """Requests that have waited for their mentor's yes for more than a day."""
    return Session.objects.filter(
        status=Session.Status.PENDING, created_at__lt=now - UNANSWERED_AFTER, starts_at__gt=now
    )


def low_ratings(*, now: datetime) -> QuerySet[Feedback]:
    """One or two stars by a mentee, in the last two weeks."""
    return Feedback.objects.filter(
        side=Feedback.Side.MENTEE, overall__lte=LOW, submitted_at__gte=now - LATELY
    )


def undelivered(*, now: datetime) -> QuerySet[Notification]:
    """Messages of the last two weeks that cannot be delivered."""
    return Notification.objects.filter(
        state=Notification.State.FAILED, created_at__gte=now - LATELY
    )


def unreachable() -> QuerySet[MessagePreferences]:
    """People whose address refuses our mail. (Another address since then is another chance.)"""
    return MessagePreferences.objects.exclude(bounced_email="").filter(
        bounced_email__iexact=F("user__email")
    )
