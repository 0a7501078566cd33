from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from accounts import changes, services as accounts
from accounts.admin_parts import Console, Named, ShownOnly
from accounts.models import User
from mentors.models import Block, Expertise, Mentee, Mentor, SavedMentor
from mentors.selectors import with_people

PERSON = ("user__name", "user__email")


class ExpertiseInline(Named, TabularInline):  # type: ignore[misc]
    model = Expertise
    extra = 0
    fields = ("area", "sub_area", "seniority", "weight")
    ordering = ("-weight", "area", "sub_area")


class AreaFilter(admin.SimpleListFilter):
    title = _("area")
    parameter_name = "area"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        areas = Expertise.objects.order_by("area").values_list("area", flat=True).distinct()
        return [(area, area) for area in areas]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Mentor]) -> QuerySet[Mentor]:
        if not self.value():
            return queryset
        knows = Expertise.objects.filter(area=self.value())
        return queryset.filter(pk__in=knows.values("mentor"))


class MentorAdmin(Console):
    """A mentor's profile. The composition root adds what higher rooms know of them and registers it."""

    list_display: tuple[str, ...] = ("name", "company", "areas", "is_active", "visibility")
    list_display_links = ("name",)
    list_editable = ("is_active", "visibility")
    list_filter: tuple[Any, ...] = ("is_active", "visibility", AreaFilter, "is_synthetic")
    search_fields = (*PERSON, "company", "headline")
    autocomplete_fields = ("user",)
    readonly_fields = ("created_at", "updated_at")
    ordering = ("user__name", "id")
    inlines: tuple[type[TabularInline], ...] = (ExpertiseInline,)
    fieldsets = (
        (None, {"fields": ("user", "headline", "bio", ("company", "title"), "linkedin")}),
        (_("Tags"), {"fields": ("industries", "stages", "languages")}),
        (_("Shown and bookable"), {"fields": (("is_active", "visibility"), "consent_at")}),
        (
            _("How they like to be booked"),
            {
                "fields": (
                    ("weekly_load_cap", "session_minutes"),
                    ("start_step_minutes", "approves_bookings"),
                    "meeting_link",
                    ("buffer_before_minutes", "buffer_after_minutes"),
                    ("minimum_notice_minutes", "booking_horizon_days"),
                )
            },
        ),
        (_("Kept for you"), {"fields": (("created_at", "updated_at"),)}),
    )

    def also_changed(self, row: Any) -> list[changes.Key]:
        return [changes.key_of(row.user)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mentor]:
        return with_people(super().get_queryset(request))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *(("user",) if obj is not None else ()))

    def save_model(self, request: HttpRequest, obj: Mentor, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        if not change and obj.user.role == User.Role.MENTEE:
            accounts.set_role(user=obj.user, role=User.Role.MENTOR)

    @display(description=_("Name"), ordering="user__name")  # type: ignore[untyped-decorator]
    def name(self, mentor: Mentor) -> str:
        return str(mentor.user)

    @display(description=_("Areas"))  # type: ignore[untyped-decorator]
    def areas(self, mentor: Mentor) -> str:
        return ", ".join(dict.fromkeys(row.area for row in mentor.expertise.all()))


@admin.register(Mentee)
class MenteeAdmin(Console):
    list_display = ("name", "company", "stage", "industry", "is_active", "created_at")
    list_display_links = ("name",)
    list_editable = ("is_active",)
    list_filter = ("is_active", "stage", "industry")
    search_fields = (*PERSON, "company", "goals")
    autocomplete_fields = ("user",)
    readonly_fields = ("created_at", "updated_at")
    ordering = ("user__name", "id")

    def also_changed(self, row: Any) -> list[changes.Key]:
        return [changes.key_of(row.user)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mentee]:
        queryset: QuerySet[Mentee] = super().get_queryset(request)
        return queryset.select_related("user")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, *(("user",) if obj is not None else ()))

    @display(description=_("Name"), ordering="user__name")  # type: ignore[untyped-decorator]
    def name(self, mentee: Mentee) -> str:
        return str(mentee.user)


class Pair(Console):
    """Rows about one mentor and one mentee."""

    list_select_related: tuple[str, ...] = ("mentor__user", "mentee__user")
    autocomplete_fields = ("mentor", "mentee")
    search_fields = ("mentor__user__name", "mentee__user__name")

    @display(description=_("Mentor"), ordering="mentor__user__name")  # type: ignore[untyped-decorator]
    def mentor_name(self, row: Any) -> str:
        return str(row.mentor.user)

    @display(description=_("Mentee"), ordering="mentee__user__name")  # type: ignore[untyped-decorator]
    def mentee_name(self, row: Any) -> str:
        return str(row.mentee.user)


@admin.register(SavedMentor)
class SavedMentorAdmin(ShownOnly, Pair):
    list_display = ("mentee_name", "mentor_name", "saved_at")
    ordering = ("-saved_at", "id")


@admin.register(Block)
class BlockAdmin(Pair):
    list_display = ("mentor_name", "mentee_name", "kind", "by", "created_at")
    list_filter = ("kind",)
    list_select_related = (*Pair.list_select_related, "by")
    readonly_fields = ("by", "created_at")
    ordering = ("-created_at", "id")

    def save_model(self, request: HttpRequest, obj: Block, form: Any, change: bool) -> None:  # noqa: FBT001
        if not change:
            obj.by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
