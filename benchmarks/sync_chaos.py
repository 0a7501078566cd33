"""Edits on both sides while everything goes wrong that can; then nothing may be lost.

Seeded: the same seed makes the same edits and faults in the same order. When they meet the workers is up
to the machine, so a seed finds again the kind of trouble, not the very moment.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.chaos.stage import Stage, services
from benchmarks.servers import ROOT

MINUTES = 20.0
SEED = 20261127


def run(
    data: Path | None, *, seed: int | None = None, minutes: float | None = None
) -> dict[str, Any]:
    """The figures, after a run on services of its own.

    Args:
        seed: of the edits and faults.
        minutes: how long edits are made; the load before and the quiet after come on top.

    Raises:
        RuntimeError: the run did not come to its end.
    """
    del data  # generated here
    folder = Path(tempfile.mkdtemp(prefix="office-hours-chaos-"))
    answer = folder / "figures.json"
    try:
        with services(folder):
            stage = Stage(folder)
            done = subprocess.run(
                [
                    *(sys.executable, "-W", "ignore", "-m", "benchmarks.chaos", str(answer)),
                    *(str(SEED if seed is None else seed), str(60 * (minutes or MINUTES))),
                ],
                cwd=ROOT,
                env=stage.env,
                check=False,
            )
        if done.returncode != 0:
            raise RuntimeError(f"The chaos run ended with {done.returncode}: {folder / 'log'}")
        found: dict[str, Any] = json.loads(answer.read_text())
    except RuntimeError:
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return found
