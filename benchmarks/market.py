"""What the shipped policy does to a market, beside simpler ways to fill a list: the demo's mentors,
played for twelve weeks as market.toml assumes. All rows meet the same people with the same tastes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.test.utils import override_settings
from django.utils import timezone

from config.demo.people import records
from matching.evaluation import scratch_database
from matching.ranking import DEFAULT_POLICY
from matching.simulator.comparison import compare
from matching.simulator.figures import MEANINGS, shown
from matching.simulator.market import Market
from matching.simulator.reading import read_market
from matching.simulator.scenario import Scenario, read

SCENARIO: Final = Path(__file__).parent / "market.toml"
PROCESSES: Final = 2


class Row(dict[str, Any]):
    """A figure with its interval; a plain object in JSON."""

    def __str__(self) -> str:
        return shown(self)


def run(data: Path | None) -> dict[str, Any]:
    """Each figure of `MEANINGS` by demand and policy, and what the shipped policy gains and loses
    against the relevance of those with room: paired by seed, so that the interval is of the
    difference."""
    del data  # the demo's own mentors
    scenario = read(SCENARIO)
    market = demo_market(scenario)
    comparison = compare(
        market, scenario, {DEFAULT_POLICY.label: DEFAULT_POLICY}, processes=PROCESSES
    )
    figures: dict[str, Any] = {
        "mentors": len(market.mentors),
        "goals": len(market.goals),
        "weeks": scenario.weeks,
        "seeds": scenario.seeds,
    }
    return figures | dict(_lines(comparison.as_json()))


def demo_market(scenario: Scenario) -> Market:
    """The demo's mentors; asked for what its mentees look for and for its labelled requests."""
    with (
        scratch_database(),
        override_settings(DEBUG=True, EMBEDDING_BACKEND="minilm", SITE_URL="http://127.0.0.1"),
    ):
        settings.AIRTABLE_API_KEY = None
        call_command("seed_demo", stdout=io.StringIO())
        goals = [row["text"] for row in records("queries")]
        return read_market(scenario, now=timezone.now(), goals=goals)


def _lines(comparison: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for row in comparison["results"]:
        for name in MEANINGS:
            yield f"{row['demand_to_capacity']:g} {row['policy']}: {name}", Row(row[name])
    for row in comparison["results"]:
        if row["policy"] == DEFAULT_POLICY.label:
            for name, value in row["against_availability"].items():
                label = f"{row['demand_to_capacity']:g} {row['policy']} - with room: {name}"
                yield label, Row(value)
