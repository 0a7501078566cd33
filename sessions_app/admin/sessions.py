from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.forms import BooleanField, ModelForm
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy
from unfold.decorators import display

from accounts import changes
from accounts.admin_filters import PeriodFilter
from accounts.admin_parts import Colours, Console, ShownInline, ShownOnly, may, person
from sessions_app import services
from sessions_app.admin import calendar
from sessions_app.admin.people import MENTEE, MENTOR, WithMentor
from sessions_app.admin.settling import Settling
from sessions_app.models import (
    Feedback,
    Meeting,
    Session,
    SessionEvent,
)
from sessions_app.slots import Why

STATUS_COLOURS = Colours(
    {
        "Booked": "info",
        "Completed": "success",
        "Cancelled": "warning",
        "No show": "danger",
    }
)


# What a program manager may set aside, in a word or two.
_RULES = {
    Why.OUTSIDE_WINDOW: gettext_lazy("the hours"),
    Why.TOO_SOON: gettext_lazy("the notice"),
    Why.BEYOND_HORIZON: gettext_lazy("how far ahead"),
    Why.TOO_CLOSE: gettext_lazy("the pause before or after"),
    Why.BUSY: gettext_lazy("the mentor's calendar"),
    Why.AWAY: gettext_lazy("the mentor's absence"),
    Why.WEEK_FULL: gettext_lazy("the week's most"),
}


class EventsInline(ShownInline):
    model = SessionEvent
    fields = readonly_fields = ("at", "by", "what", "reason")
    ordering = ("at", "id")
    verbose_name_plural = gettext_lazy("history")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[SessionEvent]:
        rows: QuerySet[SessionEvent] = super().get_queryset(request)
        return rows.select_related("by")

    @display(description=gettext_lazy("What"))  # type: ignore[untyped-decorator]
    def what(self, event: SessionEvent) -> str:
        """The step in words: a move of the state or of the time, and the rules that were set aside."""
        said = _state(event.to_status)
        if event.moved_from and event.moved_to:
            said = _("Moved from %(before)s to %(after)s") % {
                "before": _when(event.moved_from),
                "after": _when(event.moved_to),
            }
        elif event.from_status == event.to_status:
            said = _("Let stand")
        elif event.from_status:
            said = f"{_state(event.from_status)} → {said}"
        if not event.overrode:
            return said
        rules = ", ".join(str(_RULES.get(Why(rule), rule)) for rule in event.overrode)
        return _("%(what)s, setting aside: %(rules)s") % {"what": said, "rules": rules}


class FeedbackInline(ShownInline):
    model = Feedback
    fields = readonly_fields = ("side", "overall", "goals_achieved", "comment", "submitted_at")
    ordering = ("submitted_at",)


def _state(status: str) -> str:
    return str(Session.Status(status).label)


def _when(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"


class SessionForm(ModelForm):  # type: ignore[type-arg]
    """Book for a mentee, or move a booked one. The rules are asked; a program manager may insist."""

    override = BooleanField(
        required=False,
        label=gettext_lazy("Set rules aside"),
        help_text=gettext_lazy(
            "Outside the hours, too soon, a full week, away: book all the same. It is noted in the "
            "history. Nobody can be put in two places, and no seat is sold twice."
        ),
    )

    class Meta:
        model = Session
        fields = ("mentor", "mentee", "starts_at", "goal")


@admin.register(Session)
class SessionAdmin(WithMentor, Settling):
    """Booked hours. A program manager books for a mentee, moves, cancels, and settles who came.

    The notes of its two people are theirs alone, so they are not on this page.
    """

    form = SessionForm
    autocomplete_fields = ("mentor", "mentee")
    list_display = (
        "starts_at",
        "mentor_name",
        "mentee_name",
        "shown_status",
        "goal_in_short",
        "created_at",
    )
    list_display_links = ("starts_at",)
    list_filter = ("status", ("starts_at", PeriodFilter))
    list_select_related = ("mentor__user", "mentee__user")
    search_fields = (*MENTOR, *MENTEE, "goal")
    ordering = ("-starts_at", "id")
    actions = ("cancel",)
    inlines = (EventsInline, FeedbackInline)
    booking_fields = ("mentor", "mentee", "starts_at", "goal", "override")
    fields = (
        ("mentor_name", "mentee_name"),
        ("starts_at", "ends_at"),
        "override",
        ("status", "version"),
        "goal",
        ("mentor_attendance", "mentee_attendance"),
        ("mentor_joined_at", "mentee_joined_at"),
        ("booked_by", "created_at"),
        "updated_at",
    )
    readonly_fields = (
        "mentor_name",
        "mentee_name",
        "ends_at",
        "status",
        "version",
        "goal",
        "mentor_attendance",
        "mentee_attendance",
        "mentor_joined_at",
        "mentee_joined_at",
        "booked_by",
        "created_at",
        "updated_at",
    )

    def also_changed(self, row: Any) -> list[changes.Key]:
        return [("sessions_app.meeting", row.meeting_id)]

    def get_urls(self) -> list[URLPattern]:
        own = path("week/", self.admin_site.admin_view(self.week), name="sessions_app_session_week")
        return [own, *super().get_urls()]

    def week(self, request: HttpRequest) -> TemplateResponse:
        """The week as a calendar."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("Calendar"),
            "is_fullwidth": "1",
            **calendar.week(request),
        }
        return TemplateResponse(request, "admin/week.html", context)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is not None else self.booking_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.readonly_fields if obj is not None else ()

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj is not None else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What is over or cancelled is history: there is nothing to move.
        is_history = obj is not None and not obj.is_live
        return not is_history and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # it is cancelled instead, and stays in the history

    def save_model(
        self,
        request: HttpRequest,
        obj: Session,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        override = bool(form.cleaned_data["override"])
        if change:
            services.reschedule_session(
                session_id=obj.pk,
                starts_at=form.cleaned_data["starts_at"],
                by=person(request),
                clock=timezone.now,
                override=override,
            )
            return
        booked = services.book_session(
            mentor_id=obj.mentor_id,
            mentee=obj.mentee,
            starts_at=obj.starts_at,
            by=person(request),
            clock=timezone.now,
            goal=obj.goal,
            override=override,
        )
        obj.pk, obj._state.adding = booked.pk, False

    @display(description=gettext_lazy("Mentee"), ordering="mentee__user__name")  # type: ignore[untyped-decorator]
    def mentee_name(self, session: Session) -> str:
        return str(session.mentee.user)

    @display(description=gettext_lazy("Status"), ordering="status", label=STATUS_COLOURS)  # type: ignore[untyped-decorator]
    def shown_status(self, session: Session) -> str:
        return session.get_status_display()

    @display(description=gettext_lazy("Goal"))  # type: ignore[untyped-decorator]
    def goal_in_short(self, session: Session) -> str:
        return session.goal if len(session.goal) <= 60 else f"{session.goal[:59]}…"

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return may(request, "sessions_app.change_session")

    @admin.action(description=gettext_lazy("Cancel selected sessions"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Session]) -> TemplateResponse | None:
        """Ask once, with room for a reason; both people of each session get a mail."""
        chosen = list(
            queryset.filter(status__in=Session.LIVE).select_related("mentor__user", "mentee__user")
        )
        if not chosen:
            self.message_user(request, _("None of these is still to come."), messages.WARNING)
            return None
        if request.POST.get("confirmed") != "yes":
            return TemplateResponse(
                request,
                "admin/cancel_sessions.html",
                {
                    **self.admin_site.each_context(request),
                    "title": _("Cancel sessions"),
                    "opts": self.opts,
                    "sessions": chosen,
                    "checkbox": helpers.ACTION_CHECKBOX_NAME,
                },
            )
        reason = request.POST.get("reason", "").strip()
        done = sum(
            self.attempt(
                request,
                lambda pk=session.pk: services.cancel_session(  # type: ignore[misc]
                    session_id=pk, by=person(request), reason=reason, clock=timezone.now
                ),
            )
            for session in chosen
        )
        self.tell_done(request, done, len(chosen), _("cancelled"))
        return None


@admin.register(Meeting)
class MeetingAdmin(WithMentor, Console):
    """The room and the place of a meeting. When it is follows from its sessions."""

    list_display = ("starts_at", "mentor_name", "capacity", "seats", "live", "meeting_url")
    list_display_links = ("starts_at",)
    list_filter = ("live", ("starts_at", PeriodFilter))
    list_select_related = ("mentor__user",)
    search_fields = (*MENTOR, "meeting_url")
    ordering = ("-starts_at", "id")
    fields = ("mentor_name", ("starts_at", "ends_at"), "capacity", "meeting_url", "location")
    readonly_fields = ("mentor_name", "starts_at", "ends_at", "capacity")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Meeting]:
        meetings: QuerySet[Meeting] = super().get_queryset(request)
        return meetings.annotate(
            held=Count("sessions", filter=~Q(sessions__status=Session.Status.CANCELLED))
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=gettext_lazy("Seats taken"))  # type: ignore[untyped-decorator]
    def seats(self, meeting: Any) -> int:
        return int(meeting.held)


@admin.register(Feedback)
class FeedbackAdmin(ShownOnly):
    list_display = ("submitted_at", "mentor_name", "mentee_name", "side", "overall", "comment")
    list_display_links = ("submitted_at",)
    list_filter = ("side", "overall", ("submitted_at", PeriodFilter))
    list_select_related = ("session__mentor__user", "session__mentee__user")
    search_fields = ("session__mentor__user__name", "session__mentee__user__name", "comment")
    ordering = ("-submitted_at", "id")

    @display(description=gettext_lazy("Mentor"), ordering="session__mentor__user__name")  # type: ignore[untyped-decorator]
    def mentor_name(self, feedback: Feedback) -> str:
        return str(feedback.session.mentor.user)

    @display(description=gettext_lazy("Mentee"), ordering="session__mentee__user__name")  # type: ignore[untyped-decorator]
    def mentee_name(self, feedback: Feedback) -> str:
        return str(feedback.session.mentee.user)
