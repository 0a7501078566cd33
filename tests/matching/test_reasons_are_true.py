"""Whatever the profile and the question: every reason is true, and goes with the signal it came from."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st

from matching.explanations import (
    EXPLORED,
    SPARE_TIME,
    Facts,
    Reason,
    Viewer,
    explain,
)
from matching.ranking import Tag
from matching.words import asked
from mentors.vocabulary import AREAS, INDUSTRIES, LANGUAGES, STAGES
from tests.matching.test_explanations import EVERY, LONG_AGO, NOW, facts, without

words = st.sampled_from(
    [*AREAS, *INDUSTRIES, *STAGES, *LANGUAGES, "raising", "intros", "pricing", "hire", "our", "seed",
     "round", "investors", "zażółć", "的", "first", "-", "product"]
)  # fmt: skip
sentence = st.lists(words, min_size=1, max_size=12).map(" ".join)


signal = st.dictionaries(
    st.sampled_from([*EVERY, SPARE_TIME, EXPLORED]),
    st.sampled_from([-0.1, 0.0, 0.001, 0.2]),
)
starts = st.lists(
    st.integers(1, 60 * 24 * 14).map(lambda minutes: NOW + timedelta(minutes=minutes)), max_size=6
).map(sorted)


@st.composite
def mentors(draw):
    several = lambda words: draw(st.lists(st.sampled_from(words), max_size=3))  # noqa: E731
    tag = st.builds(
        Tag, st.sampled_from(AREAS), st.one_of(st.just(""), sentence), st.integers(1, 5)
    )
    bio, count = draw(st.lists(sentence, max_size=5).map(". ".join)), draw(st.integers(0, 9))
    return facts(
        signals=draw(signal),
        tags=draw(st.lists(tag, max_size=4)),
        industries=several(INDUSTRIES),
        stages=several(STAGES),
        languages=several(LANGUAGES),
        company=draw(st.sampled_from(["", "Oak Ventures"])),
        bio=bio,
        passage=draw(st.sampled_from([bio, ""])),
        score=draw(st.integers(0, 100)),
        starts=draw(starts),
        rating_count=count,
        rating_total=draw(st.integers(count, 5 * count)),
        requests=draw(st.integers(5, 9)),
        accepted=draw(st.integers(0, 5)),
        connection=draw(st.sampled_from(["", "met", "named"])),
        sessions_held=draw(st.integers(0, 1)),
        joined_at=draw(st.sampled_from([NOW - timedelta(days=3), LONG_AGO])),
    )


viewers = st.builds(
    Viewer,
    now=st.just(NOW),
    zone=st.sampled_from(["UTC", "Asia/Kolkata", "America/Los_Angeles"]).map(ZoneInfo),
    language=st.sampled_from(["en", "es", "fr-CA"]),
    industries=st.lists(st.sampled_from(INDUSTRIES), max_size=2),
    stages=st.lists(st.sampled_from(STAGES), max_size=2),
    languages=st.lists(st.sampled_from(LANGUAGES), max_size=2),
)


@given(question=sentence, known=mentors(), viewer=viewers)
@settings(deadline=None, max_examples=400)
def test_every_reason_comes_from_a_signal_that_moved_the_mentor_and_goes_with_it(
    question, known, viewer
):
    found = explain(asked(question), known, viewer)
    assert len(found) <= 3
    assert len({reason.code for reason in found}) == len(found)
    for reason in found:
        assert known.signals[reason.signal] > 0, reason
        left = explain(asked(question), without(known, reason.signal), viewer)
        assert not [other for other in left if other.signal == reason.signal], (reason, left)
    nothing = replace(known, signals={})
    assert explain(asked(question), nothing, viewer) == ()


@given(question=sentence, known=mentors(), viewer=viewers)
@settings(deadline=None, max_examples=400)
def test_everything_that_is_claimed_is_true(question, known, viewer):
    for reason in explain(asked(question), known, viewer):
        assert _is_true(reason, question, known, viewer), reason


def _is_true(reason: Reason, question: str, known: Facts, viewer: Viewer) -> bool:
    return bool(_TRUE[reason.code](reason.text, question, known, viewer))


def _expertise_is_true(said, question, known, viewer):
    names = {name for tag in known.tags for name in (tag.area, tag.sub_area) if name}
    meant = re.fullmatch(r"Knows (.+): you mention “(.+)”", said)
    if meant:
        return meant[1] in names and meant[2] in " ".join(question.split())
    claimed = re.fullmatch(r"Knows (.+), which you asked for", said)
    return claimed is not None and any(
        claimed[1] in {first, f"{first} and {second}"} for first in names for second in names
    )


def _room_is_true(said, question, known, viewer):
    first = known.starts[0].astimezone(viewer.zone)
    now = NOW.astimezone(viewer.zone)
    is_this_week = first.isocalendar()[:2] == now.isocalendar()[:2]
    return said == (
        "Shown partly because they have room this week"
        if is_this_week
        else "Shown partly because they have free time"
    )


def _slot_is_true(said, question, known, viewer):
    first = known.starts[0].astimezone(viewer.zone)
    return said == f"Free {first:%a} {first.day} {first:%b, %H:%M} your time"


def _rating_is_true(said, question, known, viewer):
    mean, count = re.fullmatch(r"Rated (\d\.\d) of 5 after (\d+) sessions", said).groups()
    real = known.rating_total / known.rating_count
    return int(count) == known.rating_count >= 3 and abs(float(mean) - real) <= 0.0501 and real >= 4


def _word_is_true(words, wanted):
    def check(said, question, known, viewer):
        word = re.fullmatch(r"(?:Knows|Works with founders at|Speaks) (.+?)(, .+)?", said)
        if word[2] == ", as you asked":
            return word[1] in words(known) and word[1] in wanted(viewer)
        if word[2] == ", which you mention":
            return word[1] in words(known) and word[1].casefold() in question.casefold()
        return word[1] in words(known) and viewer.language[:2] in {"es", "fr"}

    return check


_TRUE = {
    "expertise": _expertise_is_true,
    "quote": lambda said, question, known, viewer: (
        said[1:-1].removesuffix(" …") in " ".join(known.bio.split())
    ),
    "industry": _word_is_true(lambda known: known.industries, lambda viewer: viewer.industries),
    "stage": _word_is_true(lambda known: known.stages, lambda viewer: viewer.stages),
    "language": _word_is_true(lambda known: known.languages, lambda viewer: viewer.languages),
    "room": _room_is_true,
    "next_slot": _slot_is_true,
    "rating": _rating_is_true,
    "acceptance": lambda said, question, known, viewer: (
        said == f"Said yes to {known.accepted} of {known.requests} requests"
    ),
    "connection": lambda said, question, known, viewer: (
        known.connection == "met" or (known.connection == "named" and known.company in said)
    ),
    "new": lambda said, question, known, viewer: not known.sessions_held,
}
