"""The books of what paid models cost, and the month's limit for the language model."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Sum

from matching import usage
from matching.models import ModelUse

logger = logging.getLogger(__name__)

# The purposes that the limit is for. Embeddings are counted too, but search cannot do without them.
LIMITED: Final = (usage.REWORDING, usage.ORDERING)

# Seconds between two times that the use for questions is written down: a fraction of a cent is not worth
# a statement in each answer.
SELDOM: Final = 60.0

_MONTH_AND_A_BIT: Final = 32 * 24 * 3600

_ADD: Final = """
    INSERT INTO matching_modeluse AS known
        (month, purpose, model_id, calls, failures, tokens_in, tokens_out, cost)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (month, purpose, model_id) DO UPDATE SET calls = known.calls + excluded.calls,
        failures = known.failures + excluded.failures, tokens_in = known.tokens_in + excluded.tokens_in,
        tokens_out = known.tokens_out + excluded.tokens_out, cost = known.cost + excluded.cost
"""


class _Written:
    at = float("-inf")


@dataclass(frozen=True, slots=True)
class Month:
    """A month's use of the language model, in US dollars."""

    calls: int
    failures: int
    cost: Decimal
    limit: Decimal

    @property
    def is_spent(self) -> bool:
        return self.cost >= self.limit


def write_down(*, now: datetime, seldom: bool = False) -> None:
    """Add what was noted since to the month's books.

    Args:
        seldom: only if it was not done for a minute.
    """
    if seldom and time.monotonic() - _Written.at < SELDOM:
        return
    _Written.at = time.monotonic()
    noted = usage.take()
    if not noted:
        return
    rows = [
        (
            *(_month(now), purpose, model_id),
            *(use.calls, use.failures, use.tokens_in, use.tokens_out),
            cost(purpose, use),
        )
        for (purpose, model_id), use in sorted(
            noted.items(), key=lambda row: row[0]
        )  # one order, so that two never deadlock
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_ADD, rows)


def cost(purpose: str, use: usage.Use) -> Decimal:
    """In US dollars, by the prices in the settings, which are for a million tokens."""
    if purpose in LIMITED:
        price_in, price_out = settings.OPENAI_CHAT_PRICES
    else:
        price_in, price_out = settings.OPENAI_EMBEDDING_PRICE, Decimal(0)
    return (use.tokens_in * price_in + use.tokens_out * price_out) / 1_000_000


def month(now: datetime) -> Month:
    """The books of this month (UTC), as far as they are written down."""
    sums = ModelUse.objects.filter(month=_month(now), purpose__in=LIMITED).aggregate(
        calls=Sum("calls"), failures=Sum("failures"), cost=Sum("cost")
    )
    return Month(
        calls=sums["calls"] or 0,
        failures=sums["failures"] or 0,
        cost=sums["cost"] or Decimal(0),
        limit=settings.LLM_MONTHLY_USD,
    )


def may_spend(now: datetime) -> bool:
    """Whether the month's limit is not reached. The first time it is, that is said, once a month.

    Calls under way at that moment are not counted yet: the limit may be passed by their cost.
    """
    books = month(now)
    if books.is_spent and cache.add(f"llm:spent:{_month(now)}", 1, _MONTH_AND_A_BIT):
        logger.warning(
            "The language model has cost %.2f of %.2f dollars this month and is off until the next.",
            *(books.cost, books.limit),
        )
    return not books.is_spent


def _month(now: datetime) -> date:
    return now.date().replace(day=1)
