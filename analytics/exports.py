"""What program managers may take away as CSV: sessions, feedback, mentors, and the figures.

Rows come straight from the database's cursor, a few thousand at a time, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import OuterRef, QuerySet, Subquery

from analytics import csv_file, selectors
from analytics.models import MentorFigures
from mentors.models import Expertise, Mentor
from sessions_app.models import Feedback, Session

_AT_ONCE: Final = 2000
# Instants, half-open; None: no end on that side.
Period = tuple[datetime | None, datetime | None]
Rows = Iterator[Sequence[Any]]


@dataclass(frozen=True)
class Dataset:
    """A table to take away.

    Args:
        permission: what a person must be allowed to see.
        by: what its period is about, in words; "" where it has none.
    """

    name: str
    label: str
    permission: str
    by: str
    header: Sequence[str]
    rows: Callable[[Period], Rows]

    def lines(self, period: Period) -> Iterator[str]:
        """The file, in pieces."""
        return csv_file.lines(self.header, self.rows(period))


def _within(rows: QuerySet[Any], column: str, period: Period) -> QuerySet[Any]:
    first, last = period
    if first is not None:
        rows = rows.filter(**{f"{column}__gte": first})
    if last is not None:
        rows = rows.filter(**{f"{column}__lt": last})
    return rows


def _cursor(rows: QuerySet[Any], columns: Mapping[str, str]) -> Rows:
    return rows.values_list(*columns.values()).iterator(chunk_size=_AT_ONCE)


# Heading -> column. What the two people noted for themselves is in none of them.
_SESSIONS: Final = {
    "Session": "pk",
    "Starts (UTC)": "starts_at",
    "Ends (UTC)": "ends_at",
    "Status": "status",
    "Mentor": "mentor__user__name",
    "Mentor e-mail": "mentor__user__email",
    "Mentee": "mentee__user__name",
    "Mentee e-mail": "mentee__user__email",
    "Company": "mentee__company",
    "Goal": "goal",
    "Booked at (UTC)": "created_at",
    "From a search": "match_request",
    "Mentor joined (UTC)": "mentor_joined_at",
    "Mentee joined (UTC)": "mentee_joined_at",
    "Mentor came": "mentor_attendance",
    "Mentee came": "mentee_attendance",
    "Rating by mentee": "rating_by_mentee",
    "Rating by mentor": "rating_by_mentor",
}
_FEEDBACK: Final = {
    "Session": "session_id",
    "Session starts (UTC)": "session__starts_at",
    "Mentor": "session__mentor__user__name",
    "Mentee": "session__mentee__user__name",
    "By": "side",
    "Overall": "overall",
    "Expertise": "expertise",
    "Communication": "communication",
    "Helpfulness": "helpfulness",
    "Goals achieved": "goals_achieved",
    "Would recommend": "would_recommend",
    "Follow-up needed": "follow_up_needed",
    "Topics": "topics",
    "Tags": "tags",
    "Comment": "comment",
    "Given at (UTC)": "submitted_at",
}
_OF_FIGURES: Final = ("offered", "room", "booked", "completed", "no_shows", "utilization", "rating")
_MENTORS: Final = {
    "Mentor": "pk",
    "Name": "user__name",
    "E-mail": "user__email",
    "Company": "company",
    "Title": "title",
    "Areas": "areas",
    "Industries": "industries",
    "Stages": "stages",
    "Active": "is_active",
    "Visibility": "visibility",
    "Sessions a week at most": "weekly_load_cap",
    "Joined at (UTC)": "created_at",
    "Next open start (UTC)": "opening__next_start",
    "Seats offered in 28 days": "offered",
    "of which within the cap": "room",
    "Booked in 28 days": "booked",
    "Completed in 28 days": "completed",
    "No-shows in 28 days": "no_shows",
    "Utilization": "utilization",
    "Rating in 28 days": "rating",
}
_MEASURES: Final = (
    "Measure", "Name", "Day", "Value", "Unit", "Target", "Looked at", "What it is",
)  # fmt: skip


def _sessions(period: Period) -> Rows:
    def rated(side: str) -> Subquery:
        given = Feedback.objects.filter(session=OuterRef("pk"), side=side)
        return Subquery(given.values("overall")[:1])

    rows = _within(Session.objects.order_by("starts_at", "pk"), "starts_at", period)
    rows = rows.annotate(rating_by_mentee=rated("mentee"), rating_by_mentor=rated("mentor"))
    for row in _cursor(rows, _SESSIONS):
        *before, from_search, m_joined, e_joined, m_came, e_came, by_mentee, by_mentor = row
        yield (
            *before, from_search is not None, m_joined, e_joined, m_came, e_came, by_mentee, by_mentor,
        )  # fmt: skip


def _feedback(period: Period) -> Rows:
    rows = Feedback.objects.order_by("submitted_at", "pk")
    return _cursor(_within(rows, "submitted_at", period), _FEEDBACK)


def _mentors(period: Period) -> Rows:
    del period  # they are as they are now
    refresh = selectors.latest()
    figures = MentorFigures.objects.filter(refresh=refresh, mentor=OuterRef("pk"))
    areas = (
        Expertise.objects.filter(mentor=OuterRef("pk"))
        .order_by()
        .values("mentor")
        .values(all=StringAgg("area", ", ", distinct=True))
    )
    rows = Mentor.objects.order_by("user__name", "pk").annotate(
        areas=Subquery(areas),
        **{name: Subquery(figures.values(name)[:1]) for name in _OF_FIGURES},
    )
    return _cursor(rows, _MENTORS)


def _measures(period: Period) -> Rows:
    refresh = selectors.latest()
    first, last = (moment.date() if moment else None for moment in period)
    for standing in selectors.standings(refresh) if refresh else ():
        measure = standing.measure
        for point in standing.points:
            if (first is None or point.day >= first) and (last is None or point.day < last):
                yield (
                    measure.label, measure.name, point.day, point.value, measure.unit, measure.target,
                    point.sample, measure.meaning,
                )  # fmt: skip


DATASETS: Final = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "sessions", "Sessions", "sessions_app.view_session", "when they start",
            tuple(_SESSIONS), _sessions,
        ),
        Dataset(
            "feedback", "Feedback", "sessions_app.view_feedback", "when it was given",
            tuple(_FEEDBACK), _feedback,
        ),
        Dataset("mentors", "Mentors", "mentors.view_mentor", "", tuple(_MENTORS), _mentors),
        Dataset(
            "analytics", "Measures of success, week by week", "analytics.view_refresh",
            "the day they are of", _MEASURES, _measures,
        ),
    )
}  # fmt: skip
