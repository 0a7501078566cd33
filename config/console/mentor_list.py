"""The list of mentors, with what the rooms above theirs know of them: how much of their time is used, when they
are free, what people say, and whether Airtable knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Count, Exists, F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _, gettext_lazy, gettext_noop, ngettext
from unfold.decorators import display

from accounts import services as accounts
from accounts.admin_bulk import Bulk, Effect, InBulk
from accounts.admin_parts import Colours, person
from accounts.models import User
from analytics.models import MentorFigures
from config.console.mentors import Known, latest_refresh
from mentors.admin import AreaFilter, MentorAdmin as MentorProfileAdmin
from mentors.models import Mentor
from mentors.services import update_profile
from sessions_app import services
from sessions_app.admin import Asking, UpcomingWindowsInline
from sessions_app.deciding import decisions_in
from sessions_app.models import MentorRating, Session
from sessions_app.refusals import SessionsOrphaned
from sync import invitations
from sync.models import OutboxRow, RecordLink
from sync.people_models import Invitation


# -- Filters -----------------------------------------------------------------------------------
class UseFilter(admin.SimpleListFilter):
    """By how much of what they offered in 28 days was booked."""

    title = gettext_lazy("use in 28 days")
    parameter_name = "use"
    # Name -> label, and the share of their room.
    BANDS: ClassVar[dict[str, tuple[str, dict[str, Any]]]] = {
        "none": (gettext_noop("Not booked"), {"utilization": 0}),
        "low": (
            gettext_noop("Less than a quarter"),
            {"utilization__gt": 0, "utilization__lt": 0.25},
        ),
        "half": (
            gettext_noop("A quarter to three"),
            {"utilization__gte": 0.25, "utilization__lt": 0.75},
        ),
        "high": (gettext_noop("Three quarters and more"), {"utilization__gte": 0.75}),
        "nothing": (gettext_noop("Offered nothing"), {"utilization": None}),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, _(label)) for name, (label, _share) in self.BANDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Mentor]) -> QuerySet[Mentor]:
        band = self.value()
        if band not in self.BANDS:
            return queryset
        _label, share = self.BANDS[band]
        figures = MentorFigures.objects.filter(refresh=latest_refresh(), **share)
        return queryset.filter(pk__in=figures.values("mentor"))


class SyncFilter(admin.SimpleListFilter):
    """By how they stand with Airtable."""

    title = gettext_lazy("Airtable")
    parameter_name = "sync"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("refused", _("Refused")), ("waiting", _("On its way")), ("step", _("In step")),
            ("absent", _("Not there")),
        ]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Mentor]) -> QuerySet[Mentor]:
        conditions = {
            "refused": {"is_refused": True},
            "waiting": {"is_refused": False, "is_waiting": True},
            "step": {"is_refused": False, "is_waiting": False, "is_linked": True},
            "absent": {"is_refused": False, "is_waiting": False, "is_linked": False},
        }
        wanted = conditions.get(self.value() or "")
        return queryset.filter(**wanted) if wanted else queryset


# -- The list ----------------------------------------------------------------------------------
class MentorAdmin(InBulk, Asking, MentorProfileAdmin):
    """A mentor's profile, and the list that answers how mentors are doing."""

    list_display = (
        "who", "areas", "is_active", "visibility", "use", "next_opening", "rating", "sync_state",
    )  # fmt: skip
    list_display_links = ("who",)
    list_filter: tuple[Any, ...] = (
        "is_active",
        UseFilter,
        AreaFilter,
        SyncFilter,
        "visibility",
        "is_synthetic",
    )
    list_select_related = ("user", "opening")
    inlines = (*MentorProfileAdmin.inlines, UpcomingWindowsInline)
    bulks = ("pause", "activate", "show_to", "cap", "invite")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mentor]:
        """Each figure by a subquery of its own, which runs for the rows of the page alone."""
        lately = MentorFigures.objects.filter(refresh=latest_refresh(), mentor=OuterRef("pk"))
        rated = MentorRating.objects.filter(mentor=OuterRef("pk"))
        here = {"subject": "mentor", "object_id": OuterRef("pk")}
        return (
            super()
            .get_queryset(request)
            .annotate(
                next_start=F("opening__next_start"),
                share=Subquery(lately.values("utilization")[:1]),
                booked=Subquery(lately.values("booked")[:1]),
                room=Subquery(lately.values("room")[:1]),
                stars=Subquery(rated.values("stars")),
                ratings=Subquery(rated.values("ratings")),
                is_waiting=Exists(OutboxRow.objects.filter(**here, status="pending")),
                is_refused=Exists(OutboxRow.objects.filter(**here, status="dead")),
                is_linked=Exists(RecordLink.objects.filter(**here)),
            )
        )

    def save_model(self, request: HttpRequest, obj: Mentor, form: Any, change: bool) -> None:  # noqa: FBT001
        if change and "is_active" in form.changed_data and not obj.is_active:
            services.deactivate_mentor(
                mentor_id=obj.pk,
                by=person(request),
                clock=timezone.now,
                decisions=decisions_in(request.POST),
            )
        super().save_model(request, obj, form, change)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Unticking "is active" in the list asks about their sessions, as their page does."""
        try:
            answer: HttpResponse = super().changelist_view(request, extra_context)
        except SessionsOrphaned as refusal:
            return self.ask(request, refusal.extra["conflicts"])
        return answer

    # -- Columns
    @display(description=gettext_lazy("Mentor"), ordering="user__name")  # type: ignore[untyped-decorator]
    def who(self, mentor: Mentor) -> str:
        return format_html(
            '<span class="cell-main">{}</span><span class="cell-more">{}</span>',
            mentor.user,
            mentor.company,
        )

    @display(description=gettext_lazy("Areas"))  # type: ignore[untyped-decorator]
    def areas(self, mentor: Mentor) -> str:
        first, *others = [*dict.fromkeys(row.area for row in mentor.expertise.all()), ""]
        more = len(others) - 1
        return format_html(
            '<span class="cell-main" title="{}">{}</span><span class="cell-more">{}</span>',
            ", ".join(filter(None, [first, *others])),
            first,
            ngettext("and %d more", "and %d more", more) % more if more > 0 else "",
        )

    @display(description=gettext_lazy("Use, 28 days"), ordering=Known("share"))  # type: ignore[untyped-decorator]
    def use(self, mentor: Any) -> str:
        if mentor.share is None:
            return "-"
        return format_html(
            '<span class="cell-main">{} %</span><span class="cell-more">{}</span>',
            round(100 * mentor.share),
            _("%(booked)d of %(room)d") % {"booked": mentor.booked, "room": mentor.room},
        )

    @display(description=gettext_lazy("Next free"), ordering=Known("next_start"))  # type: ignore[untyped-decorator]
    def next_opening(self, mentor: Any) -> Any:
        return mentor.next_start

    @display(description=gettext_lazy("Rating"), ordering=Known("rated__stars"))  # type: ignore[untyped-decorator]
    def rating(self, mentor: Any) -> str:
        if mentor.stars is None:
            return "-"
        return format_html(
            '<span class="cell-main">{}</span><span class="cell-more">{}</span>',
            f"{mentor.stars:.1f}",
            ngettext("of %d", "of %d", mentor.ratings) % mentor.ratings,
        )

    @display(  # type: ignore[untyped-decorator]
        description=gettext_lazy("Airtable"),
        label=Colours({"Refused": "danger", "On its way": "info", "In step": "success"}),
    )
    def sync_state(self, mentor: Any) -> str:
        if mentor.is_refused:
            return _("Refused")
        if mentor.is_waiting:
            return _("On its way")
        return _("In step") if mentor.is_linked else _("Not there")

    # -- Changes to many
    def bulk(self, name: str) -> Bulk | None:
        return {
            "pause": Bulk(
                "pause", _("Pause: nobody can book them"), _("Pause these mentors?"), _("Pause"),
                "mentors.change_mentor", _if_paused, self._pause, is_heavy=True,
            ),
            "activate": Bulk(
                "activate", _("Let them be booked again"), _("Let these mentors be booked?"),
                _("Activate"), "mentors.change_mentor", _if_activated, self._activate,
            ),
            "show_to": Bulk(
                "show_to", _("Set who sees them"), _("Who sees these mentors?"), _("Set"),
                "mentors.change_mentor", _if_shown, self._set("visibility"), VisibilityForm,
            ),
            "cap": Bulk(
                "cap", _("Set their weekly cap"), _("How many sessions a week?"), _("Set"),
                "mentors.change_mentor", _if_capped, self._set("weekly_load_cap"), CapForm,
            ),
            "invite": Bulk(
                "invite", _("Invite by mail"), _("Invite these mentors?"), _("Send invitations"),
                "sync.change_invitation", _if_invited, self._invite,
            ),
        }.get(name)  # fmt: skip

    def rows_for_bulk(self, queryset: QuerySet[Mentor]) -> QuerySet[Mentor]:
        coming = Session.objects.filter(
            mentor=OuterRef("pk"), status__in=Session.LIVE, starts_at__gt=timezone.now()
        )
        return (
            queryset.select_related("user")
            .annotate(to_come=_count(coming, "mentor"))
            .order_by("user__name", "id")
        )

    def _pause(
        self, request: HttpRequest, rows: Sequence[Any], values: Mapping[str, Any]
    ) -> HttpResponse | None:
        return self.decided(
            request,
            rows,
            lambda row, decisions: services.deactivate_mentor(
                mentor_id=row.pk, by=person(request), clock=timezone.now, decisions=decisions
            ),
            _("paused"),
        )

    def _activate(
        self, request: HttpRequest, rows: Sequence[Any], values: Mapping[str, Any]
    ) -> HttpResponse | None:
        answer: HttpResponse | None = self._set("is_active")(request, rows, {"is_active": True})
        return answer

    def _set(self, attribute: str) -> Any:
        def carry_out(
            request: HttpRequest, rows: Sequence[Any], values: Mapping[str, Any]
        ) -> HttpResponse | None:
            changes = {attribute: values[attribute]}
            done = sum(
                self.attempt(
                    request,
                    lambda pk=row.pk: update_profile(  # type: ignore[misc]
                        mentor_id=pk, changes=changes, by=person(request)
                    ),
                )
                for row in rows
            )
            self.tell_done(request, done, len(rows), _("changed"))
            return None

        return carry_out

    def _invite(
        self, request: HttpRequest, rows: Sequence[Any], values: Mapping[str, Any]
    ) -> HttpResponse | None:
        now = timezone.now()
        known = dict(
            Invitation.objects.filter(user__in=[row.user_id for row in rows]).values_list(
                "user", "pk"
            )
        )
        for row in rows:
            if row.user_id not in known:
                invitations.invite(user=row.user, subject="mentor", appeared_at=now, now=now)
        invitations.send_again(ids=known.values(), now=now)
        self.tell_done(request, len(rows), len(rows), _("invited"))
        return None


class VisibilityForm(forms.Form):
    visibility = forms.ChoiceField(label=gettext_lazy("Seen by"), choices=Mentor.Visibility.choices)


class CapForm(forms.Form):
    weekly_load_cap = forms.IntegerField(
        label=gettext_lazy("Sessions a week"),
        min_value=0,
        max_value=100,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )


# -- What would happen -------------------------------------------------------------------------
def _if_paused(rows: Sequence[Any], values: Mapping[str, Any]) -> list[Effect]:
    going = [row for row in rows if row.is_active]
    booked = sum(row.to_come or 0 for row in going)
    detail = ngettext(
        "%d session of theirs is to come. You are asked what becomes of it.",
        "%d sessions of theirs are to come. You are asked what becomes of each.",
        booked,
    )
    return [
        Effect(
            ngettext("can be booked no more", "can be booked no more", len(going)),
            going,
            detail % booked if booked else "",
        ),
        _unchanged([row for row in rows if not row.is_active], _("are paused already")),
    ]


def _if_activated(rows: Sequence[Any], values: Mapping[str, Any]) -> list[Effect]:
    return [
        Effect(_("can be booked in their hours"), [row for row in rows if not row.is_active]),
        _unchanged([row for row in rows if row.is_active], _("are active already")),
    ]


def _if_shown(rows: Sequence[Any], values: Mapping[str, Any]) -> list[Effect]:
    wanted = Mentor.Visibility(values["visibility"])
    return [
        Effect(
            _("become visible to: %(whom)s") % {"whom": wanted.label},
            [row for row in rows if row.visibility != wanted],
        ),
        _unchanged([row for row in rows if row.visibility == wanted], _("are so already")),
    ]


def _if_capped(rows: Sequence[Any], values: Mapping[str, Any]) -> list[Effect]:
    cap = values["weekly_load_cap"]
    less = [row for row in rows if row.weekly_load_cap > cap]
    return [
        Effect(
            _("get more room"), [row for row in rows if row.weekly_load_cap < cap],
            _("From less to %(n)d sessions a week.") % {"n": cap},
        ),
        Effect(
            _("get less room"), less,
            _("Down to %(n)d sessions a week. What is booked stays.") % {"n": cap},
        ),
        _unchanged([row for row in rows if row.weekly_load_cap == cap], _("have that cap already")),
    ]  # fmt: skip


def _if_invited(rows: Sequence[Any], values: Mapping[str, Any]) -> list[Effect]:
    new = accounts.unclaimed().filter(status=User.Status.ACTIVE)
    strangers = set(new.filter(pk__in=[row.user_id for row in rows]).values_list("pk", flat=True))
    return [
        Effect(
            _("get a mail with a link to their account"),
            [row for row in rows if row.user_id in strangers],
        ),
        _unchanged(
            [row for row in rows if row.user_id not in strangers],
            _("have been here already, or may not sign in"),
        ),
    ]


def _unchanged(rows: Sequence[Any], sentence: str) -> Effect:
    return Effect(sentence, rows, is_change=False)


def _count(rows: QuerySet[Any], key: str) -> Subquery:
    return Subquery(rows.order_by().values(key).annotate(n=Count("pk")).values("n"))
