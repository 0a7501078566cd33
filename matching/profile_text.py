"""Which text of a mentor's profile is embedded, in which pieces."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

# Words per piece of the bio. Under 60 a piece says too little to be found by; beyond 150 the
# local model's 256 word pieces run out, and one vector averages too many subjects.
FEW_WORDS: Final = 60
MOST_WORDS: Final = 150

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
    """The texts to embed: a summary of the whole profile first, then the bio in pieces.

    Without anything to summarise the bio starts at 0; a blank profile gives []. No chunk is
    blank, and those of the bio hold at most 150 words.
    """
    summary = _summary(profile)
    return [*([summary] if summary else []), *_bio_pieces(profile.bio)]


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


def _bio_pieces(bio: str) -> list[str]:
    """Paragraphs, short ones joined and long ones divided.

    No two neighbours could be joined: either both have 60 words, or together they pass 150.
    """
    pieces: list[str] = []
    for piece in _short_paragraphs(bio):
        if pieces and _belong_together(_words(pieces[-1]), _words(piece)):
            pieces[-1] = f"{pieces[-1]}\n{piece}"
        else:
            pieces.append(piece)
    return pieces


def _belong_together(first: int, second: int) -> bool:
    return min(first, second) < FEW_WORDS and first + second <= MOST_WORDS


def _short_paragraphs(bio: str) -> Iterator[str]:
    """Paragraphs of at most 150 words."""
    for paragraph in map(_stated, PARAGRAPH_BREAK.split(bio)):
        if _words(paragraph) > MOST_WORDS:
            yield from _divided(paragraph)
        elif paragraph:
            yield paragraph


def _divided(paragraph: str) -> Iterator[str]:
    """A long paragraph in parts of about equal length, cut between sentences where possible."""
    parts = math.ceil(_words(paragraph) / MOST_WORDS)
    share = math.ceil(_words(paragraph) / parts)
    current: list[str] = []
    count = 0
    for sentence in _short_sentences(paragraph, share):
        length = _words(sentence)
        # Whichever end is nearer to the share: before this sentence, or after it.
        if current and (count + length > MOST_WORDS or count + length / 2 > share):
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
        if _words(sentence) <= MOST_WORDS:
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
