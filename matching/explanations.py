"""Why a mentor is shown: at most three reasons, each computed from what is true of them. Pure.

What was asked for comes first, then the mentor's own words, then one fact to act on (tags raise
trust most: Gedikli, Jannach, Ge 2014, "How should I explain?"). A reason that cannot be shown to be
true is left out, never phrased more softly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from matching.profile_text import SENTENCE_END
from matching.ranking import NEW_FOR, Tag
from matching.words import Asked, cue, says, stems, telling, tokens

MOST_REASONS: Final = 3
LONGEST_QUOTE: Final = 160  # characters
FEWEST_RATINGS: Final = 3
GOOD_RATING: Final = 4.0

# Without a shared word, a sentence is quoted only from a passage that fits this well (0 to 100).
QUOTABLE_SCORE: Final = 50

# The language settings of people, in the words profiles use.
LANGUAGES: Final = {
    "es": "Spanish", "fr": "French", "de": "German", "pt": "Portuguese", "ar": "Arabic",
    "hi": "Hindi", "zh": "Mandarin", "sw": "Swahili", "ja": "Japanese", "it": "Italian",
    "nl": "Dutch", "pl": "Polish", "tr": "Turkish",
}  # fmt: skip

# These stages are also everyday words ("a good idea"), so they count only beside one of these.
_STAGE_WORDS: Final = ("stage", "round", "phase", "company", "startup")
_EVERYDAY_STAGES: Final = frozenset({"idea", "growth"})


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` is for programs and never changes; `text` is for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What may be said of a mentor. All of it as it is now, not as it was when embedded.

    Attributes:
        passage: the piece of the profile nearest to the question.
        score: 0 to 100, see ranking.
        next_slot: the first start that this viewer can really book.
    """

    tags: Sequence[Tag] = ()
    industries: Sequence[str] = ()
    stages: Sequence[str] = ()
    languages: Sequence[str] = ()
    headline: str = ""
    bio: str = ""
    passage: str = ""
    score: int = 0
    next_slot: datetime | None = None
    rating_total: int = 0
    rating_count: int = 0
    sessions_held: int = 0
    joined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who reads it: their zone, and what their own profile says."""

    now: datetime
    zone: ZoneInfo
    language: str = "en"
    stage: str = ""
    industry: str = ""


def explain(asked: Asked, facts: Facts, viewer: Viewer) -> tuple[Reason, ...]:
    """The three best reasons there are, or fewer."""
    return tuple(list(_reasons(asked, facts, viewer))[:MOST_REASONS])


def _reasons(asked: Asked, facts: Facts, viewer: Viewer) -> Iterator[Reason]:
    found = (
        _expertise(asked, facts),
        _quote(asked, facts),
        _language(facts, viewer),
        _next_slot(facts, viewer),
        _rating(facts),
        _industry(asked, facts, viewer),
        _stage(asked, facts, viewer),
        _new(facts, viewer),
    )
    return (reason for reason in found if reason is not None)


def _expertise(asked: Asked, facts: Facts) -> Reason | None:
    named: list[str] = []
    for tag in facts.tags:
        named += [name for name in (tag.area, tag.sub_area) if name and says(asked, name)]
    named = list(dict.fromkeys(named))[:2]
    if named:
        return Reason("expertise", f"Knows {' and '.join(named)}, which you asked for")
    for tag in facts.tags:
        meant = cue(asked, tag.area)
        if meant:
            return Reason("expertise", f"Knows {tag.area}: you mention “{meant}”")
    return None


# "I don't find investors", "I'm no pricing expert": true words, and a reason against.
DISCLAIMS: Final = re.compile(
    r"\b(don['\u2019]t|won['\u2019]t|can['\u2019]t|cannot|didn['\u2019]t|do not|will not|not an?|no longer|never (learn|rais|work|sold|"
    r"built|hired|did|had)\w*|I['\u2019]m (not|no)|nothing to do with|not the person|ask someone else)\b",
    re.IGNORECASE,
)


def _quote(asked: Asked, facts: Facts) -> Reason | None:
    """The mentor's own sentence that shares most with the question."""
    wanted = telling(asked.stems)
    near = " ".join(facts.passage.split())
    best, best_value = "", 0.0
    for sentence in sentences(facts.bio) or sentences(facts.headline):
        if DISCLAIMS.search(sentence):
            continue
        shared = len(wanted & set(stems(sentence)))
        is_near = sentence in near
        # One shared word may be chance. Two, or one within the passage that the vectors found, are
        # not; a long sentence shares more by its length alone.
        enough = shared >= 2 or (is_near and (shared == 1 or facts.score >= QUOTABLE_SCORE))
        value = (shared + 0.5 * is_near + 0.1) / (1 + len(sentence) / 400)
        if enough and value > best_value:
            best, best_value = sentence, value
    return Reason("quote", f"“{shortened(best)}”") if best else None


def _language(facts: Facts, viewer: Viewer) -> Reason | None:
    language = LANGUAGES.get(viewer.language.partition("-")[0].lower(), "")
    if language and language in facts.languages:
        return Reason("language", f"Speaks {language}")
    return None


def _next_slot(facts: Facts, viewer: Viewer) -> Reason | None:
    if facts.next_slot is None:
        return None
    local = facts.next_slot.astimezone(viewer.zone)
    return Reason("next_slot", f"Free {local:%a} {local.day} {local:%b, %H:%M} your time")


def _rating(facts: Facts) -> Reason | None:
    if facts.rating_count < FEWEST_RATINGS:
        return None
    mean = facts.rating_total / facts.rating_count
    if mean < GOOD_RATING:
        return None
    return Reason("rating", f"Rated {mean:.1f} of 5 by {facts.rating_count} founders")


def _industry(asked: Asked, facts: Facts, viewer: Viewer) -> Reason | None:
    for industry in facts.industries:
        if says(asked, industry):
            return Reason("industry", f"Knows {industry}, which you mention")
    own = _same(viewer.industry, facts.industries)
    return Reason("industry", f"Knows {own}, your industry") if own else None


def _stage(asked: Asked, facts: Facts, viewer: Viewer) -> Reason | None:
    for stage in facts.stages:
        if mentions_stage(asked, stage):
            return Reason("stage", f"Works with founders at {stage}, which you mention")
    own = _same(viewer.stage, facts.stages)
    return Reason("stage", f"Works with founders at {own}, your stage") if own else None


def _new(facts: Facts, viewer: Viewer) -> Reason | None:
    if facts.sessions_held or viewer.now - facts.joined_at > NEW_FOR:
        return None
    return Reason("new", "New here, with no sessions yet")


def mentions_stage(asked: Asked, stage: str) -> bool:
    """Whether the question names the stage: its words in a row, and "seed" not within "pre-seed"."""
    words, wanted = tokens(" ".join(asked.written)), tokens(stage)
    for start in range(len(words) - len(wanted) + 1):
        end = start + len(wanted)
        if words[start:end] != wanted or (start and words[start - 1] == "pre"):
            continue
        if stage.casefold() not in _EVERYDAY_STAGES or words[end : end + 1] in [
            (word,) for word in _STAGE_WORDS
        ]:
            return bool(wanted)
    return False


def sentences(text: str) -> list[str]:
    """The sentences of a text, each on one line."""
    paragraphs = text.splitlines()
    found = [" ".join(part.split()) for line in paragraphs for part in SENTENCE_END.split(line)]
    return [sentence for sentence in found if len(tokens(sentence)) >= 3]


def shortened(sentence: str) -> str:
    """At most 160 characters, cut between words and then marked with an ellipsis."""
    if len(sentence) <= LONGEST_QUOTE:
        return sentence
    cut = sentence[: LONGEST_QUOTE - 1]
    return f"{cut.rpartition(' ')[0] or cut} …"


def _same(word: str, among: Sequence[str]) -> str:
    """`word` as it stands in the list, whatever its case; or ""."""
    return next((item for item in among if word and item.casefold() == word.casefold()), "")
