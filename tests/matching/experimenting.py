"""Experiments for tests: a policy to try, experiments with it, and requests with votes."""

from __future__ import annotations

from django.utils import timezone

from matching import services
from matching.experiments import CONTROL, TREATMENT
from matching.models import Experiment, MatchImpression, MatchPolicy, MatchRequest
from matching.ranking import DEFAULT_POLICY, SIGNALS
from tests.factories import MenteeFactory
from tests.matching.worlds import ROUND, mentor
from tests.people import api, carol


def by_words():
    """A draft that orders by words alone."""
    return MatchPolicy.objects.create(
        name="words", version=1, meaning=0, floor=0, diversity=0, explore_at=0,
        **dict.fromkeys(SIGNALS, 0.0),
    )  # fmt: skip


def everybodys():
    """The published policy. Tests that commit take the shipped one along when they clean up."""
    found = MatchPolicy.objects.filter(state="published").first()
    return found or MatchPolicy.objects.create(
        name=DEFAULT_POLICY.name, version=1, state="published", published_at=timezone.now(),
        **DEFAULT_POLICY.weights(),
    )  # fmt: skip


def drafted(treatment, **values):
    return Experiment.objects.create(
        **{
            "name": "Words", "hypothesis": "Words are enough.", "control": everybodys(),
            "treatment": treatment, "least_effect": 7, **values,
        }
    )  # fmt: skip


def running(treatment, *, by=None, **values):
    experiment = drafted(treatment, **values)
    return services.start_experiment(
        experiment_id=experiment.pk, by=by or carol(), now=timezone.now()
    )


def answered(experiment, votes, *, people=40):
    """Requests of so many people that voted so: 1 for the treatment, 0 for the control."""
    shown = mentor(hours=False)
    mentees = [MenteeFactory() for _ in range(people)]
    for n, vote in enumerate(votes):
        request = MatchRequest.objects.create(
            user=mentees[n % people].user, query=f"question {n}", model_id="m", policy="default", took_ms=1,
            experiment=experiment, arm="both",
        )  # fmt: skip
        MatchImpression.objects.create(
            request=request, mentor=shown, position=1, score=1,
            team=TREATMENT if vote else CONTROL, clicked_at=timezone.now(),
        )  # fmt: skip


def ask(user, query=ROUND, **more):
    answer = api(user).post("/api/match", {"query": query, **more}, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def stored(answer):
    return MatchRequest.objects.get(pk=answer["request_id"])


def teams(answer):
    rows = MatchImpression.objects.filter(request_id=answer["request_id"]).order_by("position")
    return [row.team for row in rows]


def names(answer):
    return [match["mentor"]["name"] for match in answer["matches"]]


def everybody(n):
    return [MenteeFactory().user for _ in range(n)]
