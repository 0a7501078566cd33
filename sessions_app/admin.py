from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import Count, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin_parts import Console, ShownInline, ShownOnly, may, person
from sessions_app import notifications, services
from sessions_app.models import (
    AvailabilityWindow,
    Feedback,
    HoursException,
    Meeting,
    Notification,
    Session,
    SessionEvent,
    WeeklyHours,
)

MENTOR = ("mentor__user__name", "mentor__user__email")
MENTEE = ("mentee__user__name", "mentee__user__email")
STATUS_COLOURS = {
    "Booked": "info",
    "Completed": "success",
    "Cancelled": "warning",
    "No show": "danger",
}


class WithMentor:
    @display(description="Mentor", ordering="mentor__user__name")  # type: ignore[untyped-decorator]
    def mentor_name(self, row: Any) -> str:
        return str(row.mentor.user)


class WindowForm(ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = AvailabilityWindow
        fields = ("mentor", "starts_at", "ends_at", "capacity", "location")

    def _get_validation_exclusions(self) -> set[str]:
        # Not in the form, yet the rule against overlaps is about active windows and asks for it.
        known: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # not in the stubs
        return known - {"is_active"}


@admin.register(AvailabilityWindow)
class AvailabilityWindowAdmin(WithMentor, Console):
    """When mentors hold hours. Times are shown and read in your own time zone."""

    list_display = (
        "mentor_name",
        "starts_at",
        "ends_at",
        "capacity",
        "booked",
        "location",
        "is_active",
    )
    list_display_links = ("mentor_name", "starts_at")
    list_filter = (("starts_at", RangeDateTimeFilter), "is_active")
    list_select_related = ("mentor__user",)
    search_fields = (*MENTOR, "location")
    autocomplete_fields = ("mentor",)
    form = WindowForm
    ordering = ("-starts_at", "id")
    actions = ("close", "open_again")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AvailabilityWindow]:
        live = Q(meetings__sessions__status__in=Session.LIVE)
        windows: QuerySet[AvailabilityWindow] = super().get_queryset(request)
        return windows.annotate(seats_booked=Count("meetings__sessions", filter=live))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("mentor",) if obj is not None else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Saving a closed window would open it: that is an action of its own.
        is_closed = obj is not None and not obj.is_active
        return not is_closed and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # sessions and Airtable may refer to it; it is closed instead

    def save_model(
        self,
        request: HttpRequest,
        obj: AvailabilityWindow,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        saved = services.save_window(
            mentor_id=obj.mentor_id,
            starts_at=obj.starts_at,
            ends_at=obj.ends_at,
            capacity=obj.capacity,
            location=obj.location,
            clock=timezone.now,
            window_id=obj.pk if change else None,
            by=person(request),
        )
        obj.pk, obj._state.adding = saved.pk, False

    @display(description="Seats booked")  # type: ignore[untyped-decorator]
    def booked(self, window: Any) -> int:
        return int(window.seats_booked)

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return may(request, "sessions_app.change_availabilitywindow")

    @admin.action(description="Close: no new bookings", permissions=["manage"])
    def close(self, request: HttpRequest, queryset: QuerySet[AvailabilityWindow]) -> None:
        chosen = list(queryset.filter(is_active=True))
        done = sum(
            self.attempt(
                request,
                lambda row=row: services.withdraw_window(  # type: ignore[misc]
                    window_id=row.pk, clock=timezone.now, by=person(request)
                ),
            )
            for row in chosen
        )
        self.tell_done(request, done, len(chosen), "closed")

    @admin.action(description="Open again", permissions=["manage"])
    def open_again(self, request: HttpRequest, queryset: QuerySet[AvailabilityWindow]) -> None:
        chosen = list(queryset.filter(is_active=False))
        done = sum(self.attempt(request, lambda row=row: _reopen(request, row)) for row in chosen)  # type: ignore[misc]
        self.tell_done(request, done, len(chosen), "opened again")


def _reopen(request: HttpRequest, row: AvailabilityWindow) -> object:
    return services.save_window(
        mentor_id=row.mentor_id,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        capacity=row.capacity,
        location=row.location,
        clock=timezone.now,
        window_id=row.pk,
        by=person(request),
    )


class UpcomingWindowsInline(ShownInline):
    """The next hours of a mentor, on the mentor's page."""

    model = AvailabilityWindow
    verbose_name_plural = "upcoming hours"
    fields = readonly_fields = ("starts_at", "ends_at", "capacity", "location")
    ordering = ("starts_at",)
    per_page = 10

    def get_queryset(self, request: HttpRequest) -> QuerySet[AvailabilityWindow]:
        rows: QuerySet[AvailabilityWindow] = super().get_queryset(request)
        return rows.filter(is_active=True, ends_at__gt=timezone.now())


@admin.register(WeeklyHours)
class WeeklyHoursAdmin(WithMentor, ShownOnly):
    list_display = ("mentor_name", "weekday", "starts", "ends", "capacity", "starts_on", "ends_on")
    list_display_links = ("mentor_name",)
    list_filter = ("weekday",)
    list_select_related = ("mentor__user",)
    search_fields = MENTOR
    ordering = ("mentor__user__name", "weekday", "starts", "id")


@admin.register(HoursException)
class HoursExceptionAdmin(WithMentor, ShownOnly):
    list_display = ("mentor_name", "date", "starts", "ends", "reason")
    list_display_links = ("mentor_name",)
    list_select_related = ("mentor__user",)
    search_fields = (*MENTOR, "reason")
    ordering = ("-date", "id")


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


@admin.register(Notification)
class NotificationAdmin(ShownOnly):
    list_display = (
        "kind",
        "recipient",
        "state",
        "next_attempt_at",
        "attempts",
        "sent_at",
        "last_error",
    )
    list_filter = ("state", "kind", ("created_at", RangeDateTimeFilter))
    list_select_related = ("recipient",)
    search_fields = ("recipient__name", "recipient__email", "last_error")
    ordering = ("-created_at", "id")
    actions = ("send_again",)

    def has_send_permission(self, request: HttpRequest) -> bool:
        return may(request, "sessions_app.change_notification")

    @admin.action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """What went out or failed is due once more. What is no longer true is never sent."""
        states = (Notification.State.SENT, Notification.State.FAILED)
        done = queryset.filter(state__in=states).update(
            state=Notification.State.DUE,
            next_attempt_at=timezone.now(),
            attempts=0,
            last_error="",
            sent_at=None,
        )
        notifications.nudge()
        self.tell_done(request, done, queryset.count(), "due again")
