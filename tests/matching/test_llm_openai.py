"""The model by OpenAI's protocol: within its seconds, and only JSON that came to an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from matching.llm import LanguageModelUnavailable, Prompt
from matching.llm.openai import OpenAIModel
from tests.standins import openai as standin
from tests.standins.openai import OpenAIStandIn

PROMPT = Prompt(
    "ordering",
    "Order them.",
    {"profiles": []},
    {
        "type": "object",
        "properties": {"order": {"type": "array", "items": {"type": "integer"}}},
        "required": ["order"],
        "additionalProperties": False,
    },
    most_tokens=50,
)


@pytest.fixture
def server() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as server:
        server.chat = lambda purpose, data: {"order": [1]}
        yield server


@pytest.fixture
def model(server) -> Iterator[OpenAIModel]:
    model = OpenAIModel(api_key="sk-test", model="gpt-4o-mini", base_url=server.base_url)
    yield model
    model.close()


def test_asks_once_in_json_and_keeps_nothing_there(server, model):
    reply = model.ask(PROMPT, seconds=10)
    assert reply.content == {"order": [1]}
    assert (reply.tokens_in, reply.tokens_out) == (len('Order them.{"profiles":[]}'), 14)
    (request,) = server.requests
    assert request.body == {
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "system", "content": "Order them."},
            {"role": "user", "content": '{"profiles":[]}'},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "ordering", "strict": True, "schema": PROMPT.schema},
        },
        "max_completion_tokens": 50,
        "store": False,
        "temperature": 0.0,
    }


def test_a_model_that_reasons_is_given_no_temperature(server):
    model = OpenAIModel(api_key="sk-test", model="gpt-5-mini", base_url=server.base_url)
    model.ask(PROMPT, seconds=10)
    model.close()
    assert "temperature" not in server.requests[0].body


@pytest.mark.parametrize("fault", [standin.slow(30), standin.dripping(0.05)], ids=["slow", "drips"])
def test_ends_when_the_time_is_over(server, model, fault):
    server.fail_next(fault)
    began = time.monotonic()
    with pytest.raises(LanguageModelUnavailable, match="in time") as failure:
        model.ask(PROMPT, seconds=0.5)
    assert time.monotonic() - began < 3
    assert failure.value.tokens is None  # nobody knows, so it is taken to be paid
    assert len(server.requests) == 1


def test_no_thread_stays_behind_a_server_that_drips(server, model):
    before = threading.active_count()
    for _ in range(3):
        server.fail_next(standin.dripping(0.02))
        with pytest.raises(LanguageModelUnavailable):
            model.ask(PROMPT, seconds=0.2)
    deadline = time.monotonic() + 10
    # The stand-in's own threads end with their connections.
    while threading.active_count() > before + 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before + 1


BROKEN = {
    "429": (standin.rate_limited(retry_after="7"), "limiting", 7.0, (0, 0)),
    "429 with a word": (standin.rate_limited(retry_after="soon"), "limiting", 30.0, (0, 0)),
    "no quota": (standin.out_of_quota(), "quota", None, (0, 0)),
    "503": (standin.server_error(503), r"failed \(503\)", 30.0, (0, 0)),
    "404": (standin.server_error(404), r"refused the request \(404\)", None, (0, 0)),
    "400": (standin.server_error(400), r"refused the request \(400\)", 30.0, (0, 0)),
    "hangs up": (standin.hung_up(), "broke off", 30.0, None),
    "half the JSON": (standin.truncated_json(), "not one that we know", 30.0, None),
    "a page": (standin.proxy_page(), "not one that we know", 30.0, None),
    "no JSON": (standin.says("{"), "did not say JSON", 30.0, (26, 14)),
    "nested": (standin.says("[" * 60_000), "did not say JSON", 30.0, (26, 14)),
    "long": (standin.says("x" * 200_000), "far too long", 30.0, None),
    "refuses": (standin.refuses(), "refused", 30.0, (26, 14)),
    "runs on": (standin.runs_on(), "did not come to an end", 30.0, (26, 14)),
}


@pytest.mark.parametrize(
    ("fault", "says", "retry_after", "tokens"), BROKEN.values(), ids=list(BROKEN)
)
def test_says_what_went_wrong(server, model, fault, says, retry_after, tokens):
    server.fail_next(fault)
    with pytest.raises(LanguageModelUnavailable, match=says) as failure:
        model.ask(PROMPT, seconds=10)
    assert failure.value.retry_after == retry_after
    assert failure.value.tokens == tokens
    assert len(server.requests) == 1


def test_a_refused_key_is_not_quoted(server, model):
    server.api_key = "sk-another"
    with pytest.raises(LanguageModelUnavailable, match="Check OPENAI_API_KEY") as failure:
        model.ask(PROMPT, seconds=10)
    assert "sk-" not in str(failure.value)
    assert failure.value.retry_after is None


def test_says_that_the_server_cannot_be_reached(server, model):
    server.close()
    with pytest.raises(LanguageModelUnavailable, match="cannot be reached"):
        model.ask(PROMPT, seconds=10)
