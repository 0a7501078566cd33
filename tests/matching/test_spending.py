"""The books of what paid models cost; and OpenAI for everything, from profile to answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from matching import embeddings, services, usage
from matching.models import MatchRequest, MentorEmbedding, ModelUse
from matching.services import spending
from mentors.models import Mentor
from tests.matching.worlds import ROUND, market
from tests.people import alice, api
from tests.standins import openai as standin
from tests.standins.openai import OpenAIStandIn

pytestmark = pytest.mark.django_db

OCTOBER, NOVEMBER = datetime(2026, 10, 31, 23, 59, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
MODEL = "openai:text-embedding-3-small"


@pytest.fixture(autouse=True)
def nothing_noted():
    usage.take()


@pytest.fixture
def server(settings) -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as server:
        settings.EMBEDDING_BACKEND = "openai"
        settings.OPENAI_API_KEY = "sk-test"
        settings.OPENAI_BASE_URL = server.base_url
        settings.EMBEDDING_BUDGET_MS = 500
        embeddings.backend()
        yield server
        # The next test's server may have this one's port.
        embeddings.breaker_of_questions().succeeded()


def test_uses_add_up_by_month_purpose_and_model(settings):
    settings.OPENAI_CHAT_PRICES = (Decimal("0.15"), Decimal("0.60"))
    usage.note(usage.ORDERING, "openai:a", usage.Use(1, 0, 1_000_000, 1_000_000))
    usage.note(usage.PROFILES, MODEL, usage.Use(1, 0, 1_000_000, 0))
    spending.write_down(now=OCTOBER)
    usage.note(usage.ORDERING, "openai:a", usage.Use(2, 1, 10, 0))
    spending.write_down(now=OCTOBER)
    usage.note(usage.ORDERING, "openai:a", usage.Use(1, 0, 1, 0))
    spending.write_down(now=NOVEMBER)
    spending.write_down(now=NOVEMBER)
    books = {(row.month.month, row.purpose): row for row in ModelUse.objects.all()}
    assert set(books) == {(10, "ordering"), (10, "profiles"), (11, "ordering")}
    october = books[10, "ordering"]
    assert (october.calls, october.failures, october.tokens_in) == (3, 1, 1_000_010)
    assert october.cost == Decimal("0.7500015")
    assert books[10, "profiles"].cost == settings.OPENAI_EMBEDDING_PRICE
    # The limit is of the month, and not for embeddings.
    assert spending.month(OCTOBER).cost == Decimal("0.7500015")
    settings.LLM_MONTHLY_USD = Decimal("0.5")
    assert not spending.may_spend(OCTOBER)
    assert spending.may_spend(NOVEMBER)


def test_questions_alone_are_written_down_seldom(monkeypatch):
    monkeypatch.setattr("matching.services.spending._Written.at", time.monotonic())
    usage.note(usage.QUESTIONS, MODEL, usage.Use(1))
    spending.write_down(now=OCTOBER, seldom=True)
    assert not ModelUse.objects.exists()
    monkeypatch.setattr("matching.services.spending._Written.at", time.monotonic() - 61)
    spending.write_down(now=OCTOBER, seldom=True)
    assert ModelUse.objects.get().calls == 1


def test_what_profiles_cost_is_in_the_books(server):
    people = market()
    books = ModelUse.objects.get(purpose="profiles")
    assert (books.calls, books.failures, books.model_id) == (1, 0, MODEL)
    assert books.cost > 0
    old = set(MentorEmbedding.objects.filter(mentor=people["ada"]).values_list("text", flat=True))

    # A dead provider leaves the old vectors in use.
    Mentor.objects.filter(pk=people["ada"].pk).update(headline="I moved to Lisbon")
    server.fail_next(standin.out_of_quota())
    report = services.embed_stale(limit=10, now=timezone.now())
    assert "quota" in report.problem
    assert ModelUse.objects.get(purpose="profiles").failures == 1
    kept = set(MentorEmbedding.objects.filter(mentor=people["ada"]).values_list("text", flat=True))
    assert kept == old
    answer = api(alice()).post("/api/match", {"query": ROUND}, format="json").json()
    assert answer["count"] == 5
    assert MatchRequest.objects.get().model_id == MODEL


@pytest.mark.parametrize("fault", [standin.slow(60), standin.dripping()], ids=["hangs", "drips"])
def test_a_provider_that_hangs_is_answered_around_within_the_budget(server, fault):
    market()
    asked = len(server.requests)
    server.fail_next(*[fault] * 9)
    client = api(alice())
    for number in range(5):
        began = time.monotonic()
        answer = client.post("/api/match", {"query": f"{ROUND}, {number}"}, format="json").json()
        assert answer["count"] == 5
        assert answer["matches"][0]["mentor"]["name"] == "Ada Investor"
        assert time.monotonic() - began < 4
    assert set(MatchRequest.objects.values_list("model_id", flat=True)) == {"words"}
    # After three nobody waits for it.
    assert len(server.requests) == asked + 3
