"""Mentors as program managers ask for them: by what they offer, how much of it is used, and who finds them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OrderBy, OuterRef, Q, QuerySet, Subquery

from analytics.models import MentorFigures, Refresh
from matching import embeddings
from matching.models import MentorIndex
from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow


def active() -> QuerySet[Mentor]:
    """Mentors who take part."""
    return Mentor.objects.filter(is_active=True, user__is_active=True)


def without_hours(now: datetime) -> QuerySet[Mentor]:
    """Active mentors who offer no hours from now on."""
    ahead = AvailabilityWindow.objects.filter(
        mentor=OuterRef("pk"), is_active=True, ends_at__gt=now
    )
    # Whoever has an opening has hours, so the windows of few are looked at.
    closed = Q(opening=None) | Q(opening__next_start=None) | Q(opening__next_start__lte=now)
    return active().filter(closed, ~Exists(ahead))


def unused(_now: datetime) -> QuerySet[Mentor]:
    """Active mentors who offered hours in the 28 days of the latest figures, and had no session."""
    idle = MentorFigures.objects.filter(refresh=latest_refresh(), offered__gt=0, booked=0)
    return active().filter(pk__in=idle.values("mentor"))


def unindexed(_now: datetime) -> QuerySet[Mentor]:
    """Active mentors of whom the model in use has no vectors, so that the search cannot find them by sense."""
    try:
        model = embeddings.backend().model_id
    except embeddings.EmbeddingUnavailable:  # without a model nobody is found by sense, by design
        return Mentor.objects.none()
    known = MentorIndex.objects.filter(mentor=OuterRef("pk"), model_id=model)
    return active().filter(~Exists(known))


def latest_refresh() -> Subquery:
    """The refresh that `analytics.selectors.latest` reads, within another query."""
    done = Refresh.objects.exclude(ended_at=None).filter(error="")
    return Subquery(done.order_by("-pk").values("pk")[:1])


class Known(F):
    """Something to sort a list by: those of whom it is not known come last in either direction."""

    def asc(self, **options: Any) -> OrderBy:
        return super().asc(**options, nulls_last=True)

    def desc(self, **options: Any) -> OrderBy:
        return super().desc(**options, nulls_last=True)
