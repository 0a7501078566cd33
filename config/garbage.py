"""Python's garbage collector, in processes that somebody waits for."""

from __future__ import annotations

import gc
from typing import Final

# Objects made until the youngest are gone through; 700 unless told. A search makes thousands and nearly all
# die by themselves, so it would be interrupted four times, for a millisecond in all.
YOUNG: Final = 10_000


def settle() -> None:
    """What is there by now stays: the collector need not go through it while somebody waits."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
