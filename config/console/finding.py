"""One box that finds anything: pages of the console, people, sessions, questions and words.

One query per kind, a few rows of each, and only what the person who asks may open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from accounts.dates import date_format
from accounts.models import User
from config.admin_menu import navigation
from content.models import HelpPrompt, MessageTemplate
from matching.models import MatchPolicy, MatchRequest
from mentors.models import Mentee, Mentor
from sessions_app.models import Session

EACH: Final = 6
SHORTEST: Final = 2
# A mentor's or mentee's sessions are looked for by these people alone.
_PEOPLE: Final = 40


@dataclass(frozen=True)
class Hit:
    """Something that was found, and where it is."""

    title: str
    more: str
    url: str


@dataclass(frozen=True)
class Kind:
    """What was found of one kind."""

    title: str
    hits: Sequence[Hit]


def find(request: HttpRequest, text: str) -> list[Kind]:
    """What answers to these words, by kind. Nothing for fewer than two letters."""
    words = " ".join(text.replace("\0", "").split())[:200]
    if len(words) < SHORTEST:
        return []
    kinds = (Kind(title, hits[:EACH]) for title, hits in _kinds(request, words))
    return [kind for kind in kinds if kind.hits]


def _kinds(request: HttpRequest, words: str) -> Iterator[tuple[str, list[Hit]]]:
    may = request.user.has_perm
    code = _code(words)
    yield _("Pages"), _pages(request, words)
    people = [] if code else _people(words)
    ids = [user.pk for user in people]
    if may("mentors.view_mentor"):
        mentors = Mentor.objects.filter(Q(pk=code) if code else Q(user__in=ids) | _says(words))
        yield (
            _("Mentors"),
            _hits(mentors.select_related("user").order_by("user__name", "pk"), "company"),
        )
    if may("mentors.view_mentee"):
        mentees = Mentee.objects.filter(
            Q(pk=code) if code else Q(user__in=ids) | Q(company__icontains=words)
        )
        yield (
            _("Mentees"),
            _hits(mentees.select_related("user").order_by("user__name", "pk"), "company"),
        )
    if may("accounts.view_user"):
        yield (
            _("Everyone who signs in"),
            [
                Hit(str(one), one.email, _url("accounts_user", one))
                for one in (User.objects.filter(pk=code) if code else people[:EACH])
            ],
        )
    if may("sessions_app.view_session"):
        yield _("Sessions"), _sessions(code, ids)
    yield from _words(request, words, code)


def _pages(request: HttpRequest, words: str) -> list[Hit]:
    wanted = words.casefold()
    return [
        Hit(entry["title"], str(room.get("title", "")), entry["link"])
        for room in navigation(request)
        for entry in room["items"]
        if wanted in entry["title"].casefold()
    ]


def _people(words: str) -> list[User]:
    found = User.objects.filter(Q(name__icontains=words) | Q(email__icontains=words))
    return list(found.order_by("name", "pk")[:_PEOPLE])


def _says(words: str) -> Q:
    return Q(company__icontains=words) | Q(headline__icontains=words)


def _hits(rows: QuerySet[Any], more: str) -> list[Hit]:
    name = f"{rows.model._meta.app_label}_{rows.model._meta.model_name}"
    return [Hit(str(row.user), getattr(row, more), _url(name, row)) for row in rows[:EACH]]


def _sessions(code: UUID | None, ids: list[UUID]) -> list[Hit]:
    """Those that are next, then the latest."""
    rows = Session.objects.select_related("mentor__user", "mentee__user")
    if code is not None:
        rows = rows.filter(pk=code)
    else:
        rows = rows.filter(Q(mentor__user__in=ids) | Q(mentee__user__in=ids))
    return [
        Hit(
            _("%(mentor)s with %(mentee)s") % {"mentor": row.mentor.user, "mentee": row.mentee.user},
            f"{date_format(timezone.localtime(row.starts_at), 'D j M Y, H:i')}, {row.get_status_display()}",
            _url("sessions_app_session", row),
        )
        for row in rows.order_by("-starts_at", "pk")[:EACH]
    ]  # fmt: skip


def _words(request: HttpRequest, words: str, code: UUID | None) -> Iterator[tuple[str, list[Hit]]]:
    """What people asked and what we write, by what it says."""
    kinds: tuple[tuple[str, str, Any, Q, str, str], ...] = (
        (
            _("Questions asked"), "matching.view_matchrequest",
            MatchRequest.objects.select_related("user").order_by("-created_at", "pk"),
            Q(query__icontains=words), "query", "user",
        ),
        (
            _("Message templates"), "content.view_messagetemplate",
            MessageTemplate.objects.order_by("name", "pk"),
            Q(name__icontains=words) | Q(subject__icontains=words), "name", "subject",
        ),
        (
            _("Help page"), "content.view_helpprompt",
            HelpPrompt.objects.order_by("topic", "pk"),
            Q(topic__icontains=words) | Q(response__icontains=words), "topic", "category",
        ),
        (
            _("Policies"), "matching.view_matchpolicy",
            MatchPolicy.objects.order_by("name", "-version"),
            Q(name__icontains=words), "name", "state",
        ),
    )  # fmt: skip
    for title, permission, rows, says, main, more in kinds:
        if request.user.has_perm(permission):
            found = rows.filter(Q(pk=code) if code else says)[:EACH]
            name = f"{rows.model._meta.app_label}_{rows.model._meta.model_name}"
            yield (
                title,
                [
                    Hit(
                        Truncator(str(getattr(row, main))).chars(90),
                        str(getattr(row, more)),
                        _url(name, row),
                    )
                    for row in found
                ],
            )


def _url(name: str, row: Any) -> str:
    return reverse(f"admin:{name}_change", args=[row.pk])


def _code(words: str) -> UUID | None:
    try:
        return UUID(words)
    except ValueError:
        return None
