"""A language model that stalls, lies, refuses, goes away or costs too much: the answer is ours, in time."""

from __future__ import annotations

import json
import re
import time
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone

from accounts.models import ProgramSettings
from matching.models import MatchRequest, ModelUse
from mentors.models import Mentor
from tests.config.console import console
from tests.matching.advised import ask, asked_of, told, without_ids
from tests.matching.worlds import ROUND, market
from tests.people import alice, api, carol, mallory
from tests.standins import openai as standin

pytestmark = pytest.mark.django_db


BUDGET = 2.0  # seconds, where a fault is to be waited for
# A machine under load takes its time for the rest of the answer. The faults below last for minutes.
SLACK = 8.0


# -- What it may not spoil -----------------------------------------------------------------------
FAULTS = {
    "500": standin.server_error(),
    "429": standin.rate_limited(retry_after="1"),
    "no quota": standin.out_of_quota(),
    "hangs": standin.slow(60),
    "drips": standin.dripping(),
    "half the JSON": standin.truncated_json(),
    "hangs up in the middle": standin.hung_up(),
    "a page for people": standin.proxy_page(),
    "no JSON": standin.says("Sure! Here is the order: 2, 1"),
    "null": standin.says("null"),
    "a list": standin.says("[1, 2]"),
    "another shape": standin.says('{"order": {"1": 2}}'),
    "true for one": standin.says('{"order": [true, 2, 3, 4, 5]}'),
    "unknown ids": standin.says('{"order": [5, 4, 3, 2, 6]}'),
    "our own ids": standin.says(json.dumps({"order": [str(uuid.uuid4())] * 5})),
    "an id twice": standin.says('{"order": [5, 4, 3, 2, 2]}'),
    "an id missing": standin.says('{"order": [5, 4, 3, 2]}'),
    "invented reasons": standin.says(
        '{"order": [5, 4, 3, 2, 1], "reasons": ["Raised a billion", "", "", "", ""]}'
    ),
    "refuses": standin.refuses(),
    "does not end": standin.runs_on(),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_without_a_usable_answer_the_answer_is_ours(chat_server, settings, fault):
    settings.LLM_BUDGET_MS = int(BUDGET * 1000)
    market()
    plain = ask(api(alice(email="anna@example.com")))
    assert chat_server.requests == []
    ProgramSettings.objects.create(language_model_helps=True)
    chat_server.chat = told(order=lambda profiles: [one["id"] for one in reversed(profiles)])
    chat_server.fail_next(*[fault] * 4)
    client = api(alice())
    began = time.monotonic()

    answer = ask(client)

    assert time.monotonic() - began < BUDGET + SLACK
    assert chat_server.requests
    assert without_ids(answer) == without_ids(plain)
    assert MatchRequest.objects.get(pk=answer["request_id"]).advice == ""
    books = ModelUse.objects.get(
        purpose=asked_of(chat_server)[0]["response_format"]["json_schema"]["name"]
    )
    assert (books.calls, books.failures) == (1, 1)


def test_a_server_that_goes_away_in_the_middle_of_a_request_spoils_nothing(wanted):
    market()

    def chat(purpose, data):
        wanted.close()
        return told(wordings=["read my contracts"])(purpose, data)

    wanted.chat = chat
    answer = ask(api(alice()), "NDA redlines")
    assert answer["count"] == 5
    assert MatchRequest.objects.get(pk=answer["request_id"]).advice == "reworded"


def test_a_wrong_key_is_tried_once(wanted, caplog):
    market()
    wanted.api_key = "sk-other"
    client = api(alice())
    for _ in range(3):
        assert ask(client)["count"] == 5
    assert len(wanted.requests) == 1
    assert caplog.text.count("is left alone for 300 s. OpenAI refused the key") == 1
    assert "sk-" not in caplog.text


# -- Breaker, cache and limit ----------------------------------------------------------------------
def test_a_provider_that_fails_is_left_alone_and_tried_again_later(wanted, caplog):
    market()
    client, began = api(alice()), timezone.now()
    wanted.fail_next(*[standin.server_error()] * 4)
    for number in range(5):
        ask(client, f"{ROUND}, please, for the {number}th time")
    failed = len(wanted.requests)
    assert failed == 3
    assert caplog.text.count("is left alone for 30 s. OpenAI failed (500).") == 1

    def later(seconds, *questions):
        with time_machine.travel(began + timedelta(seconds=seconds), tick=True):
            for question in questions:
                ask(client, f"{ROUND} {question}")
        return len(wanted.requests)

    assert later(32, "now", "again") == failed + 1  # the one trial, which fails
    assert later(60, "too soon: the second pause is longer") == failed + 1
    assert later(95, "at last", "for good") == failed + 3
    assert caplog.text.count("is left alone") == 1


def test_the_same_question_about_the_same_mentors_is_asked_once(wanted):
    market()
    ask(api(alice()))
    calls = len(wanted.requests)
    assert calls
    answer = ask(api(mallory()))
    assert len(wanted.requests) == calls
    assert "ordered" in MatchRequest.objects.get(pk=answer["request_id"]).advice
    Mentor.objects.filter(user__name="Ben Angel").update(bio="I have changed.")
    ask(api(alice(email="anna@example.com")))
    assert len(wanted.requests) == calls + 1


def test_the_months_limit_stops_it_and_is_said_once(wanted, settings, caplog):
    # Said in an earlier run, whose Redis this is.
    cache.delete(f"llm:spent:{timezone.now().date().replace(day=1)}")
    settings.LLM_MONTHLY_USD = settings.OPENAI_CHAT_PRICES[0] / 1_000_000  # of one token
    market()
    client = api(alice())
    ask(client)
    calls = len(wanted.requests)
    assert calls == 1
    for number in range(3):
        assert ask(client, f"{ROUND}, {number}")["count"] == 5
    assert len(wanted.requests) == calls
    assert caplog.text.count("is off until the next") == 1


def test_what_it_costs_is_written_down(wanted, settings):
    market()
    ask(api(alice()))
    (books,) = ModelUse.objects.filter(purpose="ordering")
    body = asked_of(wanted, "ordering")[0]
    sent = sum(len(message["content"].encode()) for message in body["messages"])
    assert (books.calls, books.failures, books.tokens_in) == (1, 0, sent)
    price_in, price_out = settings.OPENAI_CHAT_PRICES
    assert books.cost == (sent * price_in + books.tokens_out * price_out) / 1_000_000
    assert books.model_id == f"openai:{body['model']}"
    assert books.month == timezone.now().date().replace(day=1)


def test_an_answer_that_never_came_is_taken_to_be_paid(wanted, settings):
    settings.LLM_BUDGET_MS = int(BUDGET * 1000)
    market()
    wanted.fail_next(*[standin.slow(60)] * 2)
    ask(api(alice()))
    books = ModelUse.objects.get()
    assert books.failures == 1
    assert books.cost > 0


# -- What the console says -------------------------------------------------------------------------
def test_the_console_says_how_the_models_are_doing(wanted, settings):
    market()
    manager = console(carol())

    def page():
        answer = manager.get("/admin/matching/modeluse/")
        assert answer.status_code == 200
        return " ".join(answer.content.decode().split())

    assert "The language model helps." in page()
    ask(api(alice()))
    calls = len(wanted.requests)
    assert f"this month: {calls}, in vain: 0. Cost: 0.00 of 20.00 US dollars" in page()
    wanted.fail_next(standin.out_of_quota())
    ask(api(alice(email="anna@example.com")), f"{ROUND}, please")
    assert re.search(
        r"does not help just now. Left alone for another \d+ s. OpenAI.*s quota", page()
    )
    ProgramSettings.objects.update(language_model_helps=False)
    assert "The language model is off: see Program settings." in page()
    settings.OPENAI_API_KEY = None
    assert "OPENAI_API_KEY is not set" in page()
    assert manager.get("/admin/").content.decode().count("/admin/matching/modeluse/") >= 1
