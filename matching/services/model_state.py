"""How the paid models are doing, in sentences for whoever runs the program."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.selectors import program
from matching import embeddings, llm
from matching.breaker import Breaker
from matching.services import spending
from matching.services.consulting import breaker_of


@dataclass(frozen=True, slots=True)
class ModelState:
    """`meaning` is "" while the embeddings of questions are well, or made on this machine."""

    helps: bool
    language_model: str
    meaning: str
    month: spending.Month


def model_state(now: datetime) -> ModelState:
    """As it is now. Asks no provider."""
    month = spending.month(now)
    why_not = _why_not(month)
    return ModelState(
        helps=not why_not,
        language_model=why_not or _("The language model helps."),
        meaning=_meaning(),
        month=month,
    )


def _why_not(month: spending.Month) -> str:
    model = llm.model()
    if model is None:
        return _("There is no language model: OPENAI_API_KEY is not set.")
    if not program().language_model_helps:
        return _("The language model is off: see Program settings.")
    if month.is_spent:
        return _("The language model is off until the next month: its limit is reached.")
    left_alone = _left_alone(breaker_of(model))
    return left_alone and _("The language model does not help just now. %s") % left_alone


def _meaning() -> str:
    if settings.EMBEDDING_BACKEND != "openai":
        return ""
    left_alone = _left_alone(embeddings.breaker_of_questions())
    return left_alone and _("Questions are answered by words alone. %s") % left_alone


def _left_alone(breaker: Breaker) -> str:
    state = breaker.state()
    if not state.until:
        return ""
    return _("Left alone for another %(seconds)d s. %(reason)s") % {
        "seconds": round(state.left),
        "reason": state.reason,
    }
