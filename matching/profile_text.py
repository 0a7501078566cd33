"""Which text of a mentor's profile is embedded, in which pieces."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

# A paragraph of fewer words says too little to be found by, and joins its neighbour.
FEW_WORDS: Final = 60

# What the local model reads at once: 190 words of English are about its 256 word pieces.
WINDOW: Final = 190

# Chinese and Japanese put no blanks between words: there each character counts as one, which is
# also what it costs the model.
WORD: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|"
    r"[^\s\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+"
)
PARAGRAPH_BREAK: Final = re.compile(r"(?:\r\n|\r|\n)+")
# The last three are the full-width forms, which no blank follows.
SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])\s*")

ENDED: Final = re.compile(r"[.!?\u3002\uff01\uff1f]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileText:
    """What a profile says in words.

    `languages` is carried for the lexical index and the filters; it is not embedded, for nearly
    everyone speaks English, and what nearly everyone shares only moves profiles closer together.
    """

    headline: str = ""
    bio: str = ""
    title: str = ""
    company: str = ""
    expertise: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


def chunks(profile: ProfileText) -> list[str]:
    """The texts that get a vector: the whole profile, its summary, and the bio by paragraphs.

    Each is a view of its own: the whole says what a person is about, the summary what they call
    themselves, and a paragraph is one subject, so that someone who wrote about many things is found
    by each. A paragraph stays one chunk however long it is (see `windows`): otherwise long texts
    would have more votes than short ones about the same.

    No chunk is blank or given twice; a blank profile gives [].
    """
    summary = _summary(profile)
    paragraphs = [line for line in map(_stated, PARAGRAPH_BREAK.split(profile.bio)) if line]
    whole = "\n".join([summary, *paragraphs] if summary else paragraphs)
    views = [whole, summary, *_joined(paragraphs, least=FEW_WORDS)]
    return list(dict.fromkeys(view for view in views if view))


def windows(text: str) -> list[str]:
    """A text in stretches of at most 190 words, which is what a model can read at once.

    Cut between paragraphs where that is enough, else between sentences into about equal parts. The
    vector of a text is the mean of its windows'. A text without words is one window.
    """
    pieces = [piece for line in PARAGRAPH_BREAK.split(text) for piece in _divided(line)]
    return _joined(pieces, least=WINDOW) or [text]


def source_hash(text: str, model_id: str) -> str:
    """64 hex digits that change when a chunk's text or the model does: the vector is stale."""
    return hashlib.sha256(f"{model_id}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()


def _summary(profile: ProfileText) -> str:
    """Headline. Title at company. Expertise, industries and stages as labelled lists."""
    headline = _stated(profile.headline)
    role = " at ".join(filter(None, (_stated(profile.title), _stated(profile.company))))
    if role.casefold() in headline.casefold():  # "CFO at Acme" twice would count double
        role = ""
    parts = [
        headline,
        role,
        _labelled("Expertise", profile.expertise),
        _labelled("Industries", profile.industries),
        _labelled("Stages", profile.stages),
    ]
    return " ".join(part if ENDED.search(part) else f"{part}." for part in parts if part)


def _labelled(label: str, values: Sequence[str]) -> str:
    named = ", ".join(filter(None, map(_stated, values)))
    return f"{label}: {named}" if named else ""


def _joined(pieces: Sequence[str], *, least: int) -> list[str]:
    """Neighbours put together while one of them has fewer words than `least` and both fit a window.

    Afterwards no two neighbours could be joined.
    """
    joined: list[str] = []
    for piece in filter(None, pieces):
        if joined and _belong_together(_words(joined[-1]), _words(piece), least):
            joined[-1] = f"{joined[-1]}\n{piece}"
        else:
            joined.append(piece)
    return joined


def _belong_together(first: int, second: int, least: int) -> bool:
    return min(first, second) < least and first + second <= WINDOW


def _divided(paragraph: str) -> Iterator[str]:
    """A long paragraph in parts of about equal length, cut between sentences where possible."""
    length = _words(paragraph)
    if length <= WINDOW:
        yield _one_line(paragraph)
        return
    share = math.ceil(length / math.ceil(length / WINDOW))
    current: list[str] = []
    count = 0
    for sentence in _short_sentences(paragraph, share):
        length = _words(sentence)
        # Whichever end is nearer to the share: before this sentence, or after it.
        if current and (count + length > WINDOW or count + length / 2 > share):
            yield _one_line("".join(current))
            current, count = [], 0
        current.append(sentence)
        count += length
    yield _one_line("".join(current))


def _short_sentences(paragraph: str, share: int) -> Iterator[str]:
    """Sentences with the blanks that follow them; one that is too long is cut between words."""
    start = 0
    for end in [*(found.end() for found in SENTENCE_END.finditer(paragraph)), len(paragraph)]:
        sentence = paragraph[start:end]
        start = end
        if _words(sentence) <= WINDOW:
            yield sentence
        else:
            firsts = [found.start() for found in WORD.finditer(sentence)][::share]
            for left, right in zip(firsts, [*firsts[1:], len(sentence)], strict=True):
                yield sentence[left:right]


def _words(text: str) -> int:
    return sum(1 for _ in WORD.finditer(text))


def _stated(text: str) -> str:
    """`text` on one line, or "" if it holds no word: people fill a box with "-" to be rid of it."""
    return _one_line(text) if re.search(r"\w", text) else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
