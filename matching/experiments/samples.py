"""How much must be seen before anything may be concluded.

Decided before the start, from the least effect worth knowing: whoever looks again and again and stops
at the first interval that excludes nothing finds differences where there are none. Everywhere: 5 %
chance of a false alarm, 80 % of noticing an effect of that size (Fleiss, Levin, Paik 2003).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

from matching.experiments.assignment import BLOCK

POWER: Final = 0.8
_ALPHA: Final = NormalDist().inv_cdf(0.975)
_BETA: Final = NormalDist().inv_cdf(POWER)

# With fewer, an interval by person or day leans on too little to be believed, whatever is counted.
FEWEST_PEOPLE: Final = 30


def needed_decisions(effect: float) -> int:
    """Requests with a vote, to tell a win share of .5 + `effect` from one half.

    Args:
        effect: above 0 and below .5; .05 means that 55 % of the votes go to the better one.
    """
    wins = 0.5 + effect
    spread = _ALPHA * 0.5 + _BETA * math.sqrt(wins * (1 - wins))
    return max(math.ceil((spread / effect) ** 2), FEWEST_PEOPLE)


def needed_people(before: float, effect: float) -> int:
    """People in both arms together, to tell a share `before` from one that is `effect` away.

    As if each asked once. Who asks more often is known better, so the number is on the safe side.

    Args:
        before: the share of requests that succeed today, 0 to 1.
        effect: above 0.
    """
    # The neighbour with the wider spread, because the effect may go either way.
    after = max(min(before + effect, 1.0), before - effect, key=lambda p: p * (1 - p))
    spread = before * (1 - before) + after * (1 - after)
    per_arm = math.ceil((_ALPHA + _BETA) ** 2 * spread / effect**2)
    return max(2 * per_arm, FEWEST_PEOPLE)


def needed_days(deviation: float, effect: float) -> int:
    """Days of both arms together, in whole blocks of two weeks.

    Args:
        deviation: the standard deviation of a day's share of successful requests.
        effect: above 0.
    """
    per_arm = math.ceil(2 * (_ALPHA + _BETA) ** 2 * (deviation / effect) ** 2)
    return BLOCK * max(math.ceil(2 * per_arm / BLOCK), 1)
