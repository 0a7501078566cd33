"""Words of a question against words of a profile: what explanations may claim. Pure.

Deliberately cautious: a claim that is not true costs more trust than one that is missing.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

WORD: Final = re.compile(r"\w+")

# Words that say nothing of what is asked for, beside those shorter than two letters.
STOP: Final = frozenset(
    """
    a about after again all also am an and any anybody anyone are around as ask at be because been
    before being best better between both but by can cannot could did do does doing done each else
    even ever every few find first for from get getting give go going good got great had has have
    having he help helped helping her here him his how i if in into is it its just keep know last
    learn less let like little look looking lot made make making many may me mentor mentors might
    more most much must my need needed needs never new next no not now of off on once one only or
    other our ours out over own people person please put really right same say see set she should
    so some somebody someone something start still such take talk tell than that the their them
    then there these they thing things think this those through time to too try trying two under
    until up us use used using very want wanted was way we well were what when where whether which
    while who why will with within without work worked working would you your
    """.split()  # noqa: SIM905 - words read better than a column of quotes
)

# "first" and "new" matter inside a tag ("First institutional round"), though not by themselves.
_INSIDE_TAGS: Final = frozenset({"first", "new", "own", "next", "start", "people", "one", "two"})

_WHOLE: Final = frozenset(
    """
    marketing engineering fundraising accounting manufacturing pricing hiring branding banking
    business process series sales news analytics operations international
    """.split()  # noqa: SIM905
)

# Ways to say one thing. Each side is a stem.
_SAME: Final = {
    "intro": "introduction",
    "intros": "introduction",
    "vc": "investor",
    "vcs": "investor",
    "hire": "hiring",
    "hired": "hiring",
    "hires": "hiring",
    "recruit": "recruiting",
    "recruitment": "recruiting",
    "price": "pricing",
    "prices": "pricing",
    "fundraise": "fundraising",
    "fundraiser": "fundraising",
    "sell": "sales",
    "selling": "sales",
    "sale": "sales",
    "legally": "legal",
}

# What people write when they mean an area without naming it. Phrases, compared by stems.
_CUES: Final = {
    "fundraising": (
        "raise", "raising", "raised", "funding round", "seed round", "institutional round",
        "investor", "term sheet", "venture capital", "pitch deck", "cap table",
    ),
    "go-to-market": ("gtm", "go to market", "first customers", "find customers", "launch"),
    "sales": ("sales", "closing deals"),
    "marketing": ("brand", "seo", "advertising", "newsletter"),
    "product": ("product manager", "product roadmap", "product market fit", "product strategy"),
    "engineering": ("cto", "codebase", "technical debt", "software architecture", "developers"),
    "data & ai": ("ai", "machine learning", "data science", "data scientist", "ml", "llm"),
    "hiring": ("hiring", "recruiting", "job offer"),
    "leadership": ("delegate", "cofounder", "co founder", "my team"),
    "legal": ("lawyer", "contract", "gdpr", "trademark", "patent"),
    "finance": ("cash flow", "accounting", "financial model", "unit economics", "runway"),
    "operations": ("supply chain", "logistics", "warehouse"),
    "international": ("abroad", "another country", "new country", "expand to"),
    "design": ("ux", "user research", "usability"),
    "security": ("soc 2", "iso 27001", "penetration test"),
    "sustainability": ("carbon", "emissions"),
    "health regulation": ("fda", "ce mark", "mdr", "medical device"),
    "hardware": ("manufacturing", "prototype", "factory"),
}  # fmt: skip

# Tags that are also everyday words: "our product sells well" does not ask for product management.
_VAGUE: Final = frozenset({"product", "growth", "idea", "consumer", "media", "food"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as stems, in order, with the words as they were written."""

    stems: tuple[str, ...]
    written: tuple[str, ...]

    @property
    def is_short(self) -> bool:
        """Nothing but a tag or two: then every word of it is meant."""
        return len(self.stems) <= 3


@functools.lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[str, ...]:
    """The words of a text, lower case and without accents."""
    if text.isascii():  # the same, ten times as fast
        return tuple(WORD.findall(text.lower()))
    bare = unicodedata.normalize("NFKD", text.casefold())
    return tuple(WORD.findall("".join(c for c in bare if not unicodedata.combining(c))))


@functools.lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A light stemmer: plural, past and -ing endings only, so that few different words meet."""
    word = _SAME.get(word, word)
    if word in _WHOLE or len(word) < 4 or word.isdigit():
        return word
    if not word.endswith(("ss", "us", "is")):
        for ending, rest in (("ies", "y"), ("ing", ""), ("ed", ""), ("s", "")):
            if word.endswith(ending) and len(word) > len(ending) + 2:
                word = word.removesuffix(ending) + rest
                break
    # "raise", "raised" and "raising" meet only without their last e.
    bare = word.removesuffix("e") if len(word) > 4 else word
    return _SAME.get(bare, bare)


_SILENT: Final = STOP | {stem(word) for word in STOP}


@functools.lru_cache(maxsize=512)
def asked(question: str) -> Asked:
    # Stem and word must stay side by side, and a word may fold to none (a lone accent).
    pairs = [(stem(folded[0]), word) for word in WORD.findall(question) if (folded := tokens(word))]
    return Asked(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


@functools.lru_cache(maxsize=8192)
def stems(text: str) -> tuple[str, ...]:
    return tuple(stem(token) for token in tokens(text))


def says(question: Asked, tag: str) -> bool:
    """Whether the question has every word of the tag that carries meaning."""
    wanted = _wanted(tag)
    if not wanted or not wanted.issubset(question.stems):
        return False
    if len(wanted) == 1 and tag.casefold() in _VAGUE:
        return question.is_short
    return True


@functools.lru_cache(maxsize=8192)
def _wanted(tag: str) -> frozenset[str]:
    """The words of a tag that carry meaning; none if they are all silent by themselves."""
    words = frozenset(word for word in stems(tag) if word not in _SILENT or word in _INSIDE_TAGS)
    return words if telling(words) else frozenset()


@functools.lru_cache(maxsize=4096)
def cue(question: Asked, area: str) -> str:
    """The words of the question that mean this area without naming it, as written; or ""."""
    for phrase in _CUES.get(area.casefold(), ()):
        wanted = stems(phrase)
        for start in range(len(question.stems) - len(wanted) + 1):
            if question.stems[start : start + len(wanted)] == wanted:
                return " ".join(question.written[start : start + len(wanted)])
    return ""


def telling(words: Iterable[str]) -> set[str]:
    """The stems that carry meaning."""
    return {word for word in words if len(word) > 1 and word not in _SILENT}
