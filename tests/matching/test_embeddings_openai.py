from __future__ import annotations

import email.utils
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import strategies as st

from matching import usage
from matching.breaker import Breaker
from matching.embeddings.base import EmbeddingUnavailable
from matching.embeddings.openai import OpenAIBackend, Patience, person
from tests.standins import openai as standin
from tests.standins.openai import OpenAIStandIn

GOAL = "How should we price our first contract with a large hospital?"
SAME_GOAL = "We need help setting the price for an enterprise customer in health care."
OTHER_GOAL = "Looking for somebody who knows how to hire a head of marketing."

NOT_A_NUMBER = standin.as_base64(np.full(1536, np.nan))

# Any text that Python can hold, lone surrogates included.
ANY_TEXT = st.text(st.characters())


class TestOpenAI:
    @pytest.fixture
    def server(self) -> Iterator[OpenAIStandIn]:
        with OpenAIStandIn() as server:
            yield server

    @pytest.fixture
    def backend(self, server, monkeypatch) -> Iterator[OpenAIBackend]:
        monkeypatch.setattr("matching.embeddings.openai.FIRST_PAUSE", 0.01)
        backend = OpenAIBackend(
            api_key="sk-test",
            base_url=server.base_url,
            worker=Patience(timeout=5.0, retries=3, pauses=2.0),
            person=Patience(timeout=0.3, retries=1, pauses=0.1),
        )
        yield backend
        backend.close()

    def test_gives_the_vectors_of_the_server(self, server, backend):
        vectors = backend.embed_documents([GOAL, OTHER_GOAL])

        assert vectors == pytest.approx(_served([GOAL, OTHER_GOAL]), abs=1e-6)
        assert backend.embed_query(GOAL) == pytest.approx(vectors[0], abs=1e-6)
        assert backend.model_id == "openai:text-embedding-3-small"
        assert backend.dimensions == 1536
        first = server.requests[0]
        assert first.headers["authorization"] == "Bearer sk-test"
        assert first.body == {
            "model": "text-embedding-3-small",
            "input": [GOAL, OTHER_GOAL],
            "encoding_format": "base64",
        }

    def test_understands_servers_that_send_lists_of_numbers(self, server, backend):
        server.ignores_base64 = True

        assert backend.embed_documents([GOAL]) == pytest.approx(_served([GOAL]), abs=1e-6)

    def test_makes_vectors_unit_long_even_if_the_server_does_not(self, server, backend):
        (vector,) = _served([GOAL])
        server.fail_next(standin.with_embedding(standin.as_base64(vector * 7)))

        assert backend.embed_query(GOAL) == pytest.approx(vector, abs=1e-6)

    def test_asks_nothing_for_no_texts(self, server, backend):
        assert backend.embed_documents([]).shape == (0, 1536)
        assert server.requests == []

    def test_blank_texts_do_not_spoil_the_request(self, server, backend):
        vectors = backend.embed_documents(["", GOAL, " \n"])

        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
        assert vectors[1] == pytest.approx(_served([GOAL])[0], abs=1e-6)
        assert (vectors[0] == vectors[2]).all()

    def test_sends_at_most_256_texts_a_request_and_keeps_their_order(self, server, backend):
        texts = [f"mentor {number}" for number in range(600)]

        vectors = backend.embed_documents(texts)

        assert [len(request.body["input"]) for request in server.requests] == [256, 256, 88]
        np.testing.assert_allclose(vectors, _served(texts), atol=1e-6)

    def test_long_texts_stay_within_the_limits_of_the_api(self, server, backend):
        # The stand-in counts a byte as a token, the most that it can cost, and refuses as the
        # real API does beyond 8,192 tokens a text and 300,000 a request.
        vectors = backend.embed_documents(["漢字" * 20_000, "\ud800" * 20_000] * 40)

        assert vectors.shape == (80, 1536)
        assert len(server.requests) > 1

    def test_puts_vectors_in_the_order_of_the_question(self, server, backend):
        server.fail_next(standin.wrong_order())

        texts = [GOAL, SAME_GOAL, OTHER_GOAL]
        assert backend.embed_documents(texts) == pytest.approx(_served(texts), abs=1e-6)

    @pytest.mark.parametrize(
        "fault",
        [
            pytest.param(standin.rate_limited(), id="429"),
            pytest.param(standin.server_error(500), id="500"),
            pytest.param(standin.server_error(503), id="503"),
            pytest.param(standin.truncated_json(), id="half the JSON"),
            pytest.param(standin.hung_up(), id="hung up"),
            pytest.param(standin.proxy_page(), id="a page for people"),
            pytest.param(standin.one_missing(), id="a vector missing"),
            pytest.param(standin.with_embedding("not base64!"), id="not base64"),
            pytest.param(standin.with_embedding(None), id="null"),
            pytest.param(standin.with_embedding([[0.5] * 1536]), id="nested list"),
            pytest.param(standin.with_embedding([0.0] * 1536), id="zeros"),
            pytest.param(standin.with_embedding(NOT_A_NUMBER), id="NaN"),
        ],
    )
    def test_asks_again_after_a_passing_fault(self, server, backend, fault):
        server.fail_next(fault, fault)

        assert backend.embed_documents([GOAL]) == pytest.approx(_served([GOAL]), abs=1e-6)
        assert len(server.requests) == 3

    def test_gives_up_when_the_fault_does_not_pass(self, server, backend):
        server.fail_next(*[standin.server_error(502)] * 9)

        with pytest.raises(EmbeddingUnavailable, match=r"OpenAI failed \(502\)") as refusal:
            backend.embed_documents([GOAL])

        assert len(server.requests) == 4  # once, and the three retries
        assert refusal.value.retry_after == 30

    def test_waits_as_long_as_the_server_asks(self, server, backend):
        server.fail_next(standin.rate_limited(retry_after="0.5"))
        began = time.monotonic()

        backend.embed_documents([GOAL])

        assert time.monotonic() - began >= 0.5

    def test_hands_on_a_wait_that_is_too_long_instead_of_waiting(self, server, backend):
        server.fail_next(standin.rate_limited(retry_after="20"))
        began = time.monotonic()

        with pytest.raises(EmbeddingUnavailable, match="limiting our requests") as refusal:
            backend.embed_documents([GOAL])

        assert refusal.value.retry_after == 20
        assert len(server.requests) == 1
        assert time.monotonic() - began < 5

    def test_understands_a_wait_given_as_a_date(self, server, backend):
        date = email.utils.formatdate(time.time() + 60, usegmt=True)
        server.fail_next(standin.rate_limited(retry_after=date))

        with pytest.raises(EmbeddingUnavailable) as refusal:
            backend.embed_documents([GOAL])

        assert refusal.value.retry_after == pytest.approx(60, abs=5)

    @pytest.mark.parametrize("value", ["soon", "-3", "0", "nan", "inf"])
    def test_ignores_a_wait_that_makes_no_sense(self, server, backend, value):
        server.fail_next(standin.rate_limited(retry_after=value))

        assert backend.embed_documents([GOAL]).shape == (1, 1536)

    def test_does_not_keep_a_person_waiting(self, server, backend):
        server.fail_next(standin.slow(1.0), standin.slow(1.0))
        began = time.monotonic()

        with pytest.raises(EmbeddingUnavailable, match="did not answer in time"):
            backend.embed_query(GOAL)

        assert time.monotonic() - began < 1.0
        assert len(server.requests) == 2

    def test_a_server_that_drips_keeps_nobody_waiting_either(self, server, backend):
        server.fail_next(standin.dripping(0.1), standin.dripping(0.1))
        began = time.monotonic()

        with pytest.raises(EmbeddingUnavailable, match="did not answer in time"):
            backend.embed_query(GOAL)

        assert time.monotonic() - began < 2.0

    def test_a_person_waits_for_their_budget_in_all(self, server):
        backend = OpenAIBackend(
            api_key="sk-test", base_url=server.base_url, person=person(budget=0.4)
        )
        server.fail_next(standin.server_error(), standin.slow(30))
        began = time.monotonic()
        with pytest.raises(EmbeddingUnavailable):
            backend.embed_query(GOAL)
        assert time.monotonic() - began < 2.0
        backend.close()

    def test_a_provider_that_fails_is_left_alone_for_questions(self, server):
        breaker = Breaker(f"A test {uuid.uuid4()}")
        backend = OpenAIBackend(
            api_key="sk-test", base_url=server.base_url, person=person(2.0), breaker=breaker
        )
        server.fail_next(standin.out_of_quota())
        for _ in range(3):
            with pytest.raises(EmbeddingUnavailable, match="quota"):
                backend.embed_query(GOAL)
        assert len(server.requests) == 1
        assert backend.embed_documents([GOAL]).shape == (1, 1536)  # a worker finds out for itself
        breaker.succeeded()
        assert backend.embed_query(GOAL).shape == (1536,)
        backend.close()

    def test_one_text_that_is_refused_keeps_nobody_else_away(self, server):
        breaker = Breaker(f"A test {uuid.uuid4()}")
        backend = OpenAIBackend(api_key="sk-test", base_url=server.base_url, breaker=breaker)
        for _ in range(4):
            server.fail_next(standin.server_error(400))
            with pytest.raises(EmbeddingUnavailable, match="400"):
                backend.embed_query(GOAL)
        assert backend.embed_query(GOAL).shape == (1536,)
        backend.close()

    def test_what_was_used_is_noted(self, server, backend):
        usage.take()
        server.fail_next(standin.server_error())
        backend.embed_documents([GOAL, OTHER_GOAL])
        backend.embed_query(GOAL)
        model, tokens = backend.model_id, len(GOAL.encode())
        assert usage.take() == {
            ("profiles", model): usage.Use(2, 1, tokens + len(OTHER_GOAL.encode()), 0),
            ("questions", model): usage.Use(1, 0, tokens, 0),
        }

    def test_a_worker_waits_for_a_slow_answer(self, server, backend):
        server.fail_next(standin.slow(0.5))

        assert backend.embed_documents([GOAL]).shape == (1, 1536)
        assert len(server.requests) == 1

    def test_an_exhausted_quota_is_not_waited_for(self, server, backend):
        server.fail_next(standin.out_of_quota())

        with pytest.raises(EmbeddingUnavailable, match="quota") as refusal:
            backend.embed_documents([GOAL])

        assert refusal.value.retry_after is None
        assert len(server.requests) == 1

    def test_a_refused_key_is_named_but_not_quoted(self, server, backend):
        server.api_key = "sk-another"

        with pytest.raises(EmbeddingUnavailable, match="Check OPENAI_API_KEY") as refusal:
            backend.embed_query(GOAL)

        assert "sk-" not in str(refusal.value)
        assert refusal.value.retry_after is None
        assert len(server.requests) == 1

    def test_another_dimension_is_refused_at_once(self, server, backend):
        server.fail_next(standin.with_embedding([0.1] * 768))

        with pytest.raises(EmbeddingUnavailable, match="768 dimensions, not 1536") as refusal:
            backend.embed_documents([GOAL])

        assert refusal.value.retry_after is None
        assert len(server.requests) == 1

    def test_an_unknown_model_is_refused_at_once(self, server):
        backend = OpenAIBackend(api_key="sk-test", base_url=server.base_url, model="ada-9")
        try:
            with pytest.raises(EmbeddingUnavailable, match=r"\(404\).*`ada-9`"):
                backend.embed_query(GOAL)
        finally:
            backend.close()

    def test_says_that_the_server_cannot_be_reached(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        backend = OpenAIBackend(
            api_key="sk-test",
            base_url=f"http://127.0.0.1:{port}/v1",
            person=Patience(timeout=1.0, retries=0, pauses=0.0),
        )
        try:
            with pytest.raises(EmbeddingUnavailable, match="cannot be reached") as refusal:
                backend.embed_query(GOAL)
        finally:
            backend.close()
        assert refusal.value.retry_after == 30

    def test_without_a_key_it_says_which_setting_is_missing(self):
        with pytest.raises(EmbeddingUnavailable, match="OPENAI_API_KEY is not set"):
            OpenAIBackend(api_key="")

    def test_threads_share_one_backend(self, server, backend):
        texts = [f"mentor {number}" for number in range(40)]

        with ThreadPoolExecutor(max_workers=8) as pool:
            found = list(pool.map(lambda text: backend.embed_documents([text])[0], texts))

        np.testing.assert_allclose(np.stack(found), _served(texts), atol=1e-6)


def _served(texts: Sequence[str]) -> np.ndarray:
    return np.stack([standin.embedding(text, 1536) for text in texts])
