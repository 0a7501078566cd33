from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _
from unfold.decorators import display

from accounts.admin_filters import PeriodFilter
from accounts.admin_parts import ShownInline, may, person
from sessions_app import services
from sessions_app.admin.deciding import Asking
from sessions_app.admin.people import MENTOR, WithMentor
from sessions_app.deciding import decisions_in
from sessions_app.models import AvailabilityWindow
from sessions_app.selectors.hours import seats_booked


class WindowForm(ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = AvailabilityWindow
        fields = ("mentor", "starts_at", "ends_at", "capacity", "location")

    def _get_validation_exclusions(self) -> set[str]:
        # Not in the form, yet the rule against overlaps is about active windows and asks for it.
        known: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # not in the stubs
        return known - {"is_active"}


@admin.register(AvailabilityWindow)
class AvailabilityWindowAdmin(WithMentor, Asking):
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
    list_filter = (("starts_at", PeriodFilter), "is_active")
    list_select_related = ("mentor__user",)
    search_fields = (*MENTOR, "location")
    autocomplete_fields = ("mentor",)
    form = WindowForm
    ordering = ("-starts_at", "id")
    actions = ("close", "open_again")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AvailabilityWindow]:
        windows: QuerySet[AvailabilityWindow] = super().get_queryset(request)
        return windows.annotate(seats_booked=seats_booked())

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
            decisions=decisions_in(request.POST),
        )
        obj.pk, obj._state.adding = saved.pk, False

    @display(description=_("Seats booked"))  # type: ignore[untyped-decorator]
    def booked(self, window: Any) -> int:
        return int(window.seats_booked)

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return may(request, "sessions_app.change_availabilitywindow")

    @admin.action(description=_("Close: no new bookings"), permissions=["manage"])
    def close(
        self, request: HttpRequest, queryset: QuerySet[AvailabilityWindow]
    ) -> HttpResponse | None:
        return self.decided(
            request,
            queryset.filter(is_active=True),
            lambda row, decisions: services.withdraw_window(
                window_id=row.pk, clock=timezone.now, by=person(request), decisions=decisions
            ),
            "closed",
        )

    @admin.action(description=_("Open again"), permissions=["manage"])
    def open_again(self, request: HttpRequest, queryset: QuerySet[AvailabilityWindow]) -> None:
        chosen = list(queryset.filter(is_active=False))
        done = sum(self.attempt(request, lambda row=row: _reopen(request, row)) for row in chosen)  # type: ignore[misc]
        self.tell_done(request, done, len(chosen), gettext("opened again"))


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
    verbose_name_plural = _("upcoming hours")
    hide_title = False  # it leads to the window
    fields = readonly_fields = ("starts_at", "ends_at", "capacity", "location")
    ordering = ("starts_at",)
    per_page = 10

    def get_queryset(self, request: HttpRequest) -> QuerySet[AvailabilityWindow]:
        rows: QuerySet[AvailabilityWindow] = super().get_queryset(request)
        return rows.filter(is_active=True, ends_at__gt=timezone.now())
