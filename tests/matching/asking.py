"""Asking for mentors as each request does, and looking at the answer."""

from __future__ import annotations

import psycopg
from django.utils import timezone

from accounts.models import User
from benchmarks.servers import environment
from matching import services
from matching.models import MatchRequest
from tests.matching.worlds import ROUND


def ask(user, query=ROUND, *, limit=5, now=None, **filters):
    """The answer, as each request finds it: with a person that was just read."""
    return services.match(
        query=query,
        user=User.objects.get(pk=user.pk),
        filters=services.Filters(**filters),
        limit=limit,
        now=now or timezone.now(),
    )


def is_kept(answer):
    return MatchRequest.objects.get(pk=answer.request_id).from_cache


def said(answer):
    """All of an answer that is shown."""
    return [
        (
            match.mentor.pk, str(match.mentor.user), match.mentor.headline, match.score, match.reasons,
            match.slots, match.is_bookable, [str(skill) for skill in match.mentor.expertise.all()],
        )
        for match in answer.matches
    ]  # fmt: skip


def names(answer):
    return [str(match.mentor.user) for match in answer.matches]


def sql(statement, *values):
    """From elsewhere, as a person with psql would."""
    with psycopg.connect(environment()["DATABASE_URL"], autocommit=True) as other:
        other.execute(statement, values)
