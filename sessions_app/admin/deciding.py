"""Console pages that change hours: before they displace a session they ask what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.admin_parts import Console
from accounts.refusals import Refusal
from mentors.models import Mentor
from sessions_app.deciding import decisions_in, questions, typed
from sessions_app.models import Session
from sessions_app.refusals import SeatsBooked, SessionsOrphaned
from sessions_app.services import Decision

Row = TypeVar("Row")


class Asking(Console):
    """Shows the sessions that saving would displace, and saves once each has a decision."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        answer = super().changeform_view(request, object_id, form_url, extra_context)
        refusal = getattr(request, "refusal", None)
        if isinstance(refusal, SessionsOrphaned) and not isinstance(refusal, SeatsBooked):
            return self.ask(request, refusal.extra["conflicts"])
        return answer

    def ask(self, request: HttpRequest, conflicts: Sequence[Any]) -> HttpResponse:
        """The page of questions. What was sent goes along, and is sent again with the answers."""
        context = {
            **admin.site.each_context(request),
            "title": "Sessions are booked there",
            "opts": self.model._meta,
            "questions": questions(
                conflicts,
                zone=timezone.get_current_timezone(),
                data=request.POST,
                mentor=_only_mentor(conflicts),
            ),
            "typed": typed(request.POST),
        }
        return TemplateResponse(request, "admin/decide.html", context, status=409)

    def decided(
        self,
        request: HttpRequest,
        rows: Iterable[Row],
        service: Callable[[Row, Sequence[Decision]], object],
        what: str,
    ) -> HttpResponse | None:
        """For an action: do it to all rows, or to none of them and ask first.

        A row for which the service refuses otherwise is left out, with its reason as a message.
        """
        rows, decisions = list(rows), decisions_in(request.POST)
        conflicts: list[Any] = []
        done = 0
        with transaction.atomic():
            for row in rows:
                try:
                    with transaction.atomic():
                        service(row, decisions)
                    done += 1
                except SeatsBooked as refusal:  # nothing to decide here: somebody moves first
                    self.message_user(request, str(refusal), "ERROR")
                except SessionsOrphaned as refusal:
                    conflicts += refusal.extra["conflicts"]
                except Refusal as refusal:
                    self.message_user(request, str(refusal), "ERROR")
            if conflicts:
                transaction.set_rollback(True)
        if conflicts:
            return self.ask(request, conflicts)
        self.tell_done(request, done, len(rows), what)
        return None


def _only_mentor(conflicts: Sequence[Any]) -> Mentor | None:
    """The mentor of all these sessions; None where they are of several."""
    ids = [row["session"] for row in conflicts]
    mentors = list(
        Mentor.objects.select_related("user").filter(
            pk__in=Session.objects.filter(pk__in=ids).values("mentor")
        )[:2]
    )
    return mentors[0] if len(mentors) == 1 else None
