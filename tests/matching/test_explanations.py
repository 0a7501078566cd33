from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from matching.explanations import Facts, Reason, Viewer, explain, mentions_stage, shortened
from matching.ranking import Tag
from matching.words import asked, cue
from mentors.vocabulary import AREAS, INDUSTRIES, LANGUAGES, STAGES

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)
VIEWER = Viewer(now=NOW, zone=ZoneInfo("Europe/Berlin"))
BIO = (
    "I spent nine years as a partner at a seed fund. Bring me your list of funds and we will cut it "
    "to thirty.\n\nI make investor introductions only when I would invest myself."
)


def facts(**values):
    return Facts(**{"joined_at": LONG_AGO, **values})


def codes(question, known, viewer=VIEWER):
    return [reason.code for reason in explain(asked(question), known, viewer)]


def text(code, question, known, viewer=VIEWER):
    found = explain(asked(question), known, viewer)
    return next((reason.text for reason in found if reason.code == code), None)


def test_expertise_that_was_asked_for_is_named_as_the_profile_has_it():
    known = facts(
        tags=(Tag("Fundraising", "Investor introductions", 5), Tag("Fundraising", "Cap tables", 3))
    )
    assert (
        text("expertise", "fundraising, and intros to investors", known)
        == "Knows Fundraising and Investor introductions, which you asked for"
    )


def test_expertise_that_is_only_meant_says_by_which_words():
    known = facts(tags=(Tag("Fundraising", "", 5),))
    assert (
        text("expertise", "We are Raising money", known)
        == "Knows Fundraising: you mention “Raising”"
    )
    assert text("expertise", "We need a cook", known) is None


@pytest.mark.parametrize(
    ("question", "tag"),
    [
        ("our product sells well in Spain", "Product"),
        ("enter the German market", "Marketing"),
        ("we hired two engineers", "Engineering"),
        ("a series of failures", "Series A"),
        ("our first customer", "First institutional round"),
        ("I have a good idea", "Idea"),
    ],
)
def test_everyday_words_are_not_taken_for_tags(question, tag):
    known = facts(
        tags=[] if tag in STAGES else [Tag(tag, "", 5)], stages=[tag] if tag in STAGES else []
    )
    found = codes(question, known)
    assert "expertise" not in found
    assert "stage" not in found


def test_a_stage_counts_as_a_phrase():
    assert mentions_stage(asked("we are at Series A now"), "Series A")
    assert mentions_stage(asked("a pre-seed company"), "Pre-seed")
    assert not mentions_stage(asked("a pre-seed company"), "Seed")
    assert mentions_stage(asked("we are at the idea stage"), "Idea")


def test_the_sentence_that_shares_most_is_quoted():
    known = facts(bio=BIO, passage=BIO.split("\n\n")[1])
    assert (
        text("quote", "we need investor intros", known)
        == "“I make investor introductions only when I would invest myself.”"
    )


def test_nothing_is_quoted_from_a_passage_that_does_not_fit():
    assert "quote" not in codes("how to brew tea", facts(bio=BIO, passage=BIO, score=10))
    assert "quote" in codes("how to brew tea", facts(bio=BIO, passage=BIO, score=80))


@pytest.mark.parametrize(
    "sentence",
    [
        "I don't find investors for founders.",
        "I never learnt to raise venture capital from investors.",
        "I'm not a pricing expert for investors.",
    ],
)
def test_a_sentence_that_speaks_against_the_mentor_is_not_quoted(sentence):
    asked = "raise venture capital, find investors, pricing expert"

    assert "quote" not in codes(asked, facts(bio=sentence, passage=sentence, score=90))


def test_a_sentence_that_was_changed_since_is_not_quoted():
    known = facts(bio="Now I bake bread.", passage="I make investor introductions.", score=90)
    assert text("quote", "investor introductions", known) is None


def test_long_quotes_are_cut_between_words():
    cut = shortened("word " * 60)
    assert len(cut) <= 161
    assert cut.endswith("word …")
    assert shortened("x" * 300) == "x" * 159 + " …"


def test_the_next_slot_is_in_the_viewers_zone():
    known = facts(next_slot=datetime(2026, 12, 8, 23, 30, tzinfo=UTC))
    assert text("next_slot", "anything", known) == "Free Wed 9 Dec, 00:30 your time"


def test_a_rating_needs_enough_founders_and_must_be_good():
    assert (
        text("rating", "x", facts(rating_total=24, rating_count=5))
        == "Rated 4.8 of 5 by 5 founders"
    )
    assert text("rating", "x", facts(rating_total=10, rating_count=2)) is None
    assert text("rating", "x", facts(rating_total=9, rating_count=3)) is None


def test_language_only_where_it_is_not_english():
    known = facts(languages=("English", "Spanish"))
    assert text("language", "x", known) is None
    spanish = Viewer(now=NOW, zone=ZoneInfo("UTC"), language="es-MX")
    assert text("language", "x", known, spanish) == "Speaks Spanish"
    assert text("language", "x", facts(languages=("English",)), spanish) is None


def test_industry_and_stage_of_the_viewer():
    viewer = Viewer(now=NOW, zone=ZoneInfo("UTC"), stage="seed", industry="Fintech")
    known = facts(industries=("Fintech",), stages=("Seed",))
    assert text("industry", "x", known, viewer) == "Knows Fintech, your industry"
    assert text("stage", "x", known, viewer) == "Works with founders at Seed, your stage"


def test_new_means_no_session_ever():
    fresh = facts(joined_at=NOW - timedelta(days=3))
    assert text("new", "x", fresh) == "New here, with no sessions yet"
    assert text("new", "x", facts(joined_at=NOW, sessions_held=1)) is None
    assert text("new", "x", facts()) is None


words = st.sampled_from(
    [*AREAS, *INDUSTRIES, *STAGES, *LANGUAGES, "raising", "intros", "pricing", "hire", "our", "seed",
     "round", "investors", "zażółć", "的", "first", "-", "product"]
)  # fmt: skip
sentence = st.lists(words, min_size=1, max_size=12).map(" ".join)


@given(
    question=sentence,
    tags=st.lists(
        st.tuples(st.sampled_from(AREAS), st.one_of(st.just(""), sentence), st.integers(1, 5)),
        max_size=4,
    ),
    industries=st.lists(st.sampled_from(INDUSTRIES), max_size=3),
    stages=st.lists(st.sampled_from(STAGES), max_size=3),
    languages=st.lists(st.sampled_from(LANGUAGES), max_size=3),
    bio=st.lists(sentence, max_size=5).map(". ".join),
    score=st.integers(0, 100),
    own=st.tuples(
        st.sampled_from(STAGES), st.sampled_from(INDUSTRIES), st.sampled_from(["en", "es", "fr"])
    ),
)
@settings(deadline=None, max_examples=300)
def test_every_word_that_is_claimed_is_in_the_profile(
    question, tags, industries, stages, languages, bio, score, own
):
    known = facts(
        tags=[Tag(*tag) for tag in tags],
        industries=industries,
        stages=stages,
        languages=languages,
        bio=bio,
        passage=bio,
        score=score,
    )
    viewer = Viewer(now=NOW, zone=ZoneInfo("UTC"), stage=own[0], industry=own[1], language=own[2])
    found = explain(asked(question), known, viewer)
    assert len(found) <= 3
    assert len({reason.code for reason in found}) == len(found)
    for reason in found:
        assert _is_true(reason, question, known), reason


def _is_true(reason: Reason, question: str, known: Facts) -> bool:
    names = {name for tag in known.tags for name in (tag.area, tag.sub_area) if name}
    match reason.code:
        case "expertise":
            meant = re.fullmatch(r"Knows (.+): you mention “(.+)”", reason.text)
            if meant:
                return meant[1] in names and meant[2] in " ".join(question.split())
            claimed = re.fullmatch(r"Knows (.+), which you asked for", reason.text)
            return claimed is not None and any(
                claimed[1] in {first, f"{first} and {second}"}
                for first in names
                for second in names
            )
        case "quote":
            quoted = reason.text[1:-1].removesuffix(" …")
            return quoted in " ".join(known.bio.split())
        case "industry":
            return any(f"Knows {word}," in reason.text for word in known.industries)
        case "stage":
            return any(f"at {word}," in reason.text for word in known.stages)
        case "language":
            return reason.text.removeprefix("Speaks ") in known.languages
    return False


def test_cues_are_words_of_the_question():
    assert cue(asked("What goes into a Term Sheet?"), "Fundraising") == "Term Sheet"
    assert cue(asked("no such thing"), "Fundraising") == ""
    assert cue(asked("raise"), "Gardening") == ""
