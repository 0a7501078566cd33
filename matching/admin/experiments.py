"""Experiments in the console: prepared, started, looked at, stopped, and the better policy published."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.admin_parts import Colours, Console, may, person
from accounts.models import TIME_ZONES
from accounts.refusals import Refusal
from matching import services, verdicts
from matching.experiments import OUTCOMES, Arm, Kind, Results, Verdict
from matching.models import Experiment, MatchPolicy

# What a person confirms: step -> (service, question, what happens, button, what is written in the log).
STEPS: Final[dict[str, tuple[Callable[..., object], str, str, str, str]]] = {
    "start": (
        services.start_experiment,
        "Start this experiment?",
        "From now on mentees are answered by it. What it compares, and how much must be seen, is fixed.",
        "Start",
        "Started.",
    ),
    "stop": (
        services.stop_experiment,
        "Stop this experiment?",
        "Everybody is answered by the published policy again. What was seen is kept; it cannot go on.",
        "Stop",
        "Stopped.",
    ),
    "publish": (
        services.publish_winner,
        "Publish the better policy?",
        "The experiment ends, and everybody's lists are ordered by the new policy.",
        "Publish",
        "Stopped, and the new policy published.",
    ),
}


class ExperimentForm(forms.ModelForm):  # type: ignore[type-arg]
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=[(name, name) for name in sorted(TIME_ZONES)],
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy(
            "Where the program's day begins at midnight. Only by day does it matter."
        ),
    )

    class Meta:
        model = Experiment
        fields = (
            "name", "hypothesis", "kind", "control", "treatment", "outcome", "least_effect", "percent",
            "time_zone", "wash_in_hours",
        )  # fmt: skip

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        given = self.cleaned_data
        if given.get("kind") == Experiment.Kind.SWITCHBACK and given.get("percent", 100) != 100:
            self.add_error("percent", _("By day everybody takes part: 100."))
        if given.get("treatment") and given.get("treatment") == given.get("control"):
            self.add_error(
                "treatment", _("A policy compared with itself says nothing. Choose another one.")
            )
        return cleaned


@admin.register(Experiment)
class ExperimentAdmin(Console):
    """Two policies compared on what mentees open and book."""

    form = ExperimentForm
    list_display = ("name", "progress", "kind", "control", "treatment", "started_at", "stopped_at")
    list_filter = ("state", "kind")
    list_select_related = ("control", "treatment")
    search_fields = ("name", "hypothesis")
    ordering = ("-created_at", "id")
    autocomplete_fields = ()
    change_form_outer_before_template = "admin/experiment.html"
    fieldsets = (
        (None, {"fields": ("name", "hypothesis", "kind", ("control", "treatment"))}),
        (gettext_lazy("What decides"), {"fields": ("outcome", ("least_effect", "percent"))}),
        (gettext_lazy("By day"), {"fields": (("time_zone", "wash_in_hours"),)}),
    )

    @display(  # type: ignore[untyped-decorator]
        description=gettext_lazy("State"),
        ordering="state",
        label=Colours({"Running": "success", "Draft": "info", "Stopped": "default"}),
    )
    def progress(self, experiment: Experiment) -> str:
        return str(Experiment.State(experiment.state).label)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        published = MatchPolicy.objects.filter(state=MatchPolicy.State.PUBLISHED).first()
        return {
            "control": published and published.pk,
            "time_zone": person(request).time_zone,
            **super().get_changeform_initial_data(request),
        }

    def has_change_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        is_draft = obj is None or obj.state == Experiment.State.DRAFT
        return is_draft and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Experiment | None = None) -> bool:
        is_draft = obj is None or obj.state == Experiment.State.DRAFT
        return is_draft and bool(super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """None: deleting several at once would ask nobody which of them were started."""
        return {}

    def save_model(self, request: HttpRequest, obj: Experiment, form: Any, change: bool) -> None:  # noqa: FBT001
        services.save_experiment(draft=obj, by=person(request))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        experiment = self.get_object(request, object_id) if object_id else None
        context = _panel(experiment, timezone.now()) if experiment else {}
        if experiment and may(request, "matching.change_experiment"):
            context["steps"] = _steps(experiment, context.get("found"))
        return super().changeform_view(
            request, object_id, form_url, (extra_context or {}) | context
        )

    # -- The steps, each confirmed on a page of its own ----------------------------------------
    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<uuid:experiment_id>/<slug:step>/confirm/",
            self.admin_site.admin_view(self.confirm),
            name="matching_experiment_step",
        )
        return [own, *super().get_urls()]

    def confirm(self, request: HttpRequest, experiment_id: UUID, step: str) -> HttpResponse:
        """Ask before a step is taken; with POST, take it."""
        if not may(request, "matching.change_experiment"):
            raise PermissionDenied
        experiment = self.get_object(request, str(experiment_id))
        if experiment is None or step not in STEPS:
            raise Http404
        here = reverse("admin:matching_experiment_change", args=[experiment.pk])
        if request.method == "POST":
            self._take(request, experiment, step)
            return redirect(here)
        _service, question, effect, button, _log = STEPS[step]
        context = {
            **self.admin_site.each_context(request),
            "title": experiment,
            "experiment": experiment,
            "question": question,
            "effect": effect,
            "button": button,
            "here": here,
            "opts": self.opts,
        }
        return render(request, "admin/experiment_step.html", context)

    def _take(self, request: HttpRequest, experiment: Experiment, step: str) -> None:
        service, _question, _effect, _button, log = STEPS[step]
        try:
            service(experiment_id=experiment.pk, by=person(request), now=timezone.now())
        except Refusal as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return
        self.log_change(request, experiment, log)
        self.message_user(request, log, messages.SUCCESS)


def _steps(experiment: Experiment, found: Results | None) -> list[tuple[str, str, bool]]:
    """What may be done now: (address, label, whether it stands out). Publishing only once it may be concluded."""
    names = []
    if found is not None and found.verdict == Verdict.TREATMENT:
        is_published = experiment.treatment.state == MatchPolicy.State.PUBLISHED
        names += [] if is_published else ["publish"]
    names += {"draft": ["start"], "running": ["stop"]}.get(experiment.state, [])
    label = {"start": _("Start"), "stop": _("Stop"), "publish": _("Publish the better policy")}
    return [
        (
            reverse("admin:matching_experiment_step", args=[experiment.pk, name]),
            label[name],
            name != "stop",
        )
        for name in names
    ]


def _panel(experiment: Experiment, now: datetime) -> dict[str, Any]:
    """What the page shows above the form."""
    panel: dict[str, Any] = {"experiment": experiment, "why": verdicts.WHY[Kind(experiment.kind)]}
    if experiment.started_at is None:
        needed = services.needed_by(experiment, now=now)
        return panel | {"needed": needed, "units": verdicts.units(experiment.kind, needed)}
    found = services.results_of(experiment, now=now)
    return panel | {
        "found": found,
        "verdict": verdicts.verdict(
            found,
            kind=experiment.kind,
            control=str(experiment.control),
            treatment=str(experiment.treatment),
            effect=experiment.least_effect,
        ),
        "is_early": found.verdict == Verdict.EARLY,
        "share_seen": round(100 * found.seen / found.needed, 1),
        "units": verdicts.units(experiment.kind, found.needed),
        "figure": verdicts.figure(found.estimate, experiment.kind),
        "picture": verdicts.picture(found.estimate, experiment.kind),
        "columns": [Experiment.Outcome(name).label for name in OUTCOMES],
        "arms": [
            (_("Everybody's now"), experiment.control, *_row(found.control)),
            (_("New"), experiment.treatment, *_row(found.treatment)),
        ],
        "beside": [
            (Experiment.Outcome(name).label, verdicts.figure(estimate, experiment.kind))
            for name, estimate in found.beside.items()
        ],
    }


def _row(arm: Arm) -> tuple[int, int, int, list[tuple[int, str]]]:
    """Requests, people, mentors shown, and of those each outcome with its share."""
    shown = arm.counts["shown"]
    outcomes = [arm.counts[name] for name in OUTCOMES]
    shares = [f"{100 * count / shown:.1f} %" if shown else "" for count in outcomes]
    return arm.requests, arm.people, shown, list(zip(outcomes, shares, strict=True))
