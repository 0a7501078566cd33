"""Comparing two policies: who gets which, and what may be concluded. Pure: no database, no clock."""

from matching.experiments.assignment import arm_of_day, arm_of_person, coins, takes_part, wash_in
from matching.experiments.drafting import CONTROL, TREATMENT, draft
from matching.experiments.estimates import (
    Estimate,
    arms_are_uneven,
    difference_by_day,
    difference_by_person,
    win_share,
)
from matching.experiments.results import (
    ATTRIBUTED_WITHIN,
    BOTH,
    COUNTS,
    OUTCOMES,
    Arm,
    Asked,
    Design,
    Kind,
    Results,
    Verdict,
    needed,
    results,
)
from matching.experiments.samples import (
    FEWEST_PEOPLE,
    needed_days,
    needed_decisions,
    needed_people,
)

__all__ = [
    "ATTRIBUTED_WITHIN",
    "BOTH",
    "CONTROL",
    "COUNTS",
    "FEWEST_PEOPLE",
    "OUTCOMES",
    "TREATMENT",
    "Arm",
    "Asked",
    "Design",
    "Estimate",
    "Kind",
    "Results",
    "Verdict",
    "arm_of_day",
    "arm_of_person",
    "arms_are_uneven",
    "coins",
    "difference_by_day",
    "difference_by_person",
    "draft",
    "needed",
    "needed_days",
    "needed_decisions",
    "needed_people",
    "results",
    "takes_part",
    "wash_in",
    "win_share",
]
