"""Changes to many sessions: what would happen to which of them, and doing it."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.translation import gettext as _, ngettext

from accounts.admin_bulk import Bulk, Effect, InBulk
from accounts.admin_parts import person
from sessions_app import services
from sessions_app.models import Session
from sessions_app.selectors import attention
from sessions_app.services.attendance import GRACE
from sessions_app.services.displaced import Action, Decision, decide_displaced

Values = Mapping[str, Any]
RIGHT = "sessions_app.change_session"


class Settling(InBulk):
    """The list of sessions, in which who came is settled and displaced ones are let stand."""

    bulks = ("mentor_was_absent", "mentee_was_absent", "both_came", "let_stand")

    def bulk(self, name: str) -> Bulk | None:
        return {
            "mentor_was_absent": Bulk(
                "mentor_was_absent", _("The mentor did not come"), _("Did these mentors not come?"),
                _("Note their absence"), RIGHT, _if_absent, self._absent("mentor"), is_heavy=True,
            ),
            "mentee_was_absent": Bulk(
                "mentee_was_absent", _("The mentee did not come"), _("Did these mentees not come?"),
                _("Note their absence"), RIGHT, _if_absent, self._absent("mentee"), is_heavy=True,
            ),
            "both_came": Bulk(
                "both_came", _("Both came after all"), _("Did both come after all?"), _("Settle it"),
                RIGHT, _if_both_came, self._both_came,
            ),
            "let_stand": Bulk(
                "let_stand", _("Let it stand, outside the hours"), _("Let these sessions stand?"),
                _("Let them stand"), RIGHT, _if_let_stand, self._let_stand,
            ),
        }.get(name)  # fmt: skip

    def rows_for_bulk(self, queryset: QuerySet[Session]) -> QuerySet[Session]:
        displaced = attention.displaced(now=timezone.now()).filter(pk=OuterRef("pk"))
        return (
            queryset.select_related("mentor__user", "mentee__user")
            .annotate(is_displaced=Exists(displaced))
            .order_by("starts_at", "id")
        )

    def _absent(self, side: str) -> Callable[[HttpRequest, Sequence[Any], Values], None]:
        def carry_out(request: HttpRequest, rows: Sequence[Any], values: Values) -> None:
            def note(pk: UUID) -> object:
                return services.report_absence(
                    session_id=pk, by=person(request), side=side, clock=timezone.now
                )

            self._for_each(request, rows, note, _("noted"))

        return carry_out

    def _both_came(self, request: HttpRequest, rows: Sequence[Any], values: Values) -> None:
        def settle(pk: UUID) -> object:
            return services.dispute_absence(session_id=pk, by=person(request), clock=timezone.now)

        self._for_each(request, rows, settle, _("settled"))

    def _for_each(
        self,
        request: HttpRequest,
        rows: Sequence[Session],
        service: Callable[[UUID], object],
        what: str,
    ) -> None:
        done = sum(self.attempt(request, functools.partial(service, row.pk)) for row in rows)
        self.tell_done(request, done, len(rows), what)

    def _let_stand(self, request: HttpRequest, rows: Sequence[Any], values: Values) -> None:
        """Mentor by mentor, as everything about one mentor's hours is decided behind one lock."""
        of_mentor: dict[UUID, list[Decision]] = defaultdict(list)
        for row in rows:
            of_mentor[row.mentor_id].append(Decision(row.pk, Action.KEEP))
        done = 0
        for mentor_id, decisions in of_mentor.items():
            decide = functools.partial(
                decide_displaced,
                mentor_id=mentor_id, decisions=decisions, by=person(request), clock=timezone.now,
            )  # fmt: skip
            done += len(decisions) if self.attempt(request, decide) else 0
        self.tell_done(request, done, len(rows), _("let stand"))


def _if_absent(rows: Sequence[Session], values: Values) -> list[Effect]:
    begun_before = timezone.now() - GRACE
    over = [row for row in rows if row.status == Session.Status.COMPLETED]
    under_way = [row for row in rows if row.status == Session.Status.BOOKED]
    concerned = over + [row for row in under_way if row.starts_at <= begun_before]
    return [
        _effect(
            ngettext("is noted as not held", "are noted as not held", len(concerned)),
            concerned,
            _("Who did not come is told, and may say that they were there."),
        ),
        _none(
            _("have not begun, or not ten minutes ago"),
            [row for row in under_way if row.starts_at > begun_before],
        ),
        _none(
            _("did not take place, or were noted already"),
            [row for row in rows if row not in over and row not in under_way],
        ),
    ]


def _if_both_came(rows: Sequence[Session], values: Values) -> list[Effect]:
    missed = [row for row in rows if row.status == Session.Status.NO_SHOW]
    return [
        _effect(
            ngettext("is noted as held", "are noted as held", len(missed)),
            missed,
            _("Both sides are asked how it was."),
        ),
        _none(_("have no absence noted"), [row for row in rows if row not in missed]),
    ]


def _if_let_stand(rows: Sequence[Any], values: Values) -> list[Effect]:
    displaced = [row for row in rows if row.is_displaced]
    return [
        _effect(
            ngettext("takes place as agreed", "take place as agreed", len(displaced)),
            displaced,
            _("Nobody is asked about them again. The history says that you let them stand."),
        ),
        _none(
            _("need no decision: within the hours, let stand before, or not to come"),
            [row for row in rows if not row.is_displaced],
        ),
    ]


def _effect(sentence: str, rows: Sequence[Session], detail: str = "") -> Effect:
    return Effect(sentence, rows, detail, call=_called)


def _none(sentence: str, rows: Sequence[Session]) -> Effect:
    return Effect(sentence, rows, is_change=False, call=_called)


def _called(session: Session) -> str:
    return _("%(mentee)s with %(mentor)s (%(when)s)") % {
        "mentee": session.mentee.user,
        "mentor": session.mentor.user,
        "when": formats.localize(timezone.localtime(session.starts_at)),
    }
