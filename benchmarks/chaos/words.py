"""What people write: a value for every field that is edited, most of them never seen before."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from mentors import vocabulary

Maker = Callable[[random.Random, int], Any]


def _text(chance: random.Random, number: int) -> str:
    return f"E{number} " + " ".join(chance.choices(vocabulary.AREAS, k=3))


def _some(words: tuple[str, ...]) -> Maker:
    return lambda chance, number: sorted(
        chance.sample(words, chance.randint(1, 4)), key=lambda word: (word.casefold(), word)
    )


def _one(words: tuple[str, ...]) -> Maker:
    return lambda chance, number: chance.choice(words)


# What may be edited on both sides, by subject and Airtable's name of the field.
BOTH_SIDES: dict[str, dict[str, Maker]] = {
    "mentor": {
        "Headline": _text,
        "Bio": _text,
        "Company": _text,
        "Title": _text,
        "Industries": _some(vocabulary.INDUSTRIES),
        "Stage Focus": _some(vocabulary.STAGES),
        "Languages": _some(vocabulary.LANGUAGES),
        "Expertise": _some(vocabulary.AREAS),
        "Weekly Load Cap": lambda chance, number: chance.randint(3, 160),
    },
    "mentee": {
        "Company": _text,
        "Goals": _text,
        "Stage": _one(vocabulary.STAGES),
        "Industry": _one(vocabulary.INDUSTRIES),
    },
    "window": {
        "Location": _text,
        "Max Slots": lambda chance, number: chance.randint(1, 9),
    },
    "template": {"Subject": _text, "Message Body": _text},
    "prompt": {"Default Response": _text},
    "session": {"Goal": _text},
}
# What a program manager may try there, and what is not decided there or breaks a rule.
IN_VAIN: dict[str, dict[str, Maker]] = {
    "mentor": {
        "Visibility": _one(("public", "limited", "private")),
        "Timezone": lambda chance, number: f"Europe/E{number}",
        "Weekly Load Cap": lambda chance, number: None,
    },
    "mentee": {"Timezone": lambda chance, number: f"Europe/E{number}"},
    "window": {"Max Slots": lambda chance, number: None, "Mentor": lambda chance, number: []},
    "template": {"Subject": lambda chance, number: f"E{number} {{no_such_word}}"},
    "session": {
        "Mentor Joined": lambda chance, number: True,
        "Rating": lambda chance, number: chance.randint(1, 5),
    },
    "saved": {"Saved At": lambda chance, number: moment(datetime.now(UTC))},
}


def moment(at: datetime) -> str:
    """An instant as Airtable writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Hours:
    """Times for windows: of one mentor never twice the same, and never across midnight."""

    def __init__(self) -> None:
        self.began_at = datetime.now(UTC)
        today = self.began_at.replace(hour=0, minute=0, second=0, microsecond=0)
        self._first = today + timedelta(days=3)
        self._taken: dict[str, int] = {}

    def next(self, mentor: str) -> tuple[datetime, datetime]:
        """Two hours that were not given out yet."""
        number = self._taken.get(mentor, 0)
        self._taken[mentor] = number + 1
        day, part = divmod(number, 5)
        starts = self._first + timedelta(days=day % 50, hours=6 + 3 * part)
        return starts, starts + timedelta(hours=2)
