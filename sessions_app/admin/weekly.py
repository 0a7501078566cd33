"""What windows are made from: weekly hours, dates that differ, holidays, time away.

All of it is saved and removed by the services, which make the windows again and ask about sessions.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.forms import ModelForm, TypedChoiceField
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.admin_parts import may, person
from sessions_app import services
from sessions_app.admin.deciding import Asking
from sessions_app.admin.people import MENTOR, WithMentor
from sessions_app.deciding import decisions_in
from sessions_app.models import BusyTime, Holiday, HoursException, WeeklyHours
from sessions_app.services import AwaySpec, ExceptionSpec, WeeklySpec


class Removable(Asking):
    """Rows that are taken away by an action, because a plain delete would leave what they made."""

    actions = ("remove",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return may(request, f"sessions_app.change_{self.opts.model_name}")


class OfMentor(WithMentor, Removable):
    list_display_links: tuple[str, ...] = ("mentor_name",)
    list_select_related: tuple[str, ...] = ("mentor__user",)
    autocomplete_fields = ("mentor",)
    search_fields: tuple[str, ...] = MENTOR

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("mentor",) if obj is not None else ()


class WeeklyHoursForm(ModelForm):  # type: ignore[type-arg]
    weekday = TypedChoiceField(
        label=_("Day"),
        coerce=int,
        choices=list(WEEKDAYS.items()),
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = WeeklyHours
        fields = (
            "mentor", "weekday", "starts", "ends", "every_n_weeks", "starts_on", "ends_on",
            "capacity", "location",
        )  # fmt: skip


@admin.register(WeeklyHours)
class WeeklyHoursAdmin(OfMentor):
    """Hours that repeat, on the mentor's own clock. An end at or before the start is the next day's."""

    list_display = ("mentor_name", "day", "starts", "ends", "capacity", "starts_on", "ends_on")
    list_filter = ("weekday",)
    ordering = ("mentor__user__name", "weekday", "starts", "id")
    form = WeeklyHoursForm

    @display(description=_("Day"), ordering="weekday")  # type: ignore[untyped-decorator]
    def day(self, row: WeeklyHours) -> str:
        return row.day_name

    def save_model(self, request: HttpRequest, obj: WeeklyHours, form: Any, change: bool) -> None:  # noqa: FBT001
        names = (
            "weekday", "starts", "ends", "every_n_weeks", "starts_on", "ends_on", "capacity",
            "location",
        )  # fmt: skip
        saved = services.save_weekly_hours(
            mentor_id=obj.mentor_id,
            spec=WeeklySpec(
                id=obj.pk if change else None, **{name: getattr(obj, name) for name in names}
            ),
            by=person(request),
            clock=timezone.now,
            decisions=decisions_in(request.POST),
        )
        obj.pk, obj._state.adding = saved.pk, False

    @admin.action(description=_("Remove, with the windows made of them"), permissions=["manage"])
    def remove(self, request: HttpRequest, queryset: QuerySet[WeeklyHours]) -> HttpResponse | None:
        return self.decided(
            request,
            queryset,
            lambda row, decisions: services.remove_weekly_hours(
                weekly_hours_id=row.pk,
                by=person(request),
                clock=timezone.now,
                decisions=decisions,
            ),
            "removed",
        )


@admin.register(HoursException)
class HoursExceptionAdmin(OfMentor):
    """A date that differs: closed without times, open at other ones with them."""

    list_display = ("mentor_name", "date", "starts", "ends", "skipped", "reason")
    list_select_related = ("mentor__user", "weekly_hours")
    search_fields = (*MENTOR, "reason")
    ordering = ("-date", "id")
    fields = ("mentor", "date", ("starts", "ends"), ("capacity", "location"), "reason")

    @display(description=_("Skips only"))  # type: ignore[untyped-decorator]
    def skipped(self, row: HoursException) -> str:
        rule = row.weekly_hours
        return f"{rule.starts:%H:%M} to {rule.ends:%H:%M}" if rule else ""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What somebody closed by hand is opened again, not changed.
        is_skip = obj is not None and obj.weekly_hours_id is not None
        return not is_skip and bool(super().has_change_permission(request, obj))

    def save_model(
        self,
        request: HttpRequest,
        obj: HoursException,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        names = ("date", "starts", "ends", "capacity", "location", "reason")
        saved = services.save_exception(
            mentor_id=obj.mentor_id,
            spec=ExceptionSpec(
                id=obj.pk if change else None, **{name: getattr(obj, name) for name in names}
            ),
            by=person(request),
            clock=timezone.now,
            decisions=decisions_in(request.POST),
        )
        obj.pk, obj._state.adding = saved.pk, False

    @admin.action(description=_("Remove: as every week again"), permissions=["manage"])
    def remove(
        self, request: HttpRequest, queryset: QuerySet[HoursException]
    ) -> HttpResponse | None:
        return self.decided(
            request,
            queryset,
            lambda row, decisions: services.remove_exception(
                exception_id=row.pk, by=person(request), clock=timezone.now, decisions=decisions
            ),
            "removed",
        )


@admin.register(BusyTime)
class BusyTimeAdmin(OfMentor):
    """When mentors cannot be booked: away, as they or you say here, or busy in their calendar."""

    list_display = ("mentor_name", "starts_at", "ends_at", "source", "reason")
    list_filter = ("source",)
    search_fields = (*MENTOR, "reason")
    ordering = ("-starts_at", "id")
    fields = ("mentor", ("starts_at", "ends_at"), "reason")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_theirs = obj is not None and obj.source != BusyTime.Source.AWAY
        return not is_theirs and bool(super().has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: BusyTime, form: Any, change: bool) -> None:  # noqa: FBT001
        saved = services.save_time_away(
            mentor_id=obj.mentor_id,
            spec=AwaySpec(obj.starts_at, obj.ends_at, obj.reason, obj.pk if change else None),
            by=person(request),
            clock=timezone.now,
            decisions=decisions_in(request.POST),
        )
        obj.pk, obj._state.adding = saved.pk, False

    @admin.action(description=_("Remove"), permissions=["manage"])
    def remove(self, request: HttpRequest, queryset: QuerySet[BusyTime]) -> HttpResponse | None:
        return self.decided(
            request,
            queryset.filter(source=BusyTime.Source.AWAY),
            lambda row, decisions: services.remove_time_away(
                busy_time_id=row.pk, by=person(request), clock=timezone.now
            ),
            "removed",
        )


@admin.register(Holiday)
class HolidayAdmin(Removable):
    """Dates on which nobody's weekly hours apply. What a mentor opens for such a date stays."""

    list_display = ("date", "name")
    search_fields = ("name",)
    ordering = ("-date",)

    def save_model(self, request: HttpRequest, obj: Holiday, form: Any, change: bool) -> None:  # noqa: FBT001
        saved = services.save_holiday(
            day=obj.date,
            name=obj.name,
            holiday_id=obj.pk if change else None,
            by=person(request),
            clock=timezone.now,
            decisions=decisions_in(request.POST),
        )
        obj.pk, obj._state.adding = saved.pk, False

    @admin.action(description=_("Remove: a day like any other"), permissions=["manage"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Holiday]) -> HttpResponse | None:
        return self.decided(
            request,
            queryset,
            lambda row, decisions: services.remove_holiday(
                holiday_id=row.pk, by=person(request), clock=timezone.now
            ),
            "removed",
        )
