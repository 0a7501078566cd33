"""Policies: drafts to edit, their effect on saved queries beside another version, and publishing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import label_for_field
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts.admin_parts import Colours, Console, person
from matching.models import MatchPolicy, SavedQuery
from matching.ranking import SIGNALS, WEIGHTS
from matching.services import policies
from matching.services.previewing import compare

# Each is embedded and searched for while somebody waits.
MOST_PREVIEWED = 12


@admin.register(MatchPolicy)
class MatchPolicyAdmin(Console):
    """Versions of the weights that order every list. A draft may be edited; the others only read."""

    list_display = ("name", "version", "shown_state", "note", "published_at", "published_by")
    list_display_links = ("name", "version")
    list_filter = ("state", "name")
    list_select_related = ("published_by",)
    search_fields = ("name", "note")
    ordering = ("name", "-version")
    readonly_fields = (
        "version",
        "shown_state",
        "created_by",
        "created_at",
        "published_by",
        "published_at",
    )
    fieldsets = (
        (None, {"fields": ("name", "note", "version", "shown_state")}),
        (
            gettext_lazy("What makes a mentor fit"),
            {"fields": ("meaning", "floor"), "description": gettext_lazy("Relevance runs from 0 to 1.")},
        ),
        (
            gettext_lazy("What decides between those who fit about equally"),
            {"fields": SIGNALS, "description": gettext_lazy("In units of relevance. 0: it does not count.")},
        ),
        (gettext_lazy("The list"), {"fields": ("diversity", "explore_at")}),
        (gettext_lazy("Who and when"), {"fields": (("created_by", "created_at"), ("published_by", "published_at"))}),
    )  # fmt: skip
    change_form_outer_before_template = "admin/policy_steps.html"

    @display(  # type: ignore[untyped-decorator]
        description=gettext_lazy("State"),
        ordering="state",
        label=Colours({"Published": "success", "Draft": "info", "Retired": "warning"}),
    )
    def shown_state(self, policy: MatchPolicy) -> str:
        return str(policy.get_state_display())

    # -- Who may what --------------------------------------------------------------------------
    def has_change_permission(self, request: HttpRequest, obj: MatchPolicy | None = None) -> bool:
        is_kept = obj is not None and obj.state != MatchPolicy.State.DRAFT
        return not is_kept and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: MatchPolicy | None = None) -> bool:
        # One at a time, and drafts alone: what was published is kept.
        is_draft = obj is not None and obj.state == MatchPolicy.State.DRAFT
        return is_draft and bool(super().has_delete_permission(request, obj))

    # -- Drafts --------------------------------------------------------------------------------
    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new policy starts from the weights that are in use."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        return {**policies.published().weights(), **initial}

    def save_model(
        self,
        request: HttpRequest,
        obj: MatchPolicy,
        form: Any,
        change: bool,  # noqa: FBT001
    ) -> None:
        policies.save_draft(draft=obj, by=person(request))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        steps = {"policy": self.get_object(request, object_id) if object_id else None}
        if steps["policy"] is not None:
            steps["may_change"] = super().has_change_permission(request)
        return super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **steps}
        )

    # -- Steps ---------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        steps = {
            "preview": self.preview,
            "publish": self.publish,
            "draft": require_POST(self.draft),
        }
        own = [
            path(
                f"<uuid:pk>/{name}/",
                self.admin_site.admin_view(view),
                name=f"matching_matchpolicy_{name}",
            )
            for name, view in steps.items()
        ]
        return [*own, *super().get_urls()]

    def preview(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The first ten of each saved query by this policy, and by another. Changes nothing."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        policy = self._policy(pk)
        others = MatchPolicy.objects.exclude(pk=pk).order_by("name", "-version")
        against = _chosen(others, request.GET.get("against", ""))
        queries = list(
            SavedQuery.objects.order_by("created_at", "pk").values_list("text", flat=True)
        )
        old = policies.as_policy(against) if against else policies.as_policy(policy)
        new = policies.as_policy(policy)
        comparisons = compare(
            queries=queries[:MOST_PREVIEWED],
            old=old,
            new=new,
            by=person(request),
            now=timezone.now(),
        )
        return self._page(
            request,
            "admin/policy_preview.html",
            policy,
            title=_("Preview of %(policy)s") % {"policy": policy},
            against=against or policy,
            others=others,
            changes=_changes(against, policy),
            comparisons=comparisons,
            left_out=max(0, len(queries) - MOST_PREVIEWED),
        )

    def publish(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Asks, saying what will change for everybody; then does it."""
        if not super().has_change_permission(request):
            raise PermissionDenied
        policy = self._policy(pk)
        now_published = MatchPolicy.objects.filter(state=MatchPolicy.State.PUBLISHED).first()
        if request.method != "POST":
            return self._page(
                request,
                "admin/policy_publish.html",
                policy,
                title=_("Publish %(policy)s?") % {"policy": policy},
                against=now_published,
                changes=_changes(now_published, policy),
            )
        if self.attempt(
            request,
            lambda: policies.publish(policy_id=pk, by=person(request), now=timezone.now()),
        ):
            self.log_change(
                request, policy, _("Published in place of %(old)s.") % {"old": now_published}
            )
            self.message_user(
                request,
                _("Lists are ordered by %(policy)s now.") % {"policy": policy},
                messages.SUCCESS,
            )
        return _to(policy)

    def draft(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """A new draft with the weights of this version."""
        if not (self.has_add_permission(request) and super().has_change_permission(request)):
            raise PermissionDenied
        source = self._policy(pk)
        made = policies.draft_from(policy_id=pk, by=person(request))
        self.log_addition(request, made, _("A draft from %(source)s.") % {"source": source})
        self.message_user(
            request,
            _("This draft has the weights of %(source)s.") % {"source": source},
            messages.SUCCESS,
        )
        return _to(made)

    def _policy(self, pk: UUID) -> MatchPolicy:
        policy = MatchPolicy.objects.filter(pk=pk).first()
        if policy is None:
            raise Http404
        return policy

    def _page(
        self, request: HttpRequest, template: str, policy: MatchPolicy, **context: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "policy": policy,
            "may_change": super().has_change_permission(request),
            **context,
        }
        return TemplateResponse(request, template, context)


@admin.register(SavedQuery)
class SavedQueryAdmin(Console):
    """What the preview of a policy shows lists for. The first twelve are shown."""

    list_display = ("text", "created_at")
    search_fields = ("text",)
    ordering = ("created_at", "pk")


def _chosen(others: QuerySet[MatchPolicy], label: str) -> MatchPolicy | None:
    """The policy of "name:version" among them; else the published one, else any."""
    rows = list(others)
    wanted = [row for row in rows if label == policies.as_policy(row).label]
    in_use = [row for row in rows if row.state == MatchPolicy.State.PUBLISHED]
    return next(iter([*wanted, *in_use, *rows]), None)


def _changes(old: MatchPolicy | None, new: MatchPolicy) -> list[tuple[Any, Any, Any]]:
    """The weights that differ: what the form calls them, before and after."""
    if old is None:
        return []
    return [
        (
            label_for_field(name, MatchPolicy),
            getattr(old, name),
            getattr(new, name),
        )
        for name in WEIGHTS
        if getattr(old, name) != getattr(new, name)
    ]


def _to(policy: MatchPolicy) -> HttpResponseRedirect:
    return redirect(reverse("admin:matching_matchpolicy_change", args=[policy.pk]))
