"""What a mentor's windows are made from: weekly hours, dates that differ, time away, the clock itself."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import TIME_ZONES
from accounts.undo import with_undo
from mentors.models import Mentor
from sessions_app import services
from sessions_app.forms_hours import AwayForm, ExceptionForm, WeeklyForm, ZoneForm
from sessions_app.models import BusyTime, HoursException, WeeklyHours
from sessions_app.services import AwaySpec, ExceptionSpec, WeeklySpec
from sessions_app.views.deciding import Page, answer, own_hours, saves_once
from sessions_app.views.hours import save_or_say
from sessions_app.views.viewer import signed_in

SHOW_AND_SEND = ["GET", "HEAD", "POST"]


def _row(rows: QuerySet[Any], pk: UUID | None) -> Any:
    """The mentor's own row, or None for a new one."""
    if pk is None:
        return None
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


@login_required
@require_http_methods(SHOW_AND_SEND)
@saves_once
def weekly_hours(request: HttpRequest, weekly_id: UUID | None = None) -> HttpResponse:
    """Add weekly hours, or change some."""
    mentor = own_hours(request)
    row = _row(mentor.weekly_hours.all(), weekly_id)
    today = timezone.now().astimezone(mentor.user.zone).date()
    form = WeeklyForm.of(row, request.POST or None, today=today)
    page = Page(
        title=_("Change these weekly hours") if row else _("Add weekly hours"),
        lead=_("They open by themselves, as far ahead as one can book with you."),
        button=_("Save these hours"),
        done=_("Your weekly hours are saved, and open for booking."),
        form=form,
        change=lambda decisions: services.save_weekly_hours(
            mentor_id=mentor.pk,
            spec=WeeklySpec(id=weekly_id, **form.cleaned_data),
            by=signed_in(request),
            clock=timezone.now,
            decisions=decisions,
        ),
    )
    return answer(request, mentor, page)


@login_required
@require_http_methods(SHOW_AND_SEND)
@saves_once
def exception(request: HttpRequest, exception_id: UUID | None = None) -> HttpResponse:
    """Let a date differ, or change how it does."""
    mentor = own_hours(request)
    row = _row(mentor.hours_exceptions.filter(weekly_hours=None), exception_id)
    form = ExceptionForm.of(row, request.POST or None)

    def change(decisions: Any) -> HoursException:
        values = {name: value for name, value in form.cleaned_data.items() if name != "kind"}
        return services.save_exception(
            mentor_id=mentor.pk,
            spec=ExceptionSpec(id=exception_id, **values),
            by=signed_in(request),
            clock=timezone.now,
            decisions=decisions,
        )

    page = Page(
        title=_("Change this date") if row else _("A date that differs"),
        lead=_("What you say here takes the place of your weekly hours on that date."),
        button=_("Save this date"),
        done=_("Saved."),
        form=form,
        change=change,
    )
    return answer(request, mentor, page)


@login_required
@require_http_methods(SHOW_AND_SEND)
@saves_once
def time_away(request: HttpRequest, away_id: UUID | None = None) -> HttpResponse:
    """Be away, or change for how long."""
    mentor = own_hours(request)
    row = _row(mentor.busy_times.filter(source=BusyTime.Source.AWAY), away_id)
    form = AwayForm.of(row, request.POST or None, zone=mentor.user.zone)

    def change(decisions: Any) -> BusyTime:
        values = form.cleaned_data
        return services.save_time_away(
            mentor_id=mentor.pk,
            spec=AwaySpec(values["starts_at"], values["ends_at"], values["reason"], away_id),
            by=signed_in(request),
            clock=timezone.now,
            decisions=decisions,
        )

    page = Page(
        title=_("Change this time away") if row else _("Time away"),
        lead=_("Nobody can book you then. Your hours stay as they are."),
        button=_("Save this time away"),
        done=_("Saved. Nobody can book you then."),
        form=form,
        change=change,
    )
    return answer(request, mentor, page)


@login_required
@require_http_methods(SHOW_AND_SEND)
@saves_once
def time_zone(request: HttpRequest) -> HttpResponse:
    """Put the hours on another clock."""
    mentor = own_hours(request)
    cookie = request.COOKIES.get("tz", "")
    here = zoneinfo.ZoneInfo(cookie) if cookie in TIME_ZONES else mentor.user.zone
    form = ZoneForm(request.POST or None, zone=mentor.user.zone, here=here, now=timezone.now())
    page = Page(
        title=_("Your clock"),
        lead=_(
            "Weekly hours follow it: nine in the morning stays nine, on the new one. Sessions that are "
            "booked stay at their moment."
        ),
        button=_("Use this clock"),
        done=_("Your hours follow the new clock."),
        form=form,
        change=lambda decisions: services.change_time_zone(
            mentor_id=mentor.pk,
            time_zone=form.cleaned_data["time_zone"],
            by=signed_in(request),
            clock=timezone.now,
            decisions=decisions,
        ),
        previewed=False,
    )
    return answer(request, mentor, page)


# -- Taking something away ---------------------------------------------------------------------
@login_required
@require_POST
@saves_once
def remove_weekly(request: HttpRequest, weekly_id: UUID) -> HttpResponse:
    mentor = own_hours(request)
    row: WeeklyHours = _row(mentor.weekly_hours.all(), weekly_id)
    today = timezone.now().astimezone(mentor.user.zone).date()
    again = WeeklyForm.of(row, None, today=today)
    weekly_id = row.pk  # the row has none once it is deleted
    return _removed(
        request,
        mentor,
        lambda decisions: services.remove_weekly_hours(
            weekly_hours_id=weekly_id,
            by=signed_in(request),
            clock=timezone.now,
            decisions=decisions,
        ),
        undo=(again, "sessions:weekly-add"),
    )


@login_required
@require_POST
@saves_once
def remove_exception(request: HttpRequest, exception_id: UUID) -> HttpResponse:
    mentor = own_hours(request)
    row: HoursException = _row(mentor.hours_exceptions.all(), exception_id)
    return _removed(
        request,
        mentor,
        lambda decisions: services.remove_exception(
            exception_id=row.pk, by=signed_in(request), clock=timezone.now, decisions=decisions
        ),
        # A date on which one of several weekly hours was skipped has no form of its own.
        undo=None
        if row.weekly_hours_id
        else (ExceptionForm.of(row, None), "sessions:exception-add"),
    )


@login_required
@require_POST
@saves_once
def remove_away(request: HttpRequest, away_id: UUID) -> HttpResponse:
    mentor = own_hours(request)
    row: BusyTime = _row(mentor.busy_times.filter(source=BusyTime.Source.AWAY), away_id)
    return _removed(
        request,
        mentor,
        lambda decisions: services.remove_time_away(
            busy_time_id=row.pk, by=signed_in(request), clock=timezone.now
        ),
        undo=(AwayForm.of(row, None, zone=mentor.user.zone), "sessions:away-add"),
    )


def _removed(
    request: HttpRequest,
    mentor: Mentor,
    change: Callable[..., object],
    *,
    undo: tuple[forms.Form, str] | None,
) -> HttpResponse:
    """Take it away. `undo`: the form that makes it again, and the name of the page it belongs to."""
    done: str = _("Removed.")
    if undo is not None:
        form, page = undo
        done = with_undo(request, done, action=reverse(page), form=form)
    return save_or_say(request, mentor, change, done=done)
