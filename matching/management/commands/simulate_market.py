from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from matching.management.policy_argument import policy_argument
from matching.ranking import Policy
from matching.simulator import plots
from matching.simulator.comparison import compare
from matching.simulator.figures import table
from matching.simulator.reading import NothingToSimulate, read_market
from matching.simulator.scenario import BadScenario, Scenario, from_mapping, read
from matching.simulator.sweeping import BadSweep, swept


class Command(BaseCommand):
    help = (
        "Play the market of the mentors there are for some weeks: what would each policy do to the"
        " share of mentors booked, to relevance and to ratings? Nothing is changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--scenario", type=Path, metavar="FILE", help="TOML with what is assumed of demand."
        )
        parser.add_argument(
            "--policies",
            nargs="+",
            default=[""],
            metavar="P",
            help="Names, name:version, or JSON files of weights. Default: the published one.",
        )
        parser.add_argument(
            "--sweep",
            nargs="+",
            default=[],
            metavar="WEIGHT=A,B",
            help="Compare the first policy with every combination of these weights instead.",
        )
        parser.add_argument("--weeks", type=int, help="Of a run; in place of the scenario's.")
        parser.add_argument("--seeds", type=int, help="How many runs; in place of the scenario's.")
        parser.add_argument(
            "--processes", type=int, default=min(2, os.cpu_count() or 1), help="Default: two."
        )
        parser.add_argument(
            "--plots", type=Path, metavar="DIR", help="Draw pictures into a folder."
        )
        parser.add_argument(
            "--json", action="store_true", help="Print one JSON object, and nothing else."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["processes"] < 1:
            raise CommandError("--processes is a whole number from 1 on.")
        try:
            scenario = _scenario(options)
            policies = _policies(options["policies"], options["sweep"])
            market = read_market(scenario, now=timezone.now(), say=self._show)
            comparison = compare(
                market,
                scenario,
                policies,
                processes=options["processes"],
                say=lambda done, of: self._show(f"{done} of {of} runs"),
            ).as_json()
        except (BadScenario, BadSweep, NothingToSimulate) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None
        finally:
            self._show("")
        drawn = plots.write(comparison, options["plots"]) if options["plots"] else []
        if options["json"]:
            self.stdout.write(json.dumps({**comparison, "plots": [str(path) for path in drawn]}))
            return
        self.stdout.write(
            f"{comparison['mentors']} mentors, {comparison['goals']} goals, {scenario.weeks} weeks,"
            f" {scenario.seeds} seeds. 95 % intervals over seeds."
        )
        for line in table(comparison["results"]):
            self.stdout.write(line)
        for path in drawn:
            self.stdout.write(f"Drawn: {path}")

    def _show(self, line: str) -> None:
        """Progress on one line of a terminal; nothing elsewhere."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{line}", ending="")
            self.stderr.flush()


def _scenario(options: dict[str, Any]) -> Scenario:
    scenario = read(options["scenario"]) if options["scenario"] else Scenario()
    given = {name: options[name] for name in ("weeks", "seeds") if options[name] is not None}
    from_mapping(given)  # the same limits as in a file
    return replace(scenario, **given)


def _policies(wanted: list[str], axes: list[str]) -> dict[str, Policy]:
    named = [policy_argument(label) for label in wanted]
    if axes:
        return {named[0].label: named[0], **swept(named[0], axes)}
    return {policy.label: policy for policy in named}
