"""Which policy answers a request: the published one, or what a running experiment says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from matching import experiments, ranking, selectors
from matching.experiments import BOTH, CONTROL, TREATMENT
from matching.models import Experiment
from matching.selectors import Asker
from matching.services import policies
from matching.services.generations import of_generation
from mentors.models import Mentee


@dataclass(frozen=True, slots=True)
class Course:
    """How a request is answered.

    Attributes:
        policies: one, or two whose lists are made into one: the control and the treatment.
        experiment_id: None outside experiments; arm: then "".
        seed, unit: of the coins that two lists are drafted with.
    """

    policies: tuple[ranking.Policy, ...]
    experiment_id: UUID | None = None
    arm: str = ""
    seed: str = ""
    unit: str = ""

    @property
    def label(self) -> ranking.Policy:
        """What the request is said to be answered by; of two, the one that everybody has."""
        return self.policies[0]

    def which(self, team: str) -> int:
        """Whose pick a row is: the place of its policy among `policies`."""
        return int(len(self.policies) > 1 and team == TREATMENT)

    def order(self, lists: Sequence[Sequence[ranking.Ranked]]) -> list[tuple[ranking.Ranked, str]]:
        """One list, each row with its team. The same lists give the same one again.

        Args:
            lists: the rankings by the policies, of the same candidates.
        """
        if len(lists) == 1:
            return [(row, self.arm) for row in lists[0]]
        control, treatment = lists
        return experiments.draft(
            control,
            treatment,
            key=lambda row: row.candidate.mentor_id,
            coin=experiments.coins(self.seed, self.unit),
        )


def course_for(asker: Asker, text: str, now: datetime) -> Course:
    """How to answer what somebody asks now; in one query after something has changed.

    Experiments are about mentees: a program manager who tries something out is not counted. Who asks
    the same again on the same day is answered in the same order.
    """
    # No program manager who is a mentee besides.
    mentee = None if asker.user.is_program_manager else asker.mentee
    if not asker.experiment_runs:
        return Course((of_generation(asker, policies.published),))
    if mentee is None or (running := of_generation(asker, selectors.running_experiment)) is None:
        return Course((of_generation(asker, policies.published),))
    day = now.astimezone(ZoneInfo(running.time_zone)).date()
    unit = f"{mentee.user_id}/{day}/{text}"
    arm = _arm(running, mentee, unit, now)
    chosen = {
        "": (running.control,),
        CONTROL: (running.control,),
        TREATMENT: (running.treatment,),
        BOTH: (running.control, running.treatment),
    }[arm]
    found = tuple(policies.as_policy(row) for row in chosen)
    return Course(found, running.pk, arm, running.seed, unit) if arm else Course(found)


def _arm(running: Experiment, mentee: Mentee, unit: str, now: datetime) -> str:
    """CONTROL, TREATMENT or BOTH; "" for who or what takes no part."""
    person = str(mentee.user_id)
    if running.kind == Experiment.Kind.SWITCHBACK:
        zone = ZoneInfo(running.time_zone)
        assert running.started_at is not None
        first, day = (at.astimezone(zone).date() for at in (running.started_at, now))
        return experiments.arm_of_day(running.seed, first, day)
    is_ab = running.kind == Experiment.Kind.AB
    drawn = person if is_ab else unit
    if not experiments.takes_part(running.seed, drawn, percent=running.percent):
        return ""
    return experiments.arm_of_person(running.seed, person) if is_ab else BOTH
