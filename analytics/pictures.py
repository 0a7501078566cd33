"""Which charts the console shows, made of the figures of one refresh."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final, TypeVar

from django.utils.translation import gettext as _

from accounts.dates import date_format
from analytics import selectors
from analytics.charts import Chart, Series
from analytics.measures import BY_NAME, NUMBER, PERCENT, STARS
from analytics.models import FeedbackWeek, MatchDay, Refresh, SessionDay
from analytics.selectors import Standing

# Of matching it is each day that is shown, of so many.
MATCH_DAYS: Final = 42
Row = TypeVar("Row", SessionDay, MatchDay)


def charts(refresh: Refresh, standings: Sequence[Standing]) -> list[Chart]:
    """All of them, in the order in which they are read. Three queries."""
    by_name = {one.measure.name: one for one in standings}
    weeks = _weeks(list(selectors.session_days(refresh)))
    matches = list(selectors.match_days(refresh))
    return [
        _trend(
            "use", _("Mentors in use"), by_name, ["utilization", "possible"], target="utilization"
        ),
        Chart(
            "sessions", _("Sessions"), _("By week: booked in it, held in it, missed in it."), NUMBER,
            [_day(week) for week, _rows in weeks],
            [
                Series(_("Booked"), [_sum(rows, "made") for _week, rows in weeks]),
                Series(_("Completed"), [_sum(rows, "completed") for _week, rows in weeks]),
                Series(_("No-shows"), [_sum(rows, "no_shows") for _week, rows in weeks]),
            ],
            bars=True,
        ),
        _matching(matches[-MATCH_DAYS:]),
        _fit(matches[-MATCH_DAYS:]),
        _ratings(list(selectors.feedback_weeks(refresh))),
        _trend(
            "coverage", _("Sessions rated in time"), by_name, ["rated_in_time"], target="rated_in_time"
        ),
        _trend("no_shows", _("No-shows"), by_name, ["no_shows"]),
        _trend(
            "adoption", _("Who takes part"), by_name, ["mentors_active", "mentees_active"],
            target="mentors_active",
        ),
        _trend("growth", _("Growth in bookings"), by_name, ["growth"], target="growth"),
    ]  # fmt: skip


def _trend(
    name: str,
    title: str,
    by_name: dict[str, Standing],
    names: Sequence[str],
    target: str | None = None,
) -> Chart:
    """Measures of success over half a year."""
    days = sorted({point.day for one in names for point in by_name[one].points})
    series = []
    for one in names:
        values = {point.day: point.value for point in by_name[one].points}
        series.append(Series(_(BY_NAME[one].label), [values.get(day) for day in days]))
    return Chart(
        name,
        title,
        " ".join(_(BY_NAME[one].meaning) for one in names),
        BY_NAME[names[0]].unit,
        [_day(day) for day in days],
        series,
        target=BY_NAME[target].target if target else None,
    )


def _matching(days: Sequence[MatchDay]) -> Chart:
    return Chart(
        "matching", _("What became of requests"),
        _("By day (UTC): of the requests, how many led to a mentor's page, and to a session."), PERCENT,
        [_day(row.day) for row in days],
        [
            Series(_("A mentor opened"), [_share(row.opened, row.requests) for row in days]),
            Series(_("A session booked"), [_share(row.booked, row.requests) for row in days]),
        ],
    )  # fmt: skip


def _fit(days: Sequence[MatchDay]) -> Chart:
    return Chart(
        "fit", _("How well the first mentor fits"),
        _("By day (UTC): the mean score of the first mentor shown, of 100."), NUMBER,
        [_day(row.day) for row in days],
        [Series(_("Score of the first"), [row.best_score for row in days])],
    )  # fmt: skip


def _ratings(rows: Sequence[FeedbackWeek]) -> Chart:
    weeks = sorted({row.week for row in rows})
    by_side = {(row.week, row.side): row.overall for row in rows}
    return Chart(
        "ratings", _("Ratings"), _("Mean of the sessions that ended in a week, of 5."), STARS,
        [_day(week) for week in weeks],
        [
            Series(_("By mentees"), [by_side.get((week, "mentee")) for week in weeks]),
            Series(_("By mentors"), [by_side.get((week, "mentor")) for week in weeks]),
        ],
        target=BY_NAME["rating"].target,
    )  # fmt: skip


def _weeks(days: Sequence[Row]) -> list[tuple[date, list[Row]]]:
    """By their Mondays; a first week that is not whole is left out."""
    monday: Callable[[Row], date] = lambda row: row.day - timedelta(days=row.day.weekday())  # noqa: E731
    weeks = [(week, list(rows)) for week, rows in groupby(days, key=monday)]
    return weeks[1:] if weeks and len(weeks[0][1]) < 7 else weeks


def _sum(rows: Sequence[Any], name: str) -> float:
    return float(sum(getattr(row, name) for row in rows))


def _share(part: int, of: int) -> float | None:
    return part / of if of else None


def _day(day: date) -> str:
    return date_format(day, "j M")
