"""From what was asked, opened and booked to what may be said about two policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from matching.experiments.assignment import WEEK, wash_in
from matching.experiments.drafting import CONTROL, TREATMENT
from matching.experiments.estimates import (
    Estimate,
    arms_are_uneven,
    difference_by_day,
    difference_by_person,
    win_share,
)
from matching.experiments.samples import (
    FEWEST_PEOPLE,
    needed_days,
    needed_decisions,
    needed_people,
)

# How long after a mentee saw a mentor a booking still counts for where they saw them.
ATTRIBUTED_WITHIN: Final = timedelta(days=7)

# What is counted of a request, for each team: how many mentors it showed, how many of them were
# opened, booked, accepted, and booked after 28 days without a session.
COUNTS: Final = ("shown", "click", "booking", "accepted", "unused")
OUTCOMES: Final = COUNTS[1:]

# The arm of a request whose list is drafted from both policies.
BOTH: Final = "both"


# What is assumed of a program that has no requests to learn it from: the share of requests that succeed,
# and how many are asked on a day.
_SHARE_UNKNOWN: Final = 0.2
_A_DAY_UNKNOWN: Final = 10


class Kind(StrEnum):
    INTERLEAVING = "interleaving"
    SWITCHBACK = "switchback"
    AB = "ab"


class Verdict(StrEnum):
    EARLY = "early"
    TREATMENT = "treatment"
    CONTROL = "control"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of an experiment. `counts`: by team and name, as COUNTS says."""

    user_id: UUID
    at: datetime
    arm: str
    counts: dict[str, dict[str, int]]

    def won(self, outcome: str) -> bool:
        return any(team[outcome] for team in self.counts.values())


Requests: TypeAlias = Sequence[Asked]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What an experiment is, as far as its figures depend on it.

    Attributes:
        needed: units to be seen before anything is concluded: requests with a vote, people, or days.
        first: the day on which it began, in `zone`.
    """

    kind: str
    outcome: str
    needed: int
    seed: str
    first: date
    zone: ZoneInfo
    wash_in_hours: int


@dataclass(frozen=True, slots=True)
class Arm:
    """What one policy did: requests that had it, people, and the sums of COUNTS."""

    requests: int
    people: int
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Results:
    """What an experiment shows.

    Attributes:
        estimate: of the outcome it is about; of the first `needed` units only, however many there are,
            so that looking later is no second chance.
        beside: the other outcomes, to look at and not to conclude from.
        seen: units so far, at most `needed`.
        is_uneven: the arms differ in size as they should not.
    """

    control: Arm
    treatment: Arm
    estimate: Estimate | None
    beside: dict[str, Estimate | None]
    seen: int
    needed: int
    people: int
    is_uneven: bool
    verdict: Verdict


def needed(kind: str, outcome: str, effect: float, before: Requests, zone: ZoneInfo) -> int:
    """How many units an experiment must see, from what the weeks before it were like.

    Args:
        effect: the least one worth knowing, as a share: .05 are five percentage points.
        before: requests of those weeks, none of which has two teams.
    """
    if kind == Kind.INTERLEAVING:
        return needed_decisions(effect)
    won = np.array([float(request.won(outcome)) for request in before])
    # As if one more had succeeded and one more failed: few requests do not make a share of 0 certain.
    share = (won.sum() + 1) / (len(won) + 2) if len(won) else _SHARE_UNKNOWN
    if kind == Kind.AB:
        return needed_people(float(share), effect)
    days = np.unique([r.at.astimezone(zone).toordinal() for r in before], return_inverse=True)[1]
    if len(won) and (asked := np.bincount(days.astype(np.int64))).size >= WEEK:
        deviation = float((np.bincount(days, weights=won) / asked).std(ddof=1))
    else:
        deviation = float(share * (1 - share) / _A_DAY_UNKNOWN) ** 0.5
    return needed_days(deviation, effect)


def results(design: Design, requests: Requests, *, now: datetime) -> Results:
    """The figures of an experiment, and what may be concluded.

    Args:
        requests: all that were asked in it, the earliest first.
        now: days that are not over, or whose bookings may still come, do not count yet.
    """
    counted = _counted(design, requests, now)
    units = _units(design, counted, design.outcome)
    used = _first(design, counted, units)
    estimate = _estimate(design, used, design.outcome)
    people = len({request.user_id for request in used})
    control, treatment = (_arm(requests, team) for team in (CONTROL, TREATMENT))
    by_person = design.kind == Kind.AB
    is_uneven = by_person and arms_are_uneven(treatment.people, control.people)
    return Results(
        control=control,
        treatment=treatment,
        estimate=estimate,
        beside={
            outcome: _estimate(design, counted, outcome)
            for outcome in OUTCOMES
            if outcome != design.outcome
        },
        seen=min(len(set(units)), design.needed),
        needed=design.needed,
        people=people,
        is_uneven=is_uneven,
        verdict=_verdict(
            estimate, enough=len(set(units)) >= design.needed and people >= FEWEST_PEOPLE
            and not is_uneven,
        ),
    )  # fmt: skip


def _verdict(estimate: Estimate | None, *, enough: bool) -> Verdict:
    if not enough or estimate is None or estimate.low is None:
        return Verdict.EARLY
    if estimate.favours_treatment:
        return Verdict.TREATMENT
    return Verdict.CONTROL if estimate.favours_control else Verdict.NEITHER


def _counted(design: Design, requests: Requests, now: datetime) -> Requests:
    """By days only whole ones count, without the hours after a change of policy."""
    if design.kind != Kind.SWITCHBACK:
        return requests
    patience = timedelta() if design.outcome == "click" else ATTRIBUTED_WITHIN
    over = (now - patience).astimezone(design.zone).date()
    return [
        request
        for request in requests
        if request.at.astimezone(design.zone).date() < over
        and not wash_in(
            design.seed, design.first, request.at, zone=design.zone, hours=design.wash_in_hours
        )
    ]


def _units(design: Design, requests: Requests, outcome: str) -> list[object]:
    """What is counted towards `needed`; except where requests themselves are, one for each request."""
    if design.kind == Kind.INTERLEAVING:
        return [place for place, request in enumerate(requests) if request.won(outcome)]
    if design.kind == Kind.SWITCHBACK:
        return [request.at.astimezone(design.zone).date() for request in requests]
    return [request.user_id for request in requests]


def _first(design: Design, requests: Requests, units: list[object]) -> Requests:
    """The requests of the first `needed` units."""
    kept = set(list(dict.fromkeys(units))[: design.needed])
    if design.kind == Kind.INTERLEAVING:
        return [request for place, request in enumerate(requests) if place in kept]
    return [request for request, unit in zip(requests, units, strict=True) if unit in kept]


def _estimate(design: Design, requests: Requests, outcome: str) -> Estimate | None:
    if design.kind == Kind.INTERLEAVING:
        requests = [request for request in requests if request.won(outcome)]
    people = np.unique([str(r.user_id) for r in requests], return_inverse=True)[1].astype(np.int64)
    if design.kind == Kind.INTERLEAVING:
        ahead = [r.counts[TREATMENT][outcome] - r.counts[CONTROL][outcome] for r in requests]
        return win_share(people, (np.sign(ahead) + 1) / 2)
    successes = np.array([float(request.won(outcome)) for request in requests])
    treated = np.array([request.arm == TREATMENT for request in requests], dtype=np.bool_)
    if design.kind == Kind.AB:
        return difference_by_person(people, successes, treated)
    days = [request.at.astimezone(design.zone).toordinal() for request in requests]
    _, first, places = np.unique(days, return_index=True, return_inverse=True)
    rates = np.bincount(places, weights=successes) / np.bincount(places) if days else successes
    return difference_by_day(rates, treated[first])


def _arm(requests: Requests, team: str) -> Arm:
    mine = [request for request in requests if request.arm in (team, BOTH)]
    return Arm(
        len(mine),
        len({request.user_id for request in mine}),
        {name: sum(request.counts[team][name] for request in mine) for name in COUNTS},
    )
