from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allauth.account.forms import ResetPasswordForm
from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.contrib.admin import AllValuesFieldListFilter
from django.db.models import Exists, OuterRef, QuerySet
from django.forms import ChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import changes, services
from accounts.admin_bulk import Bulk, Effect, InBulk
from accounts.admin_filters import PeriodFilter
from accounts.admin_parts import Colours, Console, ShownOnly, may, person
from accounts.models import TIME_ZONES, AuditEntry, ProgramSettings, User

STATUS_COLOURS = Colours({"Active": "success", "Inactive": "warning", "Suspended": "danger"})
# A program manager may make mentors and mentees; who is staff is the administrators' decision.
ROLES_FOR_ALL = (User.Role.MENTEE, User.Role.MENTOR)


class PersonForm(ModelForm):  # type: ignore[type-arg]
    """A person as others may change them. There is no password in it, not even its hash."""

    time_zone = ChoiceField(
        label=_("Time zone"),
        choices=[(name, name) for name in sorted(TIME_ZONES)],
        initial="UTC",
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = User
        fields = ("email", "name", "role", "time_zone", "language", "photo_source")


@admin.register(User)
class UserAdmin(InBulk):
    """People. Roles and status go through the services, which keep groups and sign-ins right."""

    form = PersonForm
    list_display = (
        "name",
        "email",
        "role",
        "shown_status",
        "is_verified",
        "last_seen_at",
        "created_at",
    )
    list_display_links = ("name", "email")
    list_filter = ("role", "status", "last_seen_at", "created_at")
    search_fields = ("name", "email")
    ordering = ("name", "email")
    actions = ("send_reset_link",)
    bulks = ("suspend", "reactivate")
    readonly_fields = ("status", "last_seen_at", "created_at")
    people = ("email", "name", "role", "time_zone", "language", "photo_source")

    def also_changed(self, row: Any) -> list[changes.Key]:
        """What they are to the program, where they are that."""
        parts = (getattr(row, name, None) for name in ("mentor", "mentee"))
        return [changes.key_of(part) for part in parts if part is not None]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        verified = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
        people: QuerySet[User] = super().get_queryset(request)
        return people.annotate(verified=Exists(verified))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        sets: list[Any] = [(None, {"fields": self.people})]
        if obj is not None:
            sets.append((_("Account"), {"fields": self.readonly_fields}))
            if person(request).is_superuser:
                sets.append(("Rights", {"fields": ("is_superuser", "groups")}))
        return sets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = tuple(self.readonly_fields)
        if obj is not None:
            # The address changes only after its owner confirms the new one.
            fixed += ("email",)
            if obj.is_staff and not _is_administrator(request):
                fixed += ("role",)
        return fixed

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "role" and not _is_administrator(request):
            kwargs["choices"] = [(role.value, role.label) for role in ROLES_FOR_ALL]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and _outranks(obj) and not _is_administrator(request):
            return False
        return bool(super().has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001
        now, wanted = timezone.now(), form.cleaned_data
        if not change:
            made = services.admit(
                email=wanted["email"], name=wanted["name"], role=User.Role.MENTEE, now=now
            )
            obj.pk, obj._state.adding = made.pk, False
        attributes = {
            name: wanted[name]
            for name in ("name", "time_zone", "language", "photo_source")
            if name in wanted
        }
        user = services.update_person(user_id=obj.pk, changes=attributes, now=now)
        if "is_superuser" in wanted and user.is_superuser != wanted["is_superuser"]:
            user.is_superuser = wanted["is_superuser"]
            user.save(update_fields=["is_superuser"])

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """The role last: the form's own groups would undo the group that the role brings."""
        super().save_related(request, form, formsets, change)
        if {"role", "groups"} & set(form.changed_data):
            services.set_role(user=form.instance, role=form.instance.role)

    # -- Columns
    @display(description=_("Status"), ordering="status", label=STATUS_COLOURS)  # type: ignore[untyped-decorator]
    def shown_status(self, user: User) -> str:
        return user.get_status_display()

    @display(description=_("Address verified"), boolean=True)  # type: ignore[untyped-decorator]
    def is_verified(self, user: Any) -> bool:
        return bool(user.verified)

    # -- Actions
    def has_manage_permission(self, request: HttpRequest) -> bool:
        return may(request, "accounts.change_user")

    def bulk(self, name: str) -> Bulk | None:
        return {
            "suspend": Bulk(
                "suspend", gettext("Suspend: keep out and sign out everywhere"), gettext("Suspend these people?"),
                gettext("Suspend"), "accounts.change_user", _if_suspended,
                self._each(services.suspend, gettext("suspended")), is_heavy=True,
            ),
            "reactivate": Bulk(
                "reactivate", gettext("Reactivate: let in again"), gettext("Let these people in again?"),
                gettext("Reactivate"), "accounts.change_user", _if_reactivated,
                self._each(services.reactivate, gettext("reactivated")),
            ),
        }.get(name)  # fmt: skip

    def _each(self, service: Any, what: str) -> Any:
        def carry_out(
            request: HttpRequest, people: Sequence[User], values: Mapping[str, Any]
        ) -> None:
            by, now = person(request), timezone.now()
            done = sum(
                self.attempt(request, lambda user=user: service(user=user, by=by, now=now))  # type: ignore[misc]
                for user in people
            )
            self.tell_done(request, done, len(people), what)

        return carry_out

    @admin.action(description=_("Send a link to choose a new password"), permissions=["manage"])
    def send_reset_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            form = ResetPasswordForm({"email": user.email})
            if form.is_valid():
                form.save(request)
                self.message_user(
                    request,
                    gettext("A link is on its way to %(address)s.") % {"address": user.email},
                )
            else:
                self.message_user(
                    request,
                    gettext("%(address)s cannot be written to.") % {"address": user.email},
                    messages.ERROR,
                )


def _if_suspended(people: Sequence[User], values: Mapping[str, Any]) -> list[Effect]:
    going = [user for user in people if user.status != User.Status.SUSPENDED]
    ranking = [user for user in going if _outranks(user)]
    others = [user for user in going if not _outranks(user)]
    return [
        Effect(
            gettext("are signed out everywhere and may not come back"), others,
            gettext("What they have booked stays as it is. They are not written to."),
        ),
        Effect(
            gettext("are administrators"), ranking,
            gettext("They are suspended as well, if you are one yourself."),
        ),
        Effect(
            gettext("are suspended already"), [user for user in people if user not in going],
            is_change=False,
        ),
    ]  # fmt: skip


def _if_reactivated(people: Sequence[User], values: Mapping[str, Any]) -> list[Effect]:
    active = User.Status.ACTIVE
    return [
        Effect(gettext("may sign in again"), [user for user in people if user.status != active]),
        Effect(
            gettext("may sign in already"), [user for user in people if user.status == active],
            is_change=False,
        ),
    ]  # fmt: skip


def _is_administrator(request: HttpRequest) -> bool:
    user = person(request)
    return user.is_superuser or user.role == User.Role.ADMIN


def _outranks(user: User) -> bool:
    return user.is_superuser or user.role == User.Role.ADMIN


@admin.register(AuditEntry)
class AuditEntryAdmin(ShownOnly):
    """Who changed what, in all of the program. Each row's own page has its part of it."""

    list_display = (
        "at",
        "shown_action",
        "shown_subject",
        "columns",
        "who",
        "shown_origin",
        "address",
    )
    list_display_links = ("at",)
    list_filter = ("action", ("subject", AllValuesFieldListFilter), ("at", PeriodFilter))
    list_filter_submit = True
    list_select_related = ("actor",)
    search_fields = ("=object_id", "=about", "actor__name", "actor__email", "origin", "=address")
    search_help_text = _("A key, who it was, where it came from")
    ordering = ("-id",)
    fields = readonly_fields = (
        "at", "shown_action", "shown_subject", "object_id", "who", "shown_origin", "origin", "address",
        "shown_changes",
    )  # fmt: skip

    @display(  # type: ignore[untyped-decorator]
        description=_("What happened"),
        ordering="action",
        label=Colours({"Added": "success", "Removed": "danger"}),
    )
    def shown_action(self, entry: AuditEntry) -> str:
        return entry.get_action_display()

    @display(description=_("What"), ordering="subject")  # type: ignore[untyped-decorator]
    def shown_subject(self, entry: AuditEntry) -> str:
        """The kind of row, leading to its page where there is one."""
        (change,) = changes.as_read_without_names([entry])
        url = _page_of(entry)
        if url is None:
            return change.what
        return format_html('<a href="{}" class="underline">{}</a>', url, change.what)

    @display(description=_("Fields"))  # type: ignore[untyped-decorator]
    def columns(self, entry: AuditEntry) -> str:
        return ", ".join(step.label for step in changes.as_read_without_names([entry])[0].steps)

    @display(description=_("Who"), ordering="actor__name")  # type: ignore[untyped-decorator]
    def who(self, entry: AuditEntry) -> str:
        return str(entry.actor or "-")

    @display(description=_("From"), ordering="origin")  # type: ignore[untyped-decorator]
    def shown_origin(self, entry: AuditEntry) -> str:
        return changes.where_of(entry.origin)

    @display(description=_("Before and after"))  # type: ignore[untyped-decorator]
    def shown_changes(self, entry: AuditEntry) -> str:
        return render_to_string(
            "admin/changed_fields.html", {"change": changes.as_read([entry])[0]}
        )


def _page_of(entry: AuditEntry) -> str | None:
    try:
        name = entry.subject.replace(".", "_")
        return reverse(f"admin:{name}_change", args=[entry.object_id])
    except NoReverseMatch:
        return None


@admin.register(ProgramSettings)
class ProgramSettingsAdmin(Console):
    """One row: its list leads straight to it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not ProgramSettings.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            answer: HttpResponse = super().changelist_view(request, extra_context)
            return answer
        if ProgramSettings.objects.exists():
            return redirect(reverse("admin:accounts_programsettings_change", args=[1]))
        return redirect(reverse("admin:accounts_programsettings_add"))
