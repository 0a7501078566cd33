"""Why a mentor is shown: at most three reasons, each computed from a signal that moved this mentor. Pure.

What was asked for comes first, then the mentor's own words, then a fact to act on (tags raise
trust most: Gedikli, Jannach, Ge 2014, "How should I explain?"). A reason that cannot be shown to be
true is left out, never phrased more softly; so is one whose signal added nothing here, true or not: it
would be a plausible story, and not the reason (Guesmi et al. 2023, arXiv 2305.17034).

A signal is what ranking added to this mentor's value by that name, or one of those below.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.utils.formats import number_format
from django.utils.translation import gettext as _, ngettext

from accounts.dates import date_format
from matching.profile_text import SENTENCE_END
from matching.ranking import NEW_FOR, Tag
from matching.words import Asked, cue, says, stems, telling, tokens

MOST_REASONS: Final = 3
LONGEST_QUOTE: Final = 160  # characters
FEWEST_RATINGS: Final = 3
FEWEST_REQUESTS: Final = 5
GOOD_RATING: Final = 4.0

# Without a shared word, a sentence is quoted only from a passage that fits this well (0 to 100).
QUOTABLE_SCORE: Final = 50

# Signals beside the parts of a value. Relevance is the sum of two, which reasons tell apart.
MEANING: Final = "meaning"  # the vectors' part
WORDS: Final = "words"  # BM25's part
ROOM: Final = "room"  # who can be booked comes before who cannot
SPARE_TIME: Final = "spare_time"  # load and deficit together moved the mentor up
EXPLORED: Final = "explored"  # in the place that is kept for somebody new
FILTER: Final = "filter"  # nobody without it is in this list
LANGUAGE: Final = "language"  # the one thing said that moves nobody: whether they can talk at all

# The language settings of people, in the words profiles use.
LANGUAGES: Final = {
    "es": "Spanish", "fr": "French", "de": "German", "pt": "Portuguese", "ar": "Arabic",
    "hi": "Hindi", "zh": "Mandarin", "sw": "Swahili", "ja": "Japanese", "it": "Italian",
    "nl": "Dutch", "pl": "Polish", "tr": "Turkish",
}  # fmt: skip

# These stages are also everyday words ("a good idea"), so they count only beside one of these.
_STAGE_WORDS: Final = ("stage", "round", "phase", "company", "startup")
_EVERYDAY_STAGES: Final = frozenset({"idea", "growth"})


class Reason(NamedTuple):
    """`code` is for programs and never changes; `text` is for people; `signal` is what it comes from."""

    code: str
    text: str
    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What may be said of a mentor. All of it as it is now, not as it was when embedded.

    Attributes:
        signals: what each added to this mentor in this list, by name; what is not there added nothing.
        passage: the piece of the profile nearest to the question.
        score: 0 to 100, see ranking.
        starts: the next ones that this viewer can really book, in order.
        connection: see ranking.Candidate.
    """

    signals: Mapping[str, float] = field(default_factory=dict)
    tags: Sequence[Tag] = ()
    industries: Sequence[str] = ()
    stages: Sequence[str] = ()
    languages: Sequence[str] = ()
    company: str = ""
    headline: str = ""
    bio: str = ""
    passage: str = ""
    score: int = 0
    starts: Sequence[datetime] = ()
    rating_total: int = 0
    rating_count: int = 0
    requests: int = 0
    accepted: int = 0
    connection: str = ""
    sessions_held: int = 0
    joined_at: datetime

    def moved_by(self, *names: str) -> str:
        """The first of these signals that added something; or ""."""
        return next((name for name in names if self.signals.get(name, 0.0) > 0), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who reads it: their zone and language, and the limits that they set."""

    now: datetime
    zone: ZoneInfo
    language: str = "en"
    industries: Sequence[str] = ()
    stages: Sequence[str] = ()
    languages: Sequence[str] = ()


def explain(asked: Asked, facts: Facts, viewer: Viewer) -> tuple[Reason, ...]:
    """The three best reasons there are, or fewer."""
    return tuple(islice(_reasons(asked, facts, viewer), MOST_REASONS))


def _reasons(asked: Asked, facts: Facts, viewer: Viewer) -> Iterator[Reason]:
    """The best first. Each is looked for when the ones before did not suffice."""
    look: tuple[Callable[[], Reason | None], ...] = (
        lambda: _expertise(asked, facts),
        lambda: _quote(asked, facts),
        # Why somebody is here who was not just the best fit is never the reason that finds no room.
        lambda: _explored(facts),
        lambda: _spare_time(facts, viewer),
        lambda: _language(facts, viewer),
        lambda: _connection(facts),
        lambda: _next_slot(facts, viewer),
        lambda: _rating(facts),
        lambda: _industry(asked, facts, viewer),
        lambda: _stage(asked, facts, viewer),
        lambda: _acceptance(facts),
        lambda: _new(facts, viewer),
    )
    for reason in look:
        if (found := reason()) is not None:
            yield found


def _reason(code: str, text: str, signal: str) -> Reason | None:
    return Reason(code, text, signal) if signal else None


def _expertise(asked: Asked, facts: Facts) -> Reason | None:
    named: list[str] = []
    for tag in facts.tags:
        named += [name for name in (tag.area, tag.sub_area) if name and says(asked, name)]
    named = list(dict.fromkeys(named))[:2]
    if named:
        text = _("Knows %(what)s, which you asked for") % {"what": _joined(named)}
        return _reason("expertise", text, facts.moved_by("expertise", WORDS))
    for tag in facts.tags:
        meant = cue(asked, tag.area)
        if meant:
            text = _("Knows %(what)s: you mention “%(meant)s”") % {"what": tag.area, "meant": meant}
            return _reason("expertise", text, facts.moved_by(MEANING, WORDS))
    return None


def _joined(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return _("%(first)s and %(second)s") % {"first": names[0], "second": names[1]}


# "I don't find investors", "I'm no pricing expert": true words, and a reason against.
DISCLAIMS: Final = re.compile(
    r"\b(don['\u2019]t|won['\u2019]t|can['\u2019]t|cannot|didn['\u2019]t|do not|will not|not an?|no longer|never (learn|rais|work|sold|"
    r"built|hired|did|had)\w*|I['\u2019]m (not|no)|nothing to do with|not the person|ask someone else)\b",
    re.IGNORECASE,
)


@functools.lru_cache(maxsize=16_384)
def disclaims(sentence: str) -> bool:
    """Whether it says what this mentor does not do."""
    return DISCLAIMS.search(sentence) is not None


def _quote(asked: Asked, facts: Facts) -> Reason | None:
    """The mentor's own sentence that shares most with the question."""
    by_words, by_meaning = facts.moved_by(WORDS), facts.moved_by(MEANING)
    wanted = telling(asked.stems) if by_words else set()
    near = " ".join(facts.passage.split()) if by_meaning else ""
    best, best_value, signal = "", 0.0, ""
    for sentence in sentences(facts.bio) or sentences(facts.headline):
        if disclaims(sentence):
            continue
        shared = len(wanted.intersection(stems(sentence)))
        is_near = sentence in near
        # One shared word may be chance. Two, or one within the passage that the vectors found, are
        # not; a long sentence shares more by its length alone.
        enough = shared >= 2 or (is_near and (shared == 1 or facts.score >= QUOTABLE_SCORE))
        value = (shared + 0.5 * is_near + 0.1) / (1 + len(sentence) / 400)
        if enough and value > best_value:
            best, best_value, signal = sentence, value, by_words if shared >= 2 else by_meaning
    return _reason("quote", f"“{shortened(best)}”", signal)


def _explored(facts: Facts) -> Reason | None:
    signal = facts.moved_by(EXPLORED)
    if facts.sessions_held or not signal:
        return None
    return Reason("new", _("Shown here because they are new, with no sessions yet"), signal)


def _spare_time(facts: Facts, viewer: Viewer) -> Reason | None:
    """That free hours decided is said plainly, wherever they did."""
    signal = facts.moved_by(SPARE_TIME)
    if not facts.starts or not signal:
        return None
    if facts.starts[0] < _end_of_week(viewer):
        return Reason("room", _("Shown partly because they have room this week"), signal)
    return Reason("room", _("Shown partly because they have free time"), signal)


def _end_of_week(viewer: Viewer) -> datetime:
    """Monday's midnight, on the viewer's clock."""
    today = viewer.now.astimezone(viewer.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=7 - today.weekday())


def _language(facts: Facts, viewer: Viewer) -> Reason | None:
    asked_for = _first_of(viewer.languages, facts.languages)
    if asked_for:
        text = _("Speaks %(language)s, as you asked") % {"language": _(asked_for)}
        return _reason("language", text, facts.moved_by(FILTER))
    own = _first_of([LANGUAGES.get(viewer.language.partition("-")[0].lower(), "")], facts.languages)
    if not own:
        return None
    text = _("Speaks %(language)s") % {"language": _(own)}
    return _reason("language", text, facts.moved_by(LANGUAGE))


def _connection(facts: Facts) -> Reason | None:
    if facts.connection == "met":
        text = _("Has met somebody else of your company here")
    elif facts.connection == "named" and facts.company:
        text = _("Is at %(company)s, which your profile names") % {"company": facts.company}
    else:
        return None
    return _reason("connection", text, facts.moved_by("connection"))


def _next_slot(facts: Facts, viewer: Viewer) -> Reason | None:
    signal = facts.moved_by("availability", ROOM)
    if not facts.starts or not signal:
        return None
    local = date_format(facts.starts[0].astimezone(viewer.zone), "D j M, H:i")
    text = _("Free %(time)s your time") % {"time": local}
    return Reason("next_slot", text, signal)


def _rating(facts: Facts) -> Reason | None:
    if facts.rating_count < FEWEST_RATINGS:
        return None
    mean = facts.rating_total / facts.rating_count
    if mean < GOOD_RATING:
        return None
    text = ngettext(
        "Rated %(mean)s of 5 after %(count)s session",
        "Rated %(mean)s of 5 after %(count)s sessions",
        facts.rating_count,
    ) % {"mean": number_format(round(mean, 1), 1), "count": facts.rating_count}
    return _reason("rating", text, facts.moved_by("rating"))


def _acceptance(facts: Facts) -> Reason | None:
    if facts.requests < FEWEST_REQUESTS:
        return None
    text = _("Said yes to %(accepted)s of %(requests)s requests") % {
        "accepted": facts.accepted,
        "requests": facts.requests,
    }
    return _reason("acceptance", text, facts.moved_by("acceptance"))


def _industry(asked: Asked, facts: Facts, viewer: Viewer) -> Reason | None:
    named = next((word for word in facts.industries if says(asked, word)), "")
    if named and (signal := facts.moved_by(WORDS)):
        text = _("Knows %(industry)s, which you mention") % {"industry": named}
        return Reason("industry", text, signal)
    asked_for = _first_of(viewer.industries, facts.industries)
    if not asked_for:
        return None
    text = _("Knows %(industry)s, as you asked") % {"industry": asked_for}
    return _reason("industry", text, facts.moved_by(FILTER))


def _stage(asked: Asked, facts: Facts, viewer: Viewer) -> Reason | None:
    named = next((stage for stage in facts.stages if mentions_stage(asked, stage)), "")
    if named and (signal := facts.moved_by(WORDS)):
        text = _("Works with founders at %(stage)s, which you mention") % {"stage": named}
        return Reason("stage", text, signal)
    asked_for = _first_of(viewer.stages, facts.stages)
    if not asked_for:
        return None
    text = _("Works with founders at %(stage)s, as you asked") % {"stage": asked_for}
    return _reason("stage", text, facts.moved_by(FILTER))


def _new(facts: Facts, viewer: Viewer) -> Reason | None:
    if facts.sessions_held or viewer.now - facts.joined_at > NEW_FOR or facts.moved_by(EXPLORED):
        return None
    # Having had no sessions is what a deficit is.
    return _reason("new", _("New here, with no sessions yet"), facts.moved_by("deficit"))


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


# The same profiles are shown again and again, and reading one takes longer than all that is asked of it.
@functools.lru_cache(maxsize=4096)
def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text, each on one line."""
    paragraphs = text.splitlines()
    found = [" ".join(part.split()) for line in paragraphs for part in SENTENCE_END.split(line)]
    return tuple(sentence for sentence in found if len(tokens(sentence)) >= 3)


def shortened(sentence: str) -> str:
    """At most 160 characters, cut between words and then marked with an ellipsis."""
    if len(sentence) <= LONGEST_QUOTE:
        return sentence
    cut = sentence[: LONGEST_QUOTE - 1]
    return f"{cut.rpartition(' ')[0] or cut} …"


def _first_of(wanted: Sequence[str], among: Sequence[str]) -> str:
    """The first wanted word that is in the list, as it stands there, whatever its case; or ""."""
    known = {word.casefold(): word for word in reversed(among)}
    return next((known[word.casefold()] for word in wanted if word.casefold() in known), "")
