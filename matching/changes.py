"""What an answer is made of, watched by triggers: each change ends the answers that are kept.

Availability needs a single watch: everything that opens or closes a start (hours, meetings, seats, holds,
busy times, a mentor's own rules) already counts up `MentorOpening.generation` in the writer's own
transaction. An opening that is only computed again because time has passed ends no answer: what a
kept answer shows is checked against the clock where it is given.

The viewer's own profile is not watched: it is part of what a kept answer is found by.
"""

from __future__ import annotations

import pgtrigger

from accounts.models import ProgramSettings, User
from matching.generation import outdates_answers, rows_outdate_answers
from matching.models import Experiment, MatchPolicy, MentorIndex, WordIndex
from mentors.models import Block, Expertise, Mentor
from sessions_app.models import Feedback, MentorOpening


class MatchedMentor(Mentor):
    class Meta:
        proxy = True
        triggers = rows_outdate_answers(
            "user_id", "headline", "bio", "company", "title", "industries", "stages",
            "languages", "visibility", "is_active", "consent_at", "created_at", "linkedin",
            # The other rules of booking count up the opening.
            "weekly_load_cap", "booking_horizon_days",
        )  # fmt: skip


class MatchedUser(User):
    class Meta:
        proxy = True
        triggers = [
            outdates_answers(
                "outdate_answers",
                pgtrigger.Update,
                columns=("name", "email", "photo", "status", "time_zone"),
                only_if="EXISTS (SELECT FROM mentors_mentor WHERE user_id = NEW.id)",
            )
        ]


class MatchedExpertise(Expertise):
    class Meta:
        proxy = True
        triggers = rows_outdate_answers("mentor_id", "area", "sub_area", "seniority", "weight")


class MatchedBlock(Block):
    class Meta:
        proxy = True
        triggers = rows_outdate_answers("mentor_id", "mentee_id")


class MatchedOpening(MentorOpening):
    class Meta:
        proxy = True
        triggers = rows_outdate_answers(
            condition="""
                    OLD.generation <> NEW.generation
                    OR (OLD.computed_generation <> NEW.computed_generation
                        AND (OLD.next_start, OLD.free_7d) IS DISTINCT FROM (NEW.next_start, NEW.free_7d))
                """,
        )


class MatchedFeedback(Feedback):
    class Meta:
        proxy = True
        triggers = rows_outdate_answers("session_id", "side", "overall")


class MatchedVectors(MentorIndex):
    class Meta:
        proxy = True
        triggers = rows_outdate_answers("mentor_id", "model_id", "source_hash", "embedded_at")


class MatchedWords(WordIndex):
    class Meta:
        proxy = True
        triggers = rows_outdate_answers("source_hash", "length")


class PublishedPolicy(MatchPolicy):
    """Its weights cannot change once it is published, so only which one it is matters."""

    class Meta:
        proxy = True
        triggers = rows_outdate_answers("state")


class RunningExperiment(Experiment):
    class Meta:
        proxy = True
        triggers = rows_outdate_answers("state")


class MatchedProgram(ProgramSettings):
    class Meta:
        proxy = True
        triggers = [
            outdates_answers("outdate_answers", pgtrigger.Update, columns=("language_model_helps",))
        ]
