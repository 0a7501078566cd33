"""`python -m benchmarks NAME [--json] [--data DIR]`: figures beside their yardstick, from one run."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

# name -> what it measures. A module of that name has `run(data: Path | None) -> dict`.
NAMES = {
    "slots": "open slots of 200 mentors: the rule engine, from the database, and by date objects",
    "booking": "six ways to be crowded, from separate processes, beside plain psycopg and no guards",
    "match": "a request answered end to end, beside the vector search alone",
    "relevance": "labelled questions: the shipped order beside each of its parts, nDCG@10 with 95 % intervals",
    "outbox": "5,000 changed mentors on their way to Airtable's sandbox, beside its ceiling",
    "reconcile": "50,000 unchanged records compared with Airtable at its limits: our own time and memory",
    "sync_chaos": "edits on both sides of the Airtable sync while everything goes wrong that can",
    "market": "twelve weeks of the demo's market: who is booked, and what it costs in relevance",
    "analytics": "the figures of 1,000,000 sessions, beside one plain pass, and a reader meanwhile",
    "console": "the program managers' pages with 10,000 mentors and 50,000 sessions: time and queries",
    "pages": "founders' pages with 1,000 mentors: the server's time, and Lighthouse's scores",
    "sync_lag": "how long a change takes to the other side, and new people while 5,000 changes are sent",
}
# What starts services of its own, kills them, and therefore uses no others.
ALONE = frozenset({"sync_chaos"})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--data", type=Path, help="a folder with labelled sets, where one is needed"
    )
    parser.add_argument("--seed", type=int, help="of sync_chaos")
    parser.add_argument("--minutes", type=float, help="of sync_chaos: how long edits are made")
    options = parser.parse_args()
    if options.data and not options.data.is_dir():
        print(f"{options.data} is not there, so nothing is measured on it.")
        return 2
    if options.name not in ALONE:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
        import django

        django.setup()
    chosen = {name: getattr(options, name) for name in ("seed", "minutes")}
    more = {name: value for name, value in chosen.items() if value is not None}
    figures = importlib.import_module(f"benchmarks.{options.name}").run(options.data, **more)
    if options.json:
        print(json.dumps(figures))
    else:
        print(NAMES[options.name])
        for name, value in figures.items():
            print(f"  {name:<44} {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
