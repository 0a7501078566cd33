from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin_parts import Console, ShownInline, ShownOnly, may, person
from sessions_app import services
from sessions_app.admin.people import MENTEE, MENTOR, WithMentor
from sessions_app.models import (
    Feedback,
    Meeting,
    Session,
    SessionEvent,
)

STATUS_COLOURS = {
    "Booked": "info",
    "Completed": "success",
    "Cancelled": "warning",
    "No show": "danger",
}


class EventsInline(ShownInline):
    model = SessionEvent
    fields = readonly_fields = ("at", "by", "from_status", "to_status", "reason")
    ordering = ("at", "id")
    verbose_name_plural = "history"
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[SessionEvent]:
        rows: QuerySet[SessionEvent] = super().get_queryset(request)
        return rows.select_related("by")


class FeedbackInline(ShownInline):
    model = Feedback
    fields = readonly_fields = ("side", "overall", "goals_achieved", "comment", "submitted_at")
    ordering = ("submitted_at",)


@admin.register(Session)
class SessionAdmin(WithMentor, ShownOnly):
    """Booked hours. Nothing is edited here: a session is cancelled, or moved by its people.

    The notes of its two people are theirs alone, so they are not on this page either.
    """

    list_display = (
        "starts_at",
        "mentor_name",
        "mentee_name",
        "shown_status",
        "goal_in_short",
        "created_at",
    )
    list_display_links = ("starts_at",)
    list_filter = ("status", ("starts_at", RangeDateTimeFilter))
    list_select_related = ("mentor__user", "mentee__user")
    search_fields = (*MENTOR, *MENTEE, "goal")
    ordering = ("-starts_at", "id")
    actions = ("cancel",)
    inlines = (EventsInline, FeedbackInline)
    fields = (
        ("mentor_name", "mentee_name"),
        ("starts_at", "ends_at"),
        ("status", "version"),
        "goal",
        ("mentor_joined_at", "mentee_joined_at"),
        ("booked_by", "created_at", "updated_at"),
    )
    readonly_fields = ("mentor_name", "mentee_name", "created_at", "updated_at")

    @display(description="Mentee", ordering="mentee__user__name")  # type: ignore[untyped-decorator]
    def mentee_name(self, session: Session) -> str:
        return str(session.mentee.user)

    @display(description="Status", ordering="status", label=STATUS_COLOURS)  # type: ignore[untyped-decorator]
    def shown_status(self, session: Session) -> str:
        return session.get_status_display()

    @display(description="Goal")  # type: ignore[untyped-decorator]
    def goal_in_short(self, session: Session) -> str:
        return session.goal if len(session.goal) <= 60 else f"{session.goal[:59]}…"

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return may(request, "sessions_app.change_session")

    @admin.action(description="Cancel selected sessions", permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Session]) -> TemplateResponse | None:
        """Ask once, with room for a reason; both people of each session get a mail."""
        chosen = list(
            queryset.filter(status__in=Session.LIVE).select_related("mentor__user", "mentee__user")
        )
        if not chosen:
            self.message_user(request, "None of these is still to come.", messages.WARNING)
            return None
        if request.POST.get("confirmed") != "yes":
            return TemplateResponse(
                request,
                "admin/cancel_sessions.html",
                {
                    **self.admin_site.each_context(request),
                    "title": "Cancel sessions",
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
        self.tell_done(request, done, len(chosen), "cancelled")
        return None


@admin.register(Meeting)
class MeetingAdmin(WithMentor, Console):
    """The room and the place of a meeting. When it is follows from its sessions."""

    list_display = ("starts_at", "mentor_name", "capacity", "seats", "live", "meeting_url")
    list_display_links = ("starts_at",)
    list_filter = ("live", ("starts_at", RangeDateTimeFilter))
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

    @display(description="Seats taken")  # type: ignore[untyped-decorator]
    def seats(self, meeting: Any) -> int:
        return int(meeting.held)


@admin.register(Feedback)
class FeedbackAdmin(ShownOnly):
    list_display = ("submitted_at", "mentor_name", "mentee_name", "side", "overall", "comment")
    list_display_links = ("submitted_at",)
    list_filter = ("side", "overall", ("submitted_at", RangeDateTimeFilter))
    list_select_related = ("session__mentor__user", "session__mentee__user")
    search_fields = ("session__mentor__user__name", "session__mentee__user__name", "comment")
    ordering = ("-submitted_at", "id")

    @display(description="Mentor", ordering="session__mentor__user__name")  # type: ignore[untyped-decorator]
    def mentor_name(self, feedback: Feedback) -> str:
        return str(feedback.session.mentor.user)

    @display(description="Mentee", ordering="session__mentee__user__name")  # type: ignore[untyped-decorator]
    def mentee_name(self, feedback: Feedback) -> str:
        return str(feedback.session.mentee.user)
