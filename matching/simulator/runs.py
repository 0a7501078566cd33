"""Simulations that people order in the console: kept, played by a worker, stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

from celery import current_app
from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.cache import is_away
from accounts.models import User
from accounts.refusals import Invalid
from matching.embeddings import EmbeddingUnavailable
from matching.models import MarketPicture, MarketRun, MatchPolicy
from matching.ranking import Policy, policy_of
from matching.services import policies as stored
from matching.simulator.comparison import compare
from matching.simulator.reading import NothingToSimulate, read_market
from matching.simulator.scenario import BadScenario, from_toml

logger = logging.getLogger(__name__)

MOST_POLICIES: Final = 4

# Advisory locks share one number space per database; this is ours.
_PLAYER_LOCK: Final = 0x0FF1_CE05

# Seconds between two notes of how far a run is. Each is an update, and asks whether it was stopped.
_NOTED_EVERY: Final = 2.0


class _Stopped(Exception):
    """Somebody stopped the run while it was played."""


def order(*, policies: Sequence[MatchPolicy], scenario: str, by: User) -> MarketRun:
    """Have a simulation played by a worker.

    Args:
        policies: to compare, beside the yardsticks; at most four.
        scenario: what is assumed, in TOML.

    Raises Invalid.
    """
    if not 1 <= len(policies) <= MOST_POLICIES:
        sentence = _("Choose one policy at least and %(most)d at most.") % {"most": MOST_POLICIES}
        raise Invalid(sentence, fields={"policies": [sentence]})
    try:
        from_toml(scenario)
    except BadScenario as error:
        raise Invalid(str(error), fields={"scenario": [str(error)]}) from error
    chosen = [stored.as_policy(row) for row in policies]
    with transaction.atomic():
        run = MarketRun.objects.create(
            scenario=scenario,
            policies={policy.label: policy.weights() for policy in chosen},
            created_by=by,
        )
        transaction.on_commit(_nudge)
    return run


def stop(*, run_id: UUID, now: datetime) -> bool:
    """Take a run off the list, or end it where it is. Returns whether there was anything to stop."""
    return bool(
        MarketRun.objects.filter(pk=run_id, state__in=MarketRun.OPEN).update(
            state=MarketRun.State.STOPPED, ended_at=now
        )
    )


def play_next(*, clock: Callable[[], datetime]) -> bool:
    """Play the run that waits longest, and one that a worker left behind. Returns whether there was one.

    To be called with no transaction open. One at a time in all: it takes a core for minutes.
    """
    if not MarketRun.objects.filter(state__in=MarketRun.OPEN).exists():
        return False
    with _only_one_player() as is_first:
        run = (
            MarketRun.objects.filter(state__in=MarketRun.OPEN).order_by("created_at", "pk").first()
        )
        if not is_first or run is None:
            return False
        _play(run, clock)
        return True


def _play(run: MarketRun, clock: Callable[[], datetime]) -> None:
    note = _Notes(run)
    try:
        note(_("Reading mentors and goals"), at_once=True)
        scenario = from_toml(run.scenario)
        market = read_market(scenario, now=clock(), say=note)
        result = compare(
            market,
            scenario,
            _policies(run.policies),
            say=lambda done, of: note(_("%(done)d of %(of)d runs") % {"done": done, "of": of}),
        ).as_json()
        _keep(run, result, clock())
    except _Stopped:
        return
    except (BadScenario, NothingToSimulate, EmbeddingUnavailable) as error:
        _fail(run, str(error), clock())
    except Exception:
        # Otherwise the same run would fail again with every sweep, and hold up all others.
        logger.exception("A simulated market failed.")
        _fail(run, _("This failed because of an error of ours, which is in the log."), clock())


def _policies(given: Mapping[str, Mapping[str, float]]) -> dict[str, Policy]:
    found = {}
    for label, weights in given.items():
        name, _colon, version = label.partition(":")
        found[label] = policy_of(name, weights, int(version or 0))
    return found


def _keep(run: MarketRun, result: Mapping[str, object], now: datetime) -> None:
    from matching.simulator import plots  # slow to import, and only here needed

    pictures = plots.draw(result)
    with transaction.atomic():
        ended = MarketRun.objects.filter(pk=run.pk, state=MarketRun.State.RUNNING).update(
            state=MarketRun.State.DONE, result=result, progress="", ended_at=now
        )
        if ended:
            MarketPicture.objects.bulk_create(
                MarketPicture(run=run, name=name, png=png) for name, png in pictures.items()
            )


def _fail(run: MarketRun, why: str, now: datetime) -> None:
    MarketRun.objects.filter(pk=run.pk, state__in=MarketRun.OPEN).update(
        state=MarketRun.State.FAILED, progress=why[:200], ended_at=now
    )


class _Notes:
    """Writes down how far a run is, now and then. Raises _Stopped once somebody stopped it."""

    def __init__(self, run: MarketRun) -> None:
        self._run = run
        self._noted = 0.0

    def __call__(self, sentence: str, *, at_once: bool = False) -> None:
        if not at_once and time.monotonic() < self._noted + _NOTED_EVERY:
            return
        self._noted = time.monotonic()
        is_wanted = MarketRun.objects.filter(pk=self._run.pk, state__in=MarketRun.OPEN).update(
            state=MarketRun.State.RUNNING, progress=sentence[:200]
        )
        if not is_wanted:
            raise _Stopped


@contextmanager
def _only_one_player() -> Iterator[bool]:
    """True for whoever comes first. The lock ends with the connection: a worker that dies leaves nothing
    behind but a run that is played again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_PLAYER_LOCK])
        is_first = bool(cursor.fetchone()[0])
    try:
        yield is_first
    finally:
        if is_first:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_PLAYER_LOCK])


def _nudge() -> None:
    """Ask a worker to look now instead of at the next sweep."""
    if is_away():
        return
    try:
        current_app.send_task("matching.tasks.play_markets", retry=False)
    except Exception:  # whatever the broker's client raises: the sweep will find the row
        logger.warning("The queue cannot be reached; the run begins with the next sweep.")
