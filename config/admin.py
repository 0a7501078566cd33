"""Admins that need more than one room, and those of other people's apps in the console's clothes.

This app comes last in INSTALLED_APPS, because what is taken off here must have been put on before.
"""

from __future__ import annotations

from typing import Any

from allauth.account.admin import EmailAddressAdmin as BaseEmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as BaseGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_celery_beat.admin import (
    ClockedScheduleAdmin as BaseClockedScheduleAdmin,
    CrontabScheduleAdmin as BaseCrontabScheduleAdmin,
)
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin

from accounts.admin_parts import ShownOnly, WithHistory
from config.console import attention
from config.console.mentor_list import MentorAdmin
from config.console.schedules import PeriodicTaskAdmin
from mentors.models import Mentor

admin.site.register(Mentor, MentorAdmin)


# -- Schedules ---------------------------------------------------------------------------------
for _model in (PeriodicTask, IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule):
    admin.site.unregister(_model)


admin.site.register(PeriodicTask, PeriodicTaskAdmin)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ModelAdmin):  # type: ignore[misc]
    ordering = ("period", "every")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(BaseCrontabScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    inlines = ()


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(BaseClockedScheduleAdmin, ModelAdmin):  # type: ignore[misc]
    inlines = ()


# -- Sign-in -----------------------------------------------------------------------------------
# Providers are configured by the environment, and nobody needs to read anybody's tokens.
for _model in (
    SocialApp,
    SocialToken,
    SocialAccount,
    EmailAddress,
    Authenticator,
    UserSession,
    Group,
):
    admin.site.unregister(_model)


@admin.register(EmailAddress)
class EmailAddressAdmin(WithHistory, BaseEmailAddressAdmin, ModelAdmin):  # type: ignore[misc]
    list_select_related = ("user",)
    ordering = ("email",)


@admin.register(SocialAccount)
class SocialAccountAdmin(ShownOnly):
    list_display = ("user", "provider", "uid", "last_login", "date_joined")
    list_filter = ("provider",)
    list_select_related = ("user",)
    search_fields = ("user__name", "user__email", "uid")
    ordering = ("-date_joined",)
    fields = ("user", "provider", "uid", "last_login", "date_joined")


@admin.register(Authenticator)
class AuthenticatorAdmin(ShownOnly):
    """Second factors. Removing one lets a person who lost theirs in again; its secret is not shown."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__name", "user__email")
    ordering = ("-created_at",)
    fields = ("user", "type", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return ModelAdmin.has_delete_permission(self, request, obj)  # type: ignore[no-any-return]


@admin.register(UserSession)
class UserSessionAdmin(ShownOnly):
    """Where people are signed in."""

    list_display = ("user", "ip", "user_agent", "last_seen_at", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__name", "user__email", "ip")
    ordering = ("-last_seen_at",)
    fields = ("user", "ip", "user_agent", "last_seen_at", "created_at")  # not the session's key


@admin.register(Group)
class GroupAdmin(BaseGroupAdmin, ModelAdmin):  # type: ignore[misc]
    ordering = ("name",)


# -- What needs somebody -----------------------------------------------------------------------
class NeedsFilter(admin.SimpleListFilter):
    """The rows that the home page counted."""

    title = _("needs somebody")
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        label = model_admin.opts.label_lower
        return [(one.name, str(one.label)) for one in attention.QUESTIONS if one.model == label]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rows = attention.rows_of(
            self.value() or "", queryset.model._meta.label_lower, now=timezone.now()
        )
        return queryset if rows is None else queryset.filter(pk__in=rows.values("pk"))


for _name in {one.model for one in attention.QUESTIONS}:
    _shown: Any = type(admin.site._registry[apps.get_model(_name)])
    _shown.list_filter = (NeedsFilter, *_shown.list_filter)
    _shown.standing_views = tuple(
        (one.label, f"needs={one.name}") for one in attention.QUESTIONS if one.model == _name
    )
