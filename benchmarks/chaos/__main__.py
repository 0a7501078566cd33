"""Inside the deployment of a chaos run: started by `benchmarks.sync_chaos`, with its environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> int:
    """Args: where to write the figures, seed, seconds, and the stage's ports."""
    import django

    django.setup()
    from benchmarks.chaos.driver import Run
    from benchmarks.chaos.history import history
    from benchmarks.chaos.stage import Stage

    answer, seed, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    stage = Stage.inherited()
    try:
        run = Run(stage, seed=seed, seconds=seconds)
        figures = run.run()
        for violation in run.violations:
            sys.stderr.write("\n".join(history(violation, run.ledger, run.requests)) + "\n")
    finally:
        stage.stop()
    answer.write_text(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
