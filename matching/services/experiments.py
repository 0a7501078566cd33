"""Experiments: prepared, started, stopped, and the better policy published."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.refusals import NotFound
from matching import experiments, selectors
from matching.experiments import Design, Results, Verdict
from matching.models import Experiment, MatchPolicy
from matching.services import policies
from sessions_app.refusals import IllegalMove


def save_experiment(*, draft: Experiment, by: User) -> Experiment:
    """Store an experiment as it was filled in. Raises IllegalMove once it was started."""
    with transaction.atomic():
        policies.one_at_a_time()
        before = Experiment.objects.filter(pk=draft.pk).first()
        if before is None:
            draft.created_by = by
        elif before.state != Experiment.State.DRAFT:
            raise IllegalMove(_("An experiment that was started stays as it was. Make another."))
        draft.state = Experiment.State.DRAFT
        draft.save()
    return draft


def start_experiment(*, experiment_id: UUID, by: User, now: datetime) -> Experiment:
    """Answer mentees by the experiment from now on, and fix how much must be seen.

    Raises:
        NotFound: there is no such experiment.
        IllegalMove: it was started before, another one is running, it compares a policy with itself, or its
            control is not what everybody has: then stopping would change the lists of people who were
            never part of it.
    """
    with transaction.atomic():
        policies.one_at_a_time()
        experiment = _get(experiment_id)
        if experiment.state != Experiment.State.DRAFT:
            raise IllegalMove(_("This experiment was started before."))
        if (other := selectors.running_experiment()) is not None:
            raise IllegalMove(
                _("“%(name)s” is running. One experiment runs at a time.") % {"name": other}
            )
        if experiment.control.state != MatchPolicy.State.PUBLISHED:
            raise IllegalMove(
                _("The control must be what everybody has now, the published policy.")
            )
        if experiment.treatment_id == experiment.control_id:
            raise IllegalMove(_("A policy compared with itself says nothing. Choose another one."))
        experiment.needed = needed_by(experiment, now=now)
        experiment.state = Experiment.State.RUNNING
        experiment.started_by, experiment.started_at = by, now
        experiment.save()
    return experiment


def needed_by(experiment: Experiment, *, now: datetime) -> int:
    """How much it would have to see if it started now, from the four weeks before."""
    return experiments.needed(
        experiment.kind,
        experiment.outcome,
        experiment.least_effect / 100,
        selectors.requests_before(now, experiment.time_zone),
        ZoneInfo(experiment.time_zone),
    )


def stop_experiment(*, experiment_id: UUID, by: User, now: datetime) -> Experiment:
    """Answer everybody by the published policy again. What was seen is kept.

    Raises NotFound; IllegalMove where it is not running.
    """
    with transaction.atomic():
        policies.one_at_a_time()
        experiment = _get(experiment_id)
        _stop(experiment, by, now)
    return experiment


def publish_winner(*, experiment_id: UUID, by: User, now: datetime) -> MatchPolicy:
    """Stop an experiment, if it still runs, and publish its treatment, which did better.

    Raises:
        NotFound: there is no such experiment.
        IllegalMove: nothing may be concluded yet, or not that the treatment is better.
        Any refusal of `policies.publish`.
    """
    with transaction.atomic():
        policies.one_at_a_time()
        experiment = _get(experiment_id)
        if experiment.state == Experiment.State.DRAFT:
            raise IllegalMove(_("This experiment was not started."))
        found = results_of(experiment, now=now)
        if found.verdict != Verdict.TREATMENT:
            raise IllegalMove(
                _("Too early to say which policy is better, so none is published.")
                if found.verdict == Verdict.EARLY
                else _("The new policy is not the better one, so the published one stays.")
            )
        if experiment.state == Experiment.State.RUNNING:
            _stop(experiment, by, now)
        return policies.publish(policy_id=experiment.treatment_id, by=by, now=now)


def results_of(experiment: Experiment, *, now: datetime) -> Results:
    """What an experiment that was started has shown so far."""
    assert experiment.started_at is not None
    zone = ZoneInfo(experiment.time_zone)
    design = Design(
        kind=experiment.kind,
        outcome=experiment.outcome,
        needed=experiment.needed,
        seed=experiment.seed,
        first=experiment.started_at.astimezone(zone).date(),
        zone=zone,
        wash_in_hours=experiment.wash_in_hours,
    )
    return experiments.results(design, selectors.requests_of(experiment), now=now)


def _get(experiment_id: UUID) -> Experiment:
    rows = Experiment.objects.select_related("control", "treatment")
    try:
        return rows.get(pk=experiment_id)
    except Experiment.DoesNotExist:
        raise NotFound from None


def _stop(experiment: Experiment, by: User, now: datetime) -> None:
    if experiment.state != Experiment.State.RUNNING:
        raise IllegalMove(_("This experiment is not running."))
    experiment.state = Experiment.State.STOPPED
    experiment.stopped_by, experiment.stopped_at = by, now
    experiment.save(update_fields=["state", "stopped_by", "stopped_at"])
