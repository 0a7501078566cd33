"""A language model's help with a question, where there is one. `model()` is the configured one."""

from __future__ import annotations

import functools
import os

from django.conf import settings

from matching.llm.base import LanguageModel, LanguageModelUnavailable, Prompt, Reply

__all__ = ["LanguageModel", "LanguageModelUnavailable", "Prompt", "Reply", "model"]


def model() -> LanguageModel | None:
    """The model named by OPENAI_CHAT_MODEL, the same object throughout the process; None without a key."""
    if not settings.OPENAI_API_KEY or not settings.OPENAI_CHAT_MODEL:
        return None
    return _openai(
        settings.OPENAI_API_KEY, settings.OPENAI_CHAT_MODEL, settings.OPENAI_BASE_URL or ""
    )


@functools.cache
def _openai(api_key: str, name: str, base_url: str) -> LanguageModel:
    # Imported when it is first needed: the SDK costs a second.
    from matching.llm.openai import OpenAIModel

    return OpenAIModel(api_key=api_key, model=name, base_url=base_url)


# Parent and child of a fork would talk over the same open connections.
os.register_at_fork(after_in_child=_openai.cache_clear)
