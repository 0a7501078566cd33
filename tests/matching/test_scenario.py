"""What the simulator assumes is written down, checked, and refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from matching.ranking import DEFAULT_POLICY
from matching.simulator.scenario import BadScenario, Scenario, from_toml, read
from matching.simulator.sweeping import BadSweep, swept

COMMITTED = Path(__file__).parents[2] / "benchmarks" / "market.toml"


def test_the_committed_scenario_is_the_shipped_one_with_the_outside_option_and_twenty_seeds():
    scenario = read(COMMITTED)
    assert scenario == Scenario()
    assert scenario.choice.outside
    assert scenario.seeds == 20
    assert scenario.demand.to_capacity == (0.6, 0.9)


def test_what_is_written_is_read_back():
    changed = from_toml('weeks = 5\n[demand]\ngoals = ["help \\"now\\"", "é"]\nto_capacity = 1.2\n')
    assert changed.weeks == 5
    assert changed.demand.goals == ('help "now"', "é")
    assert changed.demand.to_capacity == (1.2,)
    assert from_toml(changed.as_toml()) == changed
    assert from_toml("") == Scenario()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("week = 3", "week is not an assumption. Did you mean weeks?"),
        ("[demand]\npopularty = 1", "demand.popularty is not an assumption. Did you mean demand.popularity?"),
        ("[weather]\nrain = 1", "weather is not an assumption. There are: weeks, seeds, demand"),
        ("weeks = 1", "weeks is a whole number from 2 to 104, not 1."),
        ("seeds = 2.5", "seeds is a whole number from 1 to 200, not 2.5."),
        ("seeds = true", "seeds is a whole number"),
        ('seeds = "2"', "seeds is a whole number"),
        ("[supply]\njoining = -0.1", "supply.joining is a number from 0 to 0.9, not -0.1."),
        ("[supply]\nacceptance = 1.1", "supply.acceptance is a number from 0 to 1"),
        ("[supply]\nacceptance = nan", "supply.acceptance is a number from 0 to 1"),
        ("[demand]\nto_capacity = []", "demand.to_capacity needs a number at least."),
        ("[demand]\nto_capacity = [0.5, -1]", "demand.to_capacity is a number from 0 to 10, not -1."),
        ('[demand]\ngoals = ["x", " "]', "demand.goals is a list of texts, none of them blank."),
        ('[demand]\ngoals = "x"', "demand.goals is a list of texts"),
        ("[choice]\noutside = 1", "choice.outside is true or false, and not 1."),
        ("demand = 3", "demand is a table, [demand], and not 3."),
        ("weeks", "This is not TOML"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(text, said):
    with pytest.raises(BadScenario) as refusal:
        from_toml(text)
    assert said in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadScenario, match=r"nowhere\.toml cannot be read"):
        read(tmp_path / "nowhere.toml")
    (tmp_path / "bad.toml").write_text("weeks = 0")
    with pytest.raises(BadScenario, match=r"bad\.toml: weeks is a whole number"):
        read(tmp_path / "bad.toml")


def test_a_sweep_is_every_combination():
    found = swept(DEFAULT_POLICY, ["deficit=0.1,0.2", "load=0"])
    assert list(found) == ["deficit 0.1, load 0", "deficit 0.2, load 0"]
    assert found["deficit 0.2, load 0"].deficit == 0.2
    assert found["deficit 0.2, load 0"].rating == DEFAULT_POLICY.rating


@pytest.mark.parametrize("axis", ["deficit", "deficit=", "deficit=x", "weather=1", "deficit=-1"])
def test_a_sweep_that_cannot_be_read_is_refused(axis):
    with pytest.raises(BadSweep):
        swept(DEFAULT_POLICY, [axis])


def test_a_sweep_has_an_end():
    values = ",".join(f"{value / 1000}" for value in range(70))
    with pytest.raises(BadSweep, match="70 policies"):
        swept(DEFAULT_POLICY, [f"deficit={values}"])
