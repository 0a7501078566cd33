"""The models that matching uses, and what they may cost: in time and in money."""

from __future__ import annotations

from config import environment
from config.environment import ConfigurationError
from config.settings import checked

OPENAI_API_KEY = environment.text("OPENAI_API_KEY")
OPENAI_BASE_URL = environment.url("OPENAI_BASE_URL", "https://api.openai.com/v1", checked.WEB)
OPENAI_CHAT_MODEL = environment.text("OPENAI_CHAT_MODEL", "gpt-4o-mini")
EMBEDDING_BACKEND = environment.choice(
    "EMBEDDING_BACKEND",
    ["openai", "minilm", "hashing"],
    "openai" if OPENAI_API_KEY else "minilm",
)
if EMBEDDING_BACKEND == "openai" and not OPENAI_API_KEY:
    raise ConfigurationError(
        "EMBEDDING_BACKEND is openai but OPENAI_API_KEY is not set. Set the key, or choose minilm, "
        "which needs none."
    )
VECTOR_INDEX = environment.choice("VECTOR_INDEX", ["vector", "halfvec"], "vector")

# How long an answer may wait for others in all, in milliseconds: for the question's vector, and for a
# language model. Both count from the start of the request.
EMBEDDING_BUDGET_MS = environment.integer("EMBEDDING_BUDGET_MS", 1_500, 50, 30_000)
LLM_BUDGET_MS = environment.integer("LLM_BUDGET_MS", 1_500, 50, 30_000)

# US dollars: the language model's limit for a month, and what a million tokens cost.
(LLM_MONTHLY_USD,) = checked.amounts("LLM_MONTHLY_USD", "20")
OPENAI_CHAT_PRICES = checked.amounts("OPENAI_CHAT_PRICES", "0.15,0.60")  # in, out
(OPENAI_EMBEDDING_PRICE,) = checked.amounts("OPENAI_EMBEDDING_PRICE", "0.02")
