"""What needs a program manager today: each with a count, and the list in which it is mended.

A question is asked once, here: the number on the home page and the rows of the list that it leads to are
the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Case, Count, F, FloatField, QuerySet, Value, When
from django.db.models.functions import Extract
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _, ngettext_lazy
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.console import mentors
from sessions_app.selectors import attention as sessions
from sync.models import OutboxRow, SyncConflict

Rows = Callable[[datetime], QuerySet[Any]]

CONFLICTS_SINCE: Final = timedelta(days=7)
# Beat writes down when it ran what every three minutes.
_SLACK: Final = 300.0
_SECONDS: Final = {
    IntervalSchedule.DAYS: 86400.0, IntervalSchedule.HOURS: 3600.0, IntervalSchedule.MINUTES: 60.0,
    IntervalSchedule.SECONDS: 1.0, IntervalSchedule.MICROSECONDS: 1e-6,
}  # fmt: skip


def conflicts(now: datetime) -> QuerySet[SyncConflict]:
    """Edits on both sides of which one won, of the last week, that nobody has undone."""
    return SyncConflict.objects.filter(at__gte=now - CONFLICTS_SINCE, taken_at=None)


def refused(_now: datetime) -> QuerySet[OutboxRow]:
    """What Airtable refused for good."""
    return OutboxRow.objects.filter(status=OutboxRow.Status.DEAD)


def late_schedules(now: datetime) -> QuerySet[PeriodicTask]:
    """Schedules that are on and have not run for three times their interval."""
    rows: QuerySet[PeriodicTask] = PeriodicTask.objects.annotate(
        age=Extract(Value(now) - F("last_run_at"), "epoch"),
        # In floating point: a month in microseconds is no integer of the database's.
        unit=Case(
            *(When(interval__period=period, then=Value(s)) for period, s in _SECONDS.items()),
            output_field=FloatField(),
        ),
    )
    return rows.filter(enabled=True, age__gt=F("interval__every") * F("unit") * 3.0 + _SLACK)


@dataclass(frozen=True)
class Question:
    """Something that may need somebody.

    Args:
        name: for addresses: the list shows these rows with `?needs=name`.
        label: the choice in the list's filter.
        says: what is the matter, said after its number.
        why: what a manager can do about it, in a few words.
        model: app and model of the list, which is also whose permission it takes.
        severe: people wait, or lose something.
    """

    name: str
    label: Any
    says: Any
    why: Any
    model: str
    rows: Rows
    severe: bool = False

    @property
    def permission(self) -> str:
        app, model = self.model.split(".")
        return f"{app}.view_{model}"

    @property
    def url(self) -> str:
        """The list with just these rows."""
        app, model = self.model.split(".")
        return f"{reverse(f'admin:{app}_{model}_changelist')}?needs={self.name}"


QUESTIONS: Final[Sequence[Question]] = (
    Question(
        "displaced", _("Outside the hours"),
        ngettext_lazy("session outside its mentor's hours", "sessions outside their mentor's hours"),
        _("Move it, cancel it or let it stand"),
        "sessions_app.session", lambda now: sessions.displaced(now=now), severe=True,
    ),
    Question(
        "unanswered", _("Waits for a yes"),
        ngettext_lazy("request waits for a mentor's yes", "requests wait for a mentor's yes"),
        _("For more than a day"),
        "sessions_app.session", lambda now: sessions.unanswered(now=now), severe=True,
    ),
    Question(
        "unreachable", _("Refuses our mail"),
        ngettext_lazy("person whom our mail does not reach", "people whom our mail does not reach"),
        _("Their address refused it"),
        "sessions_app.messagepreferences", lambda now: sessions.unreachable(), severe=True,
    ),
    Question(
        "undelivered", _("Not delivered"),
        ngettext_lazy("message that could not be delivered", "messages that could not be delivered"),
        _("In two weeks"),
        "sessions_app.notification", lambda now: sessions.undelivered(now=now),
    ),
    Question(
        "refused", _("Refused by Airtable"),
        ngettext_lazy("record that Airtable refused", "records that Airtable refused"),
        _("Each with its reason"),
        "sync.outboxrow", refused, severe=True,
    ),
    Question(
        "conflicts", _("Lost, not undone"),
        ngettext_lazy("edit lost against the other side's", "edits lost against the other side's"),
        _("In a week; the other value can still be taken"),
        "sync.syncconflict", conflicts,
    ),
    Question(
        "hours", _("Without hours"),
        ngettext_lazy("active mentor without hours", "active mentors without hours"),
        _("Nobody can book them"),
        "mentors.mentor", mentors.without_hours,
    ),
    Question(
        "unused", _("Never booked in 28 days"),
        ngettext_lazy("mentor offers hours and is not booked", "mentors offer hours and are not booked"),
        _("In 28 days"),
        "mentors.mentor", mentors.unused,
    ),
    Question(
        "unindexed", _("Not in the search yet"),
        ngettext_lazy("mentor whom the search does not know yet", "mentors whom the search does not know yet"),
        _("Profiles are indexed within seconds"),
        "mentors.mentor", mentors.unindexed,
    ),
    Question(
        "low", _("One or two stars"),
        ngettext_lazy("session rated one or two stars", "sessions rated one or two stars"),
        _("In two weeks"),
        "sessions_app.feedback", lambda now: sessions.low_ratings(now=now),
    ),
    Question(
        "late", _("Does not run"),
        ngettext_lazy("schedule that does not run", "schedules that do not run"),
        _("A worker or beat may have stopped"),
        "django_celery_beat.periodictask", late_schedules, severe=True,
    ),
)  # fmt: skip


def rows_of(name: str, model: str, *, now: datetime) -> QuerySet[Any] | None:
    """The rows that a question is about, if it is one about this model (app.model)."""
    for question in QUESTIONS:
        if question.name == name and question.model == model:
            return question.rows(now)
    return None


def counts(questions: Mapping[str, QuerySet[Any]]) -> dict[str, int]:
    """How many rows each question finds: one query, however many they are."""
    if not questions:
        return {}
    parts = [
        rows.order_by().annotate(question=Value(name)).values("question").annotate(n=Count("pk"))
        for name, rows in questions.items()
    ]
    first, *others = (part.values_list("question", "n") for part in parts)
    found = dict(first.union(*others, all=True))
    return {name: found.get(name, 0) for name in questions}


@dataclass(frozen=True)
class Need:
    """A question that found something."""

    question: Question
    count: int

    @property
    def sentence(self) -> str:
        return str(self.question.says % self.count)


def asked_by(request: HttpRequest) -> list[Question]:
    """The questions whose lists this person may open."""
    return [one for one in QUESTIONS if request.user.has_perm(one.permission)]


def needs(questions: Sequence[Question], found: Mapping[str, int]) -> list[Need]:
    """What somebody has to see to, the urgent first."""
    some = [Need(one, found[one.name]) for one in questions if found[one.name]]
    return sorted(some, key=lambda need: not need.question.severe)
