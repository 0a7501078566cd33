"""Drafting, assignment and figures of experiments: pure, so by properties and by simulation."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, strategies as st

from matching import experiments
from matching.experiments import CONTROL, TREATMENT

DAY_ONE = date(2026, 3, 2)
BERLIN = ZoneInfo("Europe/Berlin")

orders = st.integers(0, 60).flatmap(
    lambda n: st.tuples(st.permutations(range(n)), st.permutations(range(n)))
)


def drafted(control, treatment, unit):
    return experiments.draft(
        control, treatment, key=lambda row: row, coin=experiments.coins("seed", unit)
    )


# -- Drafting ----------------------------------------------------------------------------------
@given(orders, st.text(max_size=20))
def test_every_beginning_of_a_drafted_list_is_level_to_within_one(rankings, unit):
    control, treatment = rankings
    found = drafted(control, treatment, unit)
    assert sorted(row for row, _team in found) == sorted(control)
    ahead = 0
    for _row, team in found:
        ahead += 1 if team == TREATMENT else -1
        assert abs(ahead) <= 1


@given(orders, st.text(max_size=20))
def test_each_team_picks_the_best_that_is_left_in_its_own_ranking(rankings, unit):
    ranking = dict(zip((CONTROL, TREATMENT), rankings, strict=True))
    gone = set()
    for row, team in drafted(*rankings, unit):
        assert row == next(other for other in ranking[team] if other not in gone)
        gone.add(row)


@given(st.permutations(range(20)), st.text(max_size=20))
def test_two_equal_rankings_are_served_as_they_are(ranking, unit):
    assert [row for row, _team in drafted(ranking, ranking, unit)] == list(ranking)


@given(st.permutations(range(20)), st.text(max_size=20))
def test_the_same_request_is_drafted_the_same_again(ranking, unit):
    assert drafted(ranking, ranking[::-1], unit) == drafted(ranking, ranking[::-1], unit)


def test_rankings_of_different_mentors_are_refused():
    with pytest.raises(ValueError, match="different mentors"):
        drafted([1, 2], [1, 3], "x")


def test_every_place_belongs_to_either_team_equally_often():
    """So that a mentee who opens the same places whoever put whom there votes for neither."""
    teams = np.array(
        [
            [team == TREATMENT for _row, team in drafted(range(12), range(12), str(n))]
            for n in range(4000)
        ]
    )
    # Five standard errors of a fair coin.
    assert np.abs(teams.mean(axis=0) - 0.5).max() < 5 * 0.5 / 4000**0.5
    assert len(np.unique(teams[:200, ::2], axis=0)) > 50  # the coins of a list are not one coin


def test_a_better_ranking_wins_and_an_equal_one_does_not():
    """Mentees open the first mentor who fits; position counts, so only fair drafting tells them apart."""
    rng = np.random.default_rng(3)

    def votes(control_error, treatment_error):
        found = []
        for n in range(1500):
            fit = rng.random(12)
            rankings = [
                np.argsort(-(fit + rng.normal(0, error, 12)))
                for error in (control_error, treatment_error)
            ]
            opened = next(
                (team for row, team in drafted(*rankings, str(n)) if rng.random() < fit[row] ** 4),
                None,
            )
            if opened:
                found.append(float(opened == TREATMENT))
        return experiments.win_share(np.arange(len(found)), np.array(found))

    assert votes(0.5, 0.05).favours_treatment
    assert votes(0.05, 0.5).favours_control
    equal = votes(0.3, 0.3)
    assert not equal.favours_treatment
    assert not equal.favours_control


# -- Assignment --------------------------------------------------------------------------------
def test_people_are_drawn_half_and_half_and_stay_where_they_are():
    arms = [experiments.arm_of_person("seed", str(n)) for n in range(4000)]
    assert abs(arms.count(TREATMENT) - 2000) < 160  # five standard errors
    assert arms == [experiments.arm_of_person("seed", str(n)) for n in range(4000)]
    other = [experiments.arm_of_person("another", str(n)) for n in range(4000)]
    assert abs(sum(a == b for a, b in zip(arms, other, strict=True)) - 2000) < 160


@pytest.mark.parametrize("percent", [0, 1, 20, 100])
def test_as_many_take_part_as_was_said(percent):
    n = 5000
    share = sum(experiments.takes_part("s", str(i), percent=percent) for i in range(n)) / n
    assert abs(share - percent / 100) <= 5 * (percent / 100 * (1 - percent / 100) / n) ** 0.5


def test_who_takes_part_says_nothing_about_the_arm():
    inside = [str(n) for n in range(8000) if experiments.takes_part("s", str(n), percent=50)]
    treated = sum(experiments.arm_of_person("s", who) == TREATMENT for who in inside)
    assert abs(treated - len(inside) / 2) < 5 * (len(inside) / 4) ** 0.5


@given(st.text(max_size=12), st.integers(0, 40))
def test_days_are_level_after_two_weeks_weekday_by_weekday(seed, block):
    days = [DAY_ONE + timedelta(14 * block + n) for n in range(14)]
    arms = [experiments.arm_of_day(seed, DAY_ONE, day) for day in days]
    assert Counter(arms) == {CONTROL: 7, TREATMENT: 7}
    assert all(first != second for first, second in zip(arms[:7], arms[7:], strict=True))
    assert arms[:7].count(TREATMENT) in (3, 4)


def test_nobody_can_tell_the_policy_of_a_day_beforehand():
    firsts = [experiments.arm_of_day(str(n), DAY_ONE, DAY_ONE) for n in range(2000)]
    assert abs(firsts.count(TREATMENT) - 1000) < 112
    one = [experiments.arm_of_day("s", DAY_ONE, DAY_ONE + timedelta(14 * n)) for n in range(400)]
    assert 140 < one.count(TREATMENT) < 260


def test_the_hours_after_a_change_of_policy_are_washed_in():
    def washed(day, hour):
        at = datetime(day.year, day.month, day.day, hour, tzinfo=BERLIN).astimezone(UTC)
        return experiments.wash_in("seed", DAY_ONE, at, zone=BERLIN, hours=4)

    assert washed(DAY_ONE, 3)
    assert not washed(DAY_ONE, 4)
    for n in range(1, 40):
        day = DAY_ONE + timedelta(n)  # over the night in which the clocks change, too
        before, now = (
            experiments.arm_of_day("seed", DAY_ONE, d) for d in (day - timedelta(1), day)
        )
        assert washed(day, 0) == (before != now)
        assert not washed(day, 5)


# -- From requests to a verdict ----------------------------------------------------------------
DESIGN = experiments.Design(
    kind="interleaving", outcome="click", needed=40, seed="seed", first=DAY_ONE, zone=BERLIN,
    wash_in_hours=4,
)  # fmt: skip
NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)  # in Berlin


def asked(user, *, at=NOON, arm="both", **teams):
    """A request in which teams had openings (control=1) or none."""
    counts = {
        team: {name: teams.get(team, 0) if name == "click" else 0 for name in experiments.COUNTS}
        for team in (CONTROL, TREATMENT)
    }
    return experiments.Asked(uuid.UUID(int=user), at, arm, counts)


def read(rows, *, now=NOON, **changes):
    return experiments.results(replace(DESIGN, **changes), rows, now=now)


def test_a_request_is_won_by_the_team_with_more_and_requests_without_votes_say_nothing():
    rows = [
        asked(1, treatment=2, control=1), asked(2, control=1), asked(3, treatment=1, control=1),
        asked(4), asked(5),
    ]  # fmt: skip
    found = read(rows)
    assert found.estimate.value == 0.5
    assert (found.seen, found.people) == (3, 3)
    assert (found.control.requests, found.treatment.requests) == (5, 5)
    assert (found.control.counts["click"], found.treatment.counts["click"]) == (3, 3)
    assert read([asked(1, treatment=1), asked(2, treatment=1, control=1)]).estimate.value == 0.75
    assert found.beside["booking"] is None


def test_by_person_their_requests_belong_together():
    rows = [
        asked(n, arm=TREATMENT if n % 2 else CONTROL, **({TREATMENT: 1} if n % 2 else {}))
        for n in range(60)
        for _ in range(5)
    ]
    found = read(rows, kind="ab", needed=60)
    assert (found.seen, found.treatment.people, found.treatment.requests) == (60, 30, 150)
    assert found.estimate.value == 1
    assert found.verdict == experiments.Verdict.TREATMENT
    assert read(rows, kind="ab", needed=61).verdict == experiments.Verdict.EARLY


def test_arms_of_people_that_are_uneven_conclude_nothing():
    rows = [
        asked(n, arm=TREATMENT if n % 5 else CONTROL, **({TREATMENT: 1} if n % 5 else {}))
        for n in range(200)
    ]
    found = read(rows, kind="ab", needed=60)
    assert found.is_uneven
    assert found.verdict == experiments.Verdict.EARLY


def days(n, *, at=timedelta(hours=12), better=True):
    """Ten requests a day for so many days, of which the treatment's (or the control's) succeed."""
    midnight = datetime(2026, 3, 1, 23, tzinfo=UTC)
    for day in range(n):
        arm = experiments.arm_of_day("seed", DAY_ONE, DAY_ONE + timedelta(day))
        wins = 5 if (arm == TREATMENT) == better else 2
        for k in range(10):
            votes = {arm: 1} if k < wins + (day % 2) else {}
            yield asked(100 * day + k, at=midnight + timedelta(day) + at, arm=arm, **votes)


def test_by_day_whole_days_count_without_the_hours_after_a_change():
    rows = list(days(20))
    later = NOON + timedelta(19)
    found = read(rows, kind="switchback", needed=14, now=later)
    assert found.seen == 14
    assert found.verdict == experiments.Verdict.TREATMENT
    assert found.estimate.value == pytest.approx(0.3, abs=0.1)
    # The nineteenth day is not over, and of bookings seven days more are waited for.
    assert read(rows, kind="switchback", needed=99, now=later).seen == 19
    booked = read(rows, kind="switchback", needed=99, now=later, outcome="booking")
    assert booked.seen == 12
    changes = sum(
        n == 0
        or experiments.arm_of_day("seed", DAY_ONE, DAY_ONE + timedelta(n))
        != experiments.arm_of_day("seed", DAY_ONE, DAY_ONE + timedelta(n - 1))
        for n in range(20)
    )
    early = read(
        list(days(20, at=timedelta(hours=2))),
        kind="switchback",
        needed=99,
        now=NOON + timedelta(20),
    )
    assert early.seen == 20 - changes
    worse = read(list(days(20, better=False)), kind="switchback", needed=14, now=later)
    assert worse.verdict == experiments.Verdict.CONTROL


def test_what_is_needed_follows_from_the_weeks_before():
    before = list(days(28))
    assert experiments.needed("interleaving", "click", 0.07, [], BERLIN) == 399
    assert experiments.needed("ab", "click", 0.1, [], BERLIN) == experiments.needed_people(0.2, 0.1)
    few = experiments.needed("switchback", "click", 0.2, before, BERLIN)
    assert few >= 14
    assert few % 14 == 0
    assert experiments.needed("switchback", "click", 0.05, before, BERLIN) > few
    assert experiments.needed("switchback", "click", 0.2, [], BERLIN) % 14 == 0
    # Nobody booked anything yet: that is no reason to need nobody.
    assert experiments.needed("ab", "booking", 0.05, before, BERLIN) >= 60
