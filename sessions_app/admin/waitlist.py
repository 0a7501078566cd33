from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _
from unfold.decorators import display

from accounts.admin_filters import PeriodFilter
from accounts.admin_parts import Colours, ShownInline, ShownOnly, may, person
from sessions_app import services
from sessions_app.admin.people import MENTEE, MENTOR, WithMentor
from sessions_app.models import Hold, WaitlistEntry
from sessions_app.selectors.waitlist import IN_LINE

PLACE_COLOURS = Colours({"Waiting": "info", "Offered a time": "warning", "Booked": "success"})
HOLD_COLOURS = Colours({"Live": "warning", "Booked": "success", "Expired": "danger"})


class OffersInline(ShownInline):
    """What was offered to a place, and what became of it."""

    model = Hold
    verbose_name_plural = _("offers")
    fields = readonly_fields = ("starts_at", "ends_at", "state", "created_at", "expires_at")
    ordering = ("-created_at", "id")


@admin.register(WaitlistEntry)
class WaitlistEntryAdmin(WithMentor, ShownOnly):
    """Who waits for whom. The order of a line is the order of joining; nobody is moved ahead."""

    list_display = (
        "mentor_name", "mentee_name", "shown_state", "wanted_from", "wanted_until", "created_at",
    )  # fmt: skip
    list_display_links = ("mentor_name",)
    list_filter = ("state", ("created_at", PeriodFilter))
    list_select_related = ("mentor__user", "mentee__user")
    search_fields = (*MENTOR, *MENTEE, "goal")
    ordering = ("-created_at", "id")
    fields = (
        ("mentor_name", "mentee_name"),
        ("state", "created_at"),
        ("wanted_from", "wanted_until"),
        "goal",
    )
    readonly_fields = ("mentor_name", "mentee_name", "created_at")
    inlines = (OffersInline,)
    actions = ("take_out",)

    @display(description=_("Mentee"), ordering="mentee__user__name")  # type: ignore[untyped-decorator]
    def mentee_name(self, place: WaitlistEntry) -> str:
        return str(place.mentee.user)

    @display(description=_("State"), ordering="state", label=PLACE_COLOURS)  # type: ignore[untyped-decorator]
    def shown_state(self, place: WaitlistEntry) -> str:
        return place.get_state_display()

    def has_change_line_permission(self, request: HttpRequest) -> bool:
        return may(request, "sessions_app.change_waitlistentry")

    @admin.action(description=_("Take out of the line"), permissions=["change_line"])
    def take_out(self, request: HttpRequest, queryset: QuerySet[WaitlistEntry]) -> None:
        """What is offered to them goes to the next in line."""
        chosen = list(queryset.filter(state__in=IN_LINE))
        done = sum(
            self.attempt(
                request,
                lambda pk=place.pk: services.leave_waitlist(  # type: ignore[misc]
                    entry_id=pk, by=person(request), clock=timezone.now
                ),
            )
            for place in chosen
        )
        self.tell_done(request, done, len(chosen), gettext("taken out of the line"))


@admin.register(Hold)
class HoldAdmin(WithMentor, ShownOnly):
    """Times that are kept for one person: offers from the waitlist, and mentees' own holds."""

    list_display = (
        "mentor_name", "mentee_name", "starts_at", "shown_state", "is_offer", "expires_at",
        "created_at",
    )  # fmt: skip
    list_display_links = ("mentor_name",)
    list_filter = ("state", ("starts_at", PeriodFilter))
    list_select_related = ("mentor__user", "mentee__user")
    search_fields = (*MENTOR, *MENTEE)
    ordering = ("-created_at", "id")
    fields = (
        ("mentor_name", "mentee_name"),
        ("starts_at", "ends_at"),
        ("state", "expires_at"),
        "entry",
    )
    readonly_fields = ("mentor_name", "mentee_name", "created_at")
    actions = ("end",)

    @display(description=_("Mentee"), ordering="mentee__user__name")  # type: ignore[untyped-decorator]
    def mentee_name(self, hold: Hold) -> str:
        return str(hold.mentee.user)

    @display(description=_("State"), ordering="state", label=HOLD_COLOURS)  # type: ignore[untyped-decorator]
    def shown_state(self, hold: Hold) -> str:
        return hold.get_state_display()

    @display(description=_("From the waitlist"), boolean=True)  # type: ignore[untyped-decorator]
    def is_offer(self, hold: Hold) -> bool:
        return hold.entry_id is not None

    def has_end_permission(self, request: HttpRequest) -> bool:
        return may(request, "sessions_app.change_hold")

    @admin.action(description=_("End: the next in line is asked"), permissions=["end"])
    def end(self, request: HttpRequest, queryset: QuerySet[Hold]) -> None:
        chosen = list(queryset.filter(state=Hold.State.LIVE))
        done = sum(
            self.attempt(
                request,
                lambda pk=hold.pk: services.release_hold(  # type: ignore[misc]
                    hold_id=pk, by=person(request), clock=timezone.now
                ),
            )
            for hold in chosen
        )
        self.tell_done(request, done, len(chosen), gettext("ended"))
