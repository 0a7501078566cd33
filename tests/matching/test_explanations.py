from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils.translation import override

from matching.explanations import (
    EXPLORED,
    FILTER,
    LANGUAGE,
    MEANING,
    ROOM,
    SPARE_TIME,
    WORDS,
    Facts,
    Reason,
    Viewer,
    explain,
    mentions_stage,
    shortened,
)
from matching.ranking import Tag
from matching.words import asked, cue
from mentors.vocabulary import STAGES

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)
VIEWER = Viewer(now=NOW, zone=ZoneInfo("Europe/Berlin"))
BIO = (
    "I spent nine years as a partner at a seed fund. Bring me your list of funds and we will cut it "
    "to thirty.\n\nI make investor introductions only when I would invest myself."
)


EVERY = dict.fromkeys(
    [
        MEANING, WORDS, ROOM, FILTER, LANGUAGE, "expertise", "rating", "availability", "load",
        "deficit", "acceptance", "connection",
    ],
    0.01,
)  # fmt: skip


def facts(**values):
    """What is true of a mentor whom every usual signal moved."""
    return Facts(**{"joined_at": LONG_AGO, "signals": EVERY, **values})


def without(known, name):
    return replace(known, signals={**known.signals, name: 0.0})


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
    known = facts(starts=[datetime(2026, 12, 8, 23, 30, tzinfo=UTC)])
    assert text("next_slot", "anything", known) == "Free Wed 9 Dec, 00:30 your time"
    with override("es"):
        assert "mié 9 dic" in text("next_slot", "anything", known).lower().replace(".", "")


def test_a_rating_needs_enough_sessions_and_must_be_good():
    assert (
        text("rating", "x", facts(rating_total=24, rating_count=5))
        == "Rated 4.8 of 5 after 5 sessions"
    )
    assert text("rating", "x", facts(rating_total=10, rating_count=2)) is None
    assert text("rating", "x", facts(rating_total=9, rating_count=3)) is None


def test_language_only_where_it_is_not_english():
    known = facts(languages=("English", "Spanish"))
    assert text("language", "x", known) is None
    spanish = Viewer(now=NOW, zone=ZoneInfo("UTC"), language="es-MX")
    assert text("language", "x", known, spanish) == "Speaks Spanish"
    assert text("language", "x", facts(languages=("English",)), spanish) is None


def test_what_was_asked_for_by_a_filter_is_said_as_the_profile_has_it():
    viewer = Viewer(
        now=NOW, zone=ZoneInfo("UTC"), industries=["fintech"], stages=["seed"], languages=["german"]
    )
    known = facts(industries=("Fintech",), stages=("Seed",), languages=("English", "German"))
    assert text("industry", "x", known, viewer) == "Knows Fintech, as you asked"
    assert text("stage", "x", known, viewer) == "Works with founders at Seed, as you asked"
    assert text("language", "x", known, viewer) == "Speaks German, as you asked"
    unasked = facts(industries=("Fintech",), stages=("Seed",), languages=("German",))
    assert codes("x", unasked) == []


def test_an_industry_that_is_mentioned_counts_by_its_words():
    known = facts(industries=("Logistics",))
    assert text("industry", "logistics in Spain", known) == "Knows Logistics, which you mention"
    assert codes("logistics in Spain", without(known, WORDS)) == []


def test_new_means_no_session_ever():
    fresh = facts(joined_at=NOW - timedelta(days=3))
    assert text("new", "x", fresh) == "New here, with no sessions yet"
    assert text("new", "x", facts(joined_at=NOW, sessions_held=1)) is None
    assert text("new", "x", facts()) is None


def test_that_somebody_is_shown_for_being_new_or_free_always_finds_room():
    full = facts(
        tags=(Tag("Fundraising", "", 5),),
        bio=BIO,
        starts=[NOW],
        rating_total=50,
        rating_count=10,
        languages=["Spanish"],
    )
    spanish = replace(VIEWER, language="es")
    new = replace(full, signals={**EVERY, EXPLORED: 1.0, SPARE_TIME: 1.0})
    said = explain(asked("fundraising, investor introductions"), new, spanish)
    assert said[2] == Reason(
        "new", "Shown here because they are new, with no sessions yet", EXPLORED
    )
    free = replace(full, signals={**EVERY, SPARE_TIME: 1.0})
    said = explain(asked("fundraising, investor introductions"), free, spanish)
    assert [reason.code for reason in said] == ["expertise", "quote", "room"]


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        # Friday 20 November, 09:00 UTC; the start is on Sunday 22nd at 23:30 UTC.
        ("UTC", "Shown partly because they have room this week"),
        ("Europe/Berlin", "Shown partly because they have free time"),
        ("America/Los_Angeles", "Shown partly because they have room this week"),
    ],
)
def test_spare_time_that_decided_is_said_and_this_week_is_the_viewers(zone, said):
    start = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    known = facts(starts=[start], bio=BIO, signals={**EVERY, SPARE_TIME: 1.0})
    viewer = Viewer(now=NOW, zone=ZoneInfo(zone))
    assert text("room", "investor introductions", known, viewer) == said
    assert text("room", "investor introductions", facts(starts=[start]), viewer) is None
    nothing_open = facts(signals={**EVERY, SPARE_TIME: 1.0})
    assert text("room", "investor introductions", nothing_open, viewer) is None


def test_a_week_with_a_change_of_clocks_ends_at_midnight_all_the_same():
    viewer = Viewer(now=datetime(2026, 10, 24, 9, tzinfo=UTC), zone=ZoneInfo("Europe/Berlin"))
    signals = {**EVERY, SPARE_TIME: 1.0}
    last = facts(starts=[datetime(2026, 10, 25, 22, 59, tzinfo=UTC)], signals=signals)
    next_ = facts(starts=[datetime(2026, 10, 25, 23, 0, tzinfo=UTC)], signals=signals)
    assert "this week" in text("room", "x", last, viewer)
    assert "this week" not in text("room", "x", next_, viewer)


def test_connections_and_answers_are_said_where_there_are_enough():
    assert text("connection", "x", facts(connection="met")) == (
        "Has met somebody else of your company here"
    )
    named = facts(connection="named", company="Oak Ventures")
    assert text("connection", "x", named) == "Is at Oak Ventures, which your profile names"
    assert codes("x", facts(company="Oak Ventures")) == []
    assert text("acceptance", "x", facts(requests=10, accepted=9)) == "Said yes to 9 of 10 requests"
    assert text("acceptance", "x", facts(requests=4, accepted=4)) is None


def test_cues_are_words_of_the_question():
    assert cue(asked("What goes into a Term Sheet?"), "Fundraising") == "Term Sheet"
    assert cue(asked("no such thing"), "Fundraising") == ""
    assert cue(asked("raise"), "Gardening") == ""
