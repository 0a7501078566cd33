"""Synthetic mentors for load work: sentences, tags and vectors of the hand-written ones, mixed anew.

Pure: no database, no clock.
"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from matching.profile_text import ProfileText, chunks
from sessions_app.hours import windows_of

SENTENCE = re.compile(r"(?<=[.!?])\s+")
WEEKS: Final = 4
# What is of one person alone: 0.98 cosine to the mixture. More would be unlike any text, because real
# vectors of one subject differ in few directions, and noise in all.
NOISE: Final = 0.2
SPOKEN: Final = (("Icelandic", 0.01), ("Hungarian", 0.1), ("Esperanto", 0.5))


@dataclass(frozen=True, slots=True)
class Synthetic:
    """One made-up mentor, ready to be written."""

    number: int
    user_id: uuid.UUID
    mentor_id: uuid.UUID
    name: str
    time_zone: str
    profile: ProfileText
    skills: tuple[dict[str, Any], ...]
    session_minutes: int
    weekly_load_cap: int
    windows: tuple[tuple[datetime, datetime], ...]
    # Whose vectors to mix, and how much of the first.
    parents: tuple[str, str]
    share: float

    @property
    def email(self) -> str:
        return f"load-{self.number}@example.com"


@dataclass(frozen=True, slots=True)
class _Hours:
    weekday: int
    starts: time
    ends: time
    starts_on: date
    every_n_weeks: int = 1
    ends_on: date | None = None


class Maker:
    """Makes mentor number n, always the same one for the same n and day."""

    def __init__(self, records: Sequence[dict[str, Any]], *, today: date) -> None:
        self.records = records
        self.today = today
        self.sentences = [SENTENCE.split(record["bio"]) for record in records]
        self.names = [record["name"].partition(" ") for record in records]
        self.alike = [
            [other for other, row in enumerate(records) if _areas(row) & _areas(record)]
            for record in records
        ]

    def make(self, number: int) -> Synthetic:
        chance = random.Random(number)  # noqa: S311
        one = chance.randrange(len(self.records))
        # Mostly of the same trade, so that areas keep their shape; some are of two trades.
        other = chance.choice(
            self.alike[one] if chance.random() < 0.7 else range(len(self.records))
        )
        first, second = self.records[one], self.records[other]
        skills = _skills(chance, first, second)
        minutes = int(first["session_minutes"])
        zone = chance.choice((first, second))["time_zone"]
        return Synthetic(
            number=number,
            user_id=uuid.UUID(bytes=chance.randbytes(16), version=4),
            mentor_id=uuid.UUID(bytes=chance.randbytes(16), version=4),
            name=f"{chance.choice(self.names)[0]} {chance.choice(self.names)[2]}",
            time_zone=zone,
            profile=ProfileText(
                headline=f"{first['headline']}; also {second['expertise'][0]['sub_area'].lower()}"[
                    :200
                ],
                bio=self._bio(chance, one, other),
                title=first["title"],
                company=second["company"],
                expertise=tuple(
                    dict.fromkeys(
                        name for skill in skills for name in (skill["area"], skill["sub_area"])
                    )
                ),
                industries=_some(chance, first["industries"] + second["industries"]),
                stages=_some(chance, first["stages"] + second["stages"]),
                languages=(*first["languages"], *_rarer(chance)),
            ),
            skills=skills,
            session_minutes=minutes,
            weekly_load_cap=chance.choice((2, 3, 4, 5, 6)),
            windows=self._windows(chance, zone),
            parents=(first["email"], second["email"]),
            share=chance.uniform(0.5, 0.9),
        )

    def _bio(self, chance: random.Random, one: int, other: int) -> str:
        mine, theirs = self.sentences[one], self.sentences[other]
        picked = chance.sample(mine, min(7, len(mine))) + chance.sample(theirs, min(5, len(theirs)))
        return " ".join(picked)

    def _windows(self, chance: random.Random, zone: str) -> tuple[tuple[datetime, datetime], ...]:
        days = chance.sample(range(5), 1 if chance.random() < 0.7 else 2)
        # One window a day at most, so that none of a mentor's can overlap.
        return tuple(
            window
            for day in sorted(days)
            for window in _expanded(zone, day, chance.randrange(8, 18), self.today)
        )


@cache
def _expanded(
    zone: str, weekday: int, hour: int, today: date
) -> tuple[tuple[datetime, datetime], ...]:
    hours = _Hours(weekday, time(hour), time(hour + 2), today)
    tomorrow = today + timedelta(days=1)
    return tuple(windows_of(hours, ZoneInfo(zone), tomorrow, tomorrow + timedelta(weeks=WEEKS)))


def _areas(record: dict[str, Any]) -> set[str]:
    return {skill["area"] for skill in record["expertise"]}


def _skills(
    chance: random.Random, first: dict[str, Any], second: dict[str, Any]
) -> tuple[dict[str, Any], ...]:
    mine = chance.sample(first["expertise"], min(2, len(first["expertise"])))
    found = {(s["area"].lower(), s["sub_area"].lower()): s for s in (*mine, second["expertise"][0])}
    return tuple(sorted(found.values(), key=lambda s: (-s["weight"], s["area"], s["sub_area"])))


def _rarer(chance: random.Random) -> list[str]:
    """Languages that few of the hand-written mentors speak, each with its share: for filters under load."""
    return [language for language, share in SPOKEN if chance.random() < share]


def _some(chance: random.Random, words: Sequence[str]) -> tuple[str, ...]:
    known = list(dict.fromkeys(words))
    return tuple(chance.sample(known, min(len(known), chance.randint(1, 3))))


def vectors(
    people: Sequence[Synthetic],
    real: dict[str, NDArray[np.float32]],
    said: dict[str, NDArray[np.float32]],
    *,
    seed: int,
) -> Iterator[tuple[Synthetic, list[str], NDArray[np.float32]]]:
    """Each one's texts with a unit vector per text, mixed from real vectors of what the text is made of.

    Pieces of the bio from those of their sentences; the summary from those of both parents' profiles.

    Args:
        real: the hand-written mentors' vectors by e-mail, one row per chunk.
        said: the vectors of their sentences, by sentence.
    """
    noise = np.random.default_rng(seed)
    for person in people:
        texts = chunks(person.profile)
        first, second = (real[email][0] for email in person.parents)
        summary = person.share * first + (1 - person.share) * second
        mixed = np.array([_mean(text, said, summary) for text in texts], dtype=np.float32)
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        mixed += noise.standard_normal(mixed.shape, dtype=np.float32) * (
            NOISE / np.sqrt(mixed.shape[1])
        )
        yield person, texts, mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


def _mean(
    text: str, said: dict[str, NDArray[np.float32]], otherwise: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Of the vectors of a text's sentences; `otherwise` if none of them is known."""
    known = [said[sentence] for sentence in SENTENCE.split(text) if sentence in said]
    mean: NDArray[np.float32] = np.mean(known, axis=0) if known else otherwise
    return mean
