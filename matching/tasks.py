from __future__ import annotations

import time
from typing import Any, Final

from celery import shared_task
from django.utils import timezone

from matching import embeddings, services

# Profiles per round: their texts are embedded together, some seconds on two slow cores.
ROUND: Final = 50

# Seconds. Whatever is left is found by the next run, a few seconds later.
PATIENCE: Final = 240


@shared_task(ignore_result=True, time_limit=3600, soft_time_limit=3540)
def embed_stale(**_: Any) -> None:
    """Index the profiles that changed since they were last indexed, until none is left."""
    deadline = time.monotonic() + PATIENCE
    with services.only_one_indexer() as is_first:
        while is_first and time.monotonic() < deadline:
            report = services.embed_stale(limit=ROUND, now=timezone.now())
            if report.is_finished:
                if not report.problem:
                    services.have_vector_index(embeddings.backend())
                return


@shared_task(ignore_result=True, time_limit=3600, soft_time_limit=3540)
def play_markets(**_: Any) -> None:
    """Play the simulations that were ordered, one after the other, until none is left."""
    # Here, because the web imports tasks and never draws.
    from matching.simulator import runs

    while runs.play_next(clock=timezone.now):
        pass
