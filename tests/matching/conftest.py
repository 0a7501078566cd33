from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from accounts.models import ProgramSettings
from matching import llm, usage
from tests.matching.advised import told
from tests.standins.openai import OpenAIStandIn


@pytest.fixture
def chat_server(settings) -> Iterator[OpenAIStandIn]:
    """A language model of one's own, which agrees with everything until it is told otherwise."""
    with OpenAIStandIn() as server:
        settings.OPENAI_API_KEY = "sk-test"
        settings.OPENAI_BASE_URL = server.base_url
        # Another model is another breaker, and nothing kept of its answers.
        settings.OPENAI_CHAT_MODEL = f"chat-{uuid.uuid4()}"
        settings.LLM_BUDGET_MS = 20_000
        usage.take()
        server.chat = told()
        llm.model()  # as the web server does: reading the SDK takes a second
        yield server


@pytest.fixture
def wanted(chat_server):
    """The same, in a program that wants its help."""
    ProgramSettings.objects.create(language_model_helps=True)
    return chat_server
