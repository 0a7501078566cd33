"""`manage.py simulate_market`, and the market that is read from the database."""

from __future__ import annotations

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from matching.models import MatchRequest
from matching.simulator import reading
from matching.simulator.figures import MEANINGS
from matching.simulator.reading import NothingToSimulate, read_market
from matching.simulator.scenario import Scenario, from_mapping
from matching.simulator.serving import AVAILABLE, RANDOM, RELEVANCE
from mentors.models import Mentor
from sessions_app.models import Session
from tests import people
from tests.config.console import booked
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.matching.markets import next_monday, open_market as market
from tests.matching.worlds import index, mentor

pytestmark = pytest.mark.django_db
SHORT = ("--weeks", "2", "--seeds", "2", "--processes", "1")
PNG = b"\x89PNG\r\n\x1a\n"


def simulate(*args: str) -> str:
    out = io.StringIO()
    call_command("simulate_market", *args, stdout=out)
    return out.getvalue()


def refused(*args: str) -> str:
    with pytest.raises(CommandError) as refusal:
        simulate(*SHORT, *args)
    return str(refusal.value)


def read(**parts):
    return read_market(from_mapping(parts), now=timezone.now())


# -- The command ---------------------------------------------------------------------------------


def test_it_compares_the_published_policy_with_the_yardsticks_and_changes_nothing():
    market()
    people.alice()
    found = json.loads(simulate(*SHORT, "--json"))
    assert set(found) == {"scenario", "mentors", "goals", "results", "plots"}
    assert (found["mentors"], found["goals"], found["plots"]) == (5, 1, [])
    assert (found["scenario"]["weeks"], found["scenario"]["seeds"]) == (2, 2)
    assert [(row["demand_to_capacity"], row["policy"]) for row in found["results"]] == [
        (demand, name)
        for demand in (0.6, 0.9)
        for name in ("default:1", RELEVANCE, AVAILABLE, RANDOM)
    ]
    for row in found["results"]:
        assert set(MEANINGS) <= set(row)
        assert set(row["booked"]) == {"mean", "low", "high"}
        assert row["booked"]["low"] <= row["booked"]["mean"] <= row["booked"]["high"]
        assert set(row["against_availability"]) == set(MEANINGS)
    assert not Session.objects.exists()
    assert not MatchRequest.objects.exists()


def test_people_read_a_table():
    market()
    people.alice()
    printed = simulate(*SHORT)
    assert "5 mentors, 1 goals, 2 weeks, 2 seeds. 95 % intervals over seeds." in printed
    assert "booked: mentors with room who were booked or met within four weeks, share" in printed
    assert printed.count("default:1") == 2 * len(MEANINGS)


def test_a_scenario_and_policies_are_read_from_files(tmp_path):
    market()
    scenario, weights = tmp_path / "mine.toml", tmp_path / "even.json"
    scenario.write_text('[demand]\nto_capacity = 0.4\ngoals = ["a first round", "contracts"]\n')
    weights.write_text('{"deficit": 0.3}')
    found = json.loads(
        simulate(
            *(*SHORT, "--json", "--scenario", str(scenario)),
            *("--policies", "default:1", str(weights)),
        )
    )
    assert found["goals"] == 2
    assert [row["policy"] for row in found["results"]][:2] == ["default:1", "even"]
    assert {row["demand_to_capacity"] for row in found["results"]} == {0.4}


def test_a_sweep_compares_weights():
    market()
    people.alice()
    found = json.loads(simulate(*SHORT, "--json", "--sweep", "deficit=0,0.2", "load=0.1"))
    names = [row["policy"] for row in found["results"] if row["demand_to_capacity"] == 0.6]
    assert names[:3] == ["default:1", "deficit 0, load 0.1", "deficit 0.2, load 0.1"]


def test_plots_are_png_files(tmp_path):
    market()
    people.alice()
    folder = tmp_path / "new" / "plots"
    found = json.loads(simulate(*SHORT, "--json", "--plots", str(folder)))
    names = ["booked.png", "evenness.png", "relevance.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert sorted(found["plots"]) == [str(folder / name) for name in names]
    for name in names:
        content = (folder / name).read_bytes()
        assert content.startswith(PNG)
        assert len(content) > 5000


def test_what_cannot_be_is_refused_with_a_sentence(tmp_path):
    market()
    people.alice()
    (tmp_path / "bad.toml").write_text("[supply]\njoining = -1")
    assert "supply.joining is a number from 0" in refused("--scenario", str(tmp_path / "bad.toml"))
    assert "cannot be read" in refused("--scenario", str(tmp_path / "none.toml"))
    assert "weeks is a whole number from 2" in refused("--weeks", "1")
    assert "seeds is a whole number from 1" in refused("--seeds", "-3")
    assert "There is no policy nobody" in refused("--policies", "nobody")
    assert "not a weight" in refused("--sweep", "weather=1")
    assert "--processes is a whole number" in refused("--processes", "0")


def test_without_mentors_or_goals_there_is_nothing_to_simulate():
    assert "No mentor has an hour" in refused()
    market()
    assert "Nobody looks for anything" in refused()


# -- The market ----------------------------------------------------------------------------------


def test_hours_are_those_that_can_be_booked_and_repeat():
    begins = next_monday()
    free = mentor(name="Free", hours=False, weekly_load_cap=3)
    window = open_window(free, starts_at=begins + timedelta(days=1, hours=9))
    taken = booked(free, MenteeFactory(), starts_at=window.starts_at)
    mentor(name="Idle", hours=False)
    index()
    found = read(demand={"goals": ["help"]})
    assert found.starts_at == begins
    (one,) = found.mentors
    assert (one.mentor_id, one.weekly_cap, one.length) == (free.pk, 3, free.session_minutes / 60)
    hours = [start.hour for start in one.starts]
    assert hours
    assert (taken.starts_at - begins) / timedelta(hours=1) not in hours


@pytest.mark.parametrize("horizon", [7, 14, 21, 60])
def test_weeks_beyond_a_mentors_horizon_are_as_those_before(horizon):
    near = mentor(name="Near", hours=False, booking_horizon_days=horizon)
    for week in range(-1, 4):
        open_window(near, starts_at=next_monday() + timedelta(days=1 + 7 * week, hours=9))
        open_window(near, starts_at=next_monday() + timedelta(days=5 + 7 * week, hours=9))
    index()
    (one,) = read(demand={"goals": ["help"]}).mentors
    by_week = [
        [start.hour % 168 for start in one.starts if start.hour // 168 == w] for w in range(4)
    ]
    assert by_week[0] == by_week[1] == by_week[2] == by_week[3]
    assert by_week[0][0] in (33, 129)
    assert len(by_week[0]) == 8 or horizon == 7


def test_only_mentors_whom_mentees_may_see_play():
    made = market()
    Mentor.objects.filter(pk=made["ada"].pk).update(visibility="private")
    Mentor.objects.filter(pk=made["ben"].pk).update(is_active=False)
    Mentor.objects.filter(pk=made["cleo"].pk).update(consent_at=None)
    found = read(demand={"goals": ["a first round"]})
    assert {one.mentor_id for one in found.mentors} == {made["dev"].pk, made["eva"].pk}


def test_of_very_many_a_sample_plays(monkeypatch):
    market()
    monkeypatch.setattr(reading, "MOST_MENTORS", 2)
    first, again = (read(demand={"goals": ["help"]}).mentors for _ in range(2))
    assert len(first) == 2
    assert first == again


def test_goals_are_what_mentees_look_for_and_people_asked_for_each_once():
    market()
    alice = people.alice(goals="Raise a seed round.", seeks="An investor.")
    for _ in range(2):
        MatchRequest.objects.create(
            user=alice, query="a warehouse", model_id="m", policy="default", took_ms=1
        )
    found = read_market(Scenario(), now=timezone.now(), goals=["contracts", "a warehouse"])
    assert [goal.text for goal in found.goals] == [
        "Raise a seed round. An investor.",
        "contracts",
        "a warehouse",
    ]
    own = from_mapping({"demand": {"goals": ["only this"]}})
    assert [goal.text for goal in read_market(own, now=timezone.now()).goals] == ["only this"]


def test_each_goal_has_the_candidates_that_the_search_finds():
    made = market()
    found = read(demand={"goals": ["a lawyer who reads contracts and trademarks"]})
    (goal,) = found.goals
    assert {row.mentor_id for row in goal.candidates} == {one.pk for one in made.values()}
    for place, row in zip(goal.places, goal.candidates, strict=True):
        assert found.mentors[place].mentor_id == row.mentor_id
    best = found.mentors[found.fits().orders[0][0]]
    assert best.mentor_id == made["eva"].pk
    assert found.alike.shape == (5, 5)


def test_nobody_is_there_without_hours():
    mentor(name="Idle", hours=False)
    index()
    with pytest.raises(NothingToSimulate):
        read(demand={"goals": ["help"]})
