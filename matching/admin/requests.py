"""What was asked, who was shown, and the texts that mentors are found by: to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_parts import ShownInline, ShownOnly
from matching import embeddings
from matching.models import (
    MatchFeedback,
    MatchImpression,
    MatchRequest,
    MentorEmbedding,
    ModelUse,
)
from matching.selectors import Progress, mentors_by_model, progress
from matching.services import model_state


class ImpressionsInline(ShownInline):
    model = MatchImpression
    fields = readonly_fields = (
        "position", "mentor_name", "score", "reasons", "is_explored", "team", "clicked_at", "judged",
    )  # fmt: skip
    ordering = ("position",)
    verbose_name_plural = _("mentors shown")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[MatchImpression]:
        rows: QuerySet[MatchImpression] = super().get_queryset(request)
        said = MatchFeedback.objects.filter(
            request=OuterRef("request"), mentor=OuterRef("mentor")
        ).values("reason")
        return rows.select_related("mentor__user").annotate(said=Subquery(said))

    @display(description=_("Mentor"))  # type: ignore[untyped-decorator]
    def mentor_name(self, impression: MatchImpression) -> str:
        return str(impression.mentor.user)

    @display(description=_("Not relevant"))  # type: ignore[untyped-decorator]
    def judged(self, impression: MatchImpression) -> str:
        said: str | None = impression.said  # type: ignore[attr-defined]
        return str(MatchFeedback.Reason(said).label) if said else ""


@admin.register(MatchRequest)
class MatchRequestAdmin(ShownOnly):
    """What people asked for, and whom they were shown."""

    list_display = ("created_at", "user", "query", "shown", "policy_used", "took_ms")
    list_display_links = ("created_at",)
    list_filter = ("policy", "model_id", "advice", "from_cache", "created_at")
    list_select_related = ("user",)
    search_fields = ("query", "user__name", "user__email")
    ordering = ("-created_at", "id")
    inlines = (ImpressionsInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[MatchRequest]:
        requests: QuerySet[MatchRequest] = super().get_queryset(request)
        return requests.annotate(mentors_shown=Count("impressions"))

    @display(description=_("Policy"), ordering=("policy", "policy_version"))  # type: ignore[untyped-decorator]
    def policy_used(self, request: MatchRequest) -> str:
        return f"{request.policy}:{request.policy_version}"

    @display(description=_("Mentors shown"))  # type: ignore[untyped-decorator]
    def shown(self, request: MatchRequest) -> int:
        return int(request.mentors_shown)  # type: ignore[attr-defined]


@admin.register(MatchFeedback)
class MatchFeedbackAdmin(ShownOnly):
    """Whom people called not relevant, and why: judgements of grade 0, and what to mend in profiles."""

    list_display = ("created_at", "user", "question", "mentor_name", "reason", "words")
    list_display_links = ("created_at",)
    list_filter = ("reason", "created_at")
    list_select_related = ("user", "mentor__user")
    search_fields = ("question", "words", "mentor__user__name", "user__name", "user__email")
    ordering = ("-created_at", "id")
    fields = ("created_at", "user", "request", "question", "mentor_name", "reason", "words")
    readonly_fields = ("mentor_name",)

    @display(description=_("Mentor"), ordering="mentor__user__name")  # type: ignore[untyped-decorator]
    def mentor_name(self, feedback: MatchFeedback) -> str:
        return str(feedback.mentor.user)


@admin.register(MentorEmbedding)
class MentorEmbeddingAdmin(ShownOnly):
    """The texts that mentors are found by. The numbers say nothing to a reader."""

    list_display = ("mentor_name", "chunk_no", "text", "model_id")
    list_display_links = ("mentor_name",)
    list_filter = ("model_id",)
    list_select_related = ("mentor__user",)
    search_fields = ("mentor__user__name", "text")
    ordering = ("mentor__user__name", "model_id", "chunk_no")
    fields = ("mentor_name", "model_id", "chunk_no", "text")
    readonly_fields = ("mentor_name",)
    list_before_template = "admin/index_progress.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """How far the search knows the mentors stands above what it knows of them."""
        if self.has_view_permission(request):
            extra_context = {**(extra_context or {}), "indexes": _indexes()}
        answer: HttpResponse = super().changelist_view(request, extra_context)
        return answer

    def get_queryset(self, request: HttpRequest) -> QuerySet[MentorEmbedding]:
        rows: QuerySet[MentorEmbedding] = super().get_queryset(request)
        return rows.defer("vector")

    @display(description=_("Mentor"), ordering="mentor__user__name")  # type: ignore[untyped-decorator]
    def mentor_name(self, row: MentorEmbedding) -> str:
        return str(row.mentor.user)


@admin.register(ModelUse)
class ModelUseAdmin(ShownOnly):
    """What paid models were used for, month by month, and how they are doing now."""

    list_display = (
        "month_name", "purpose", "model_id", "calls", "failures", "grouped_in", "grouped_out", "dollars",
    )  # fmt: skip
    list_display_links = None
    list_filter = ("month", "purpose")
    ordering = ("-month", "purpose", "model_id")
    list_before_template = "admin/model_state.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        state = {"model_state": model_state(timezone.now())}
        answer: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **state})
        return answer

    @display(description=_("Month"), ordering="month")  # type: ignore[untyped-decorator]
    def month_name(self, use: ModelUse) -> str:
        return f"{use.month:%B %Y}"

    @display(description=_("Tokens in"), ordering="tokens_in")  # type: ignore[untyped-decorator]
    def grouped_in(self, use: ModelUse) -> str:
        return f"{use.tokens_in:,}"

    @display(description=_("Tokens out"), ordering="tokens_out")  # type: ignore[untyped-decorator]
    def grouped_out(self, use: ModelUse) -> str:
        return f"{use.tokens_out:,}"

    @display(description=_("US dollars"), ordering="cost")  # type: ignore[untyped-decorator]
    def dollars(self, use: ModelUse) -> str:
        return f"{use.cost:.4f}"


def _indexes() -> list[tuple[Progress, bool]]:
    """Each index and whether questions are answered by it: the words', the model's in use, others kept."""
    try:
        in_use = embeddings.backend().model_id
    except embeddings.EmbeddingUnavailable:
        in_use = ""
    models = {*mentors_by_model(), *filter(None, [in_use])}
    return [(one, one.name in ("", in_use)) for one in progress(sorted(models))]
