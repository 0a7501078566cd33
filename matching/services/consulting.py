"""Asking a language model about a question, where the program wants it: in other words, and in which order.

To be called with no transaction open, and never needed: whatever goes wrong, the question comes back as it
was or with the part of the advice that was had. What is sent and what is believed is in
`matching/llm/prompts.py`, how far it moves the order in `matching/advice.py`.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db.models import QuerySet

from accounts.models import User
from accounts.selectors import program
from matching import embeddings, llm, ranking, usage
from matching.advice import Advice, places
from matching.breaker import Breaker
from matching.deadlines import Calls, TooLate
from matching.embeddings import EmbeddingUnavailable
from matching.llm import LanguageModel, LanguageModelUnavailable, Prompt, prompts
from matching.ranking.relevance import GOOD
from matching.services import policies, spending
from matching.services.filters import Filters, asks_for_a_match, eligible_for, mentee_of
from matching.services.questions import Question
from matching.services.searching import search
from matching.services.serving import serving_backend
from matching.words import asked as read_question
from mentors.models import Mentor

logger = logging.getLogger(__name__)

# A question of fewer words, or one that nobody fits well, is worth saying in other words.
FEW_WORDS: Final = 6
WEAK_SCORE: Final = GOOD

# Of the time there is: rewording must leave some of it for the rest.
REWORDED_BY: Final = 0.5

# With less time left there is no use in asking; seconds.
LEAST_TIME: Final = 0.1

# How many that only other words have found may come into the list.
MOST_FOUND: Final = 20

KEPT_FOR: Final = 24 * 3600  # seconds

T = TypeVar("T")
_embedding_calls = Calls()


def consult(
    question: Question,
    *,
    user: User,
    filters: Filters,
    now: datetime,
    policy: ranking.Policy | None = None,
    without: Collection[UUID] = (),
) -> Question:
    """The question with a language model's advice on it, or as it was.

    Without a key, or where the program does not want it, nothing is asked and nothing read.

    Args:
        policy: whose list the model is shown the first of; in place of the published one.
        without: mentors who are not to be in it.
    """
    spending.write_down(now=now, seldom=True)
    model = llm.model()
    if model is None or not asks_for_a_match(user) or not program().language_model_helps:
        return question
    consultation = _Consultation(
        model,
        eligible_for(user, filters, now, without=without),
        user,
        now,
        policy or policies.published(),
    )
    return consultation.advised(question)


def breaker_of(model: LanguageModel) -> Breaker:
    return Breaker(f"The language model {model.model_id}")


@dataclass(frozen=True, slots=True)
class _Consultation:
    """About one question."""

    model: LanguageModel
    eligible: QuerySet[Mentor]
    user: User
    now: datetime
    policy: ranking.Policy

    def advised(self, question: Question) -> Question:
        ranked = self._search(question)
        if not ranked or ranked[0].is_named:
            return question  # whoever types a name wants that mentor, and names are not sent
        if _is_weak(question, ranked):
            question = self._reworded(question, ranked)
            if question.advice.reworded:
                ranked = self._search(question)
        return self._ordered(question, ranked)

    def _search(
        self, question: Question, eligible: QuerySet[Mentor] | None = None
    ) -> list[ranking.Ranked]:
        return search(
            question=question,
            eligible=self.eligible if eligible is None else eligible,
            now=self.now,
            policy=self.policy,
            mentee=mentee_of(self.user),
        )

    # -- In other words ------------------------------------------------------------------------
    def _reworded(self, question: Question, ranked: Sequence[ranking.Ranked]) -> Question:
        until = question.since + settings.LLM_BUDGET_MS / 1000
        by = question.since + REWORDED_BY * settings.LLM_BUDGET_MS / 1000
        prompt = prompts.reword_prompt(question.text, names=[self.user.name])
        reworded = self._answer(prompt, prompts.read_reworded, by=by)
        if reworded is None or not reworded.words:
            return question
        other = _other_question(question, reworded, until)
        if other is None:
            return question
        found = self._search(other)
        by_relevance = sorted(found, key=lambda row: -row.relevance)
        advice = Advice(
            reworded={row.candidate.mentor_id: row.relevance for row in found},
            found=self._new(question, ranked, by_relevance),
        )
        return dataclasses.replace(question, advice=advice)

    def _new(
        self,
        question: Question,
        ranked: Sequence[ranking.Ranked],
        found: Sequence[ranking.Ranked],
    ) -> tuple[ranking.Candidate, ...]:
        """Those among the best found that are not in the list, as the question itself sees them: their
        scores and reasons must speak of what was asked."""
        known = {row.candidate.mentor_id for row in ranked}
        new = [row.candidate.mentor_id for row in found[:MOST_FOUND]]
        wanted = [mentor for mentor in new if mentor not in known]
        if not wanted:
            return ()
        seen = self._search(question, self.eligible.filter(pk__in=wanted))
        return tuple(row.candidate for row in seen)

    # -- In which order ------------------------------------------------------------------------
    def _ordered(self, question: Question, ranked: Sequence[ranking.Ranked]) -> Question:
        until = question.since + settings.LLM_BUDGET_MS / 1000
        first = ranked[: prompts.MOST_PROFILES]
        if len(first) < 2 or until - time.monotonic() < LEAST_TIME:
            return question
        shown, unseen = self._shown(first)
        if len(shown) < 2:
            return question
        names = [self.user.name, *(row.candidate.name for row in first)]
        prompt = prompts.order_prompt(question.text, list(shown.values()), names=names)
        order = self._answer(prompt, lambda told: prompts.read_order(told, len(shown)), by=until)
        if order is None:
            return question
        mentors = list(shown)
        given = places([mentors[place] for place in order], unseen)
        return dataclasses.replace(
            question, advice=dataclasses.replace(question.advice, places=given)
        )

    def _shown(
        self, ranked: Sequence[ranking.Ranked]
    ) -> tuple[dict[UUID, prompts.PublicProfile], dict[UUID, float]]:
        """The profiles that mentees may see, in their order; and the places of the others, which stay."""
        ids = [row.candidate.mentor_id for row in ranked]
        public = Mentor.objects.filter(consent_at__isnull=False).exclude(
            visibility=Mentor.Visibility.PRIVATE
        )
        known = public.only("headline", "bio", "industries", "stages").in_bulk(ids)
        last = len(ids) - 1
        unseen = {
            mentor: 1 - place / last for place, mentor in enumerate(ids) if mentor not in known
        }
        shown = {
            row.candidate.mentor_id: _public(known[row.candidate.mentor_id], row.candidate)
            for row in ranked
            if row.candidate.mentor_id in known
        }
        return shown, unseen

    # -- The model -----------------------------------------------------------------------------
    def _answer(self, prompt: Prompt, read: Callable[[object], T], *, by: float) -> T | None:
        """What the model says, as far as it can be believed; None if it does not say it in time."""
        key = f"llm:{prompt.digest(self.model.model_id)}"
        if (kept := _kept(key, read)) is not None:
            return kept
        seconds = by - time.monotonic()
        breaker = breaker_of(self.model)
        if seconds < LEAST_TIME or not spending.may_spend(self.now) or not breaker.allows():
            return None
        try:
            reply = self.model.ask(prompt, seconds=seconds)
            believed = _believed(reply, read)
        except LanguageModelUnavailable as error:
            self._failed(prompt, error, breaker)
            return None
        use = usage.Use(1, 0, reply.tokens_in, reply.tokens_out)
        usage.note(prompt.purpose, self.model.model_id, use)
        spending.write_down(now=self.now)
        breaker.succeeded()
        cache.set(key, reply.content, KEPT_FOR)
        return believed

    def _failed(self, prompt: Prompt, error: LanguageModelUnavailable, breaker: Breaker) -> None:
        logger.info("Answered without the language model. %s", error)
        most = (
            usage.most_tokens(prompt.instructions) + usage.most_tokens(prompt.text),
            prompt.most_tokens,
        )
        tokens = most if error.tokens is None else error.tokens
        usage.note(prompt.purpose, self.model.model_id, usage.Use(1, 1, *tokens))
        spending.write_down(now=self.now)
        breaker.failed(str(error), retry_after=error.retry_after)


def _is_weak(question: Question, ranked: Sequence[ranking.Ranked]) -> bool:
    best = max(row.score for row in ranked)
    return len(question.text.split()) < FEW_WORDS or best < WEAK_SCORE


def _other_question(
    question: Question, reworded: prompts.Reworded, until: float
) -> Question | None:
    """The question in other words, under the same model of meaning; None if there is no time to embed it."""
    vector = None
    if question.vector is not None:
        try:
            embedder = serving_backend()
            if embedder.model_id != question.model_id:
                return None  # changed in this very moment
            vector = _embedding_calls.within(
                until - time.monotonic(),
                lambda: embeddings.query_vector(reworded.meaning, embedder),
            )
        except (EmbeddingUnavailable, TooLate):
            return None
    return Question(reworded.words, vector, question.model_id, read_question(reworded.words))


def _kept(key: str, read: Callable[[object], T]) -> T | None:
    """An earlier answer to the very same prompt."""
    kept = cache.get(key)
    try:
        return None if kept is None else read(kept)
    except LanguageModelUnavailable:  # whatever wrote that was not this code
        return None


def _believed(reply: llm.Reply, read: Callable[[object], T]) -> T:
    """Raises LanguageModelUnavailable, with what the answer cost, for one that cannot be used."""
    try:
        return read(reply.content)
    except LanguageModelUnavailable as error:
        error.tokens = (reply.tokens_in, reply.tokens_out)
        raise


def _public(mentor: Mentor, candidate: ranking.Candidate) -> prompts.PublicProfile:
    tags = [": ".join(filter(None, (tag.area, tag.sub_area))) for tag in candidate.tags]
    return prompts.PublicProfile(
        headline=mentor.headline,
        bio=mentor.bio,
        expertise=tuple(tags),
        industries=tuple(mentor.industries),
        stages=tuple(mentor.stages),
    )
