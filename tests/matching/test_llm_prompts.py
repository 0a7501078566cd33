"""What of an answer is believed, and what of a text is sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from matching.llm import LanguageModelUnavailable
from matching.llm.prompts import (
    PublicProfile,
    order_prompt,
    read_order,
    read_reworded,
    redacted,
    reword_prompt,
)

NOTHING: dict[str, list[str]] = {
    "wordings": [],
    "terms": [],
    "areas": [],
    "industries": [],
    "stages": [],
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 30) | st.floats() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=5) | st.dictionaries(st.text(max_size=8), inside),
    max_leaves=12,
)


@given(st.permutations(range(1, 21)))
def test_an_order_of_every_id_is_believed(order):
    assert read_order({"order": list(order)}, 20) == tuple(number - 1 for number in order)


@given(json_values | st.fixed_dictionaries({"order": json_values}), st.integers(2, 5))
def test_anything_else_is_not(answer, count):
    try:
        believed = read_order(answer, count)
    except LanguageModelUnavailable:
        return
    assert sorted(believed) == list(range(count))
    assert set(answer) == {"order"}


@given(
    json_values
    | st.fixed_dictionaries(
        {name: st.lists(st.text(max_size=300) | json_values, max_size=9) for name in NOTHING}
    )
)
def test_what_is_searched_for_is_short_and_made_of_words(answer):
    try:
        reworded = read_reworded(answer)
    except LanguageModelUnavailable:
        return
    assert len(reworded.wordings) <= 3
    assert len(reworded.terms) <= 8
    assert all(0 < len(text) <= 160 for text in (*reworded.wordings, *reworded.terms))
    assert not set('\n\0<>{}"\\%') & set(reworded.words)


def test_hints_are_of_our_own_words():
    assert read_reworded({**NOTHING, "areas": ["Legal"], "stages": ["Seed"]}).words == "Legal Seed"
    with pytest.raises(LanguageModelUnavailable, match="not ours"):
        read_reworded({**NOTHING, "areas": ["Astrology"]})
    with pytest.raises(LanguageModelUnavailable, match="another shape"):
        read_reworded({**NOTHING, "reason": "Because."})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to a.b+c@mail.example.com, please", "write to [e-mail], please"),
        ("see https://example.com/x?y=1 or www.example.com now", "see [link] or [link] now"),
        ("call +44 (0)20 7946-0958 or 020/7946 0958", "call [number] or [number]"),
        ("2010 - 2019, raised 12,000,000", "2010 - 2019, raised 12,000,000"),
        ("id 6c1f0d3c-8a5e-4a43-9a7c-0f6a3c0f8c11!", "id [id]!"),
        ("Will Grace will help; ask grace", "[name] [name] will help; ask grace"),
        ("two\n lines", "two lines"),
    ],
)
def test_who_somebody_is_stays_here(text, expected):
    assert redacted(text, ["Will Grace"]) == expected


@given(st.text(max_size=200), st.text(max_size=200))
def test_what_others_wrote_stays_inside_its_string(question, bio):
    profile = PublicProfile(headline=bio, bio=bio, expertise=(bio,), industries=(), stages=())
    prompt = order_prompt(question, [profile, profile])
    sent = json.loads(prompt.text)
    assert list(sent) == ["question", "profiles"]
    assert [list(one) for one in sent["profiles"]] == [
        ["id", "headline", "expertise", "industries", "stages", "bio"]
    ] * 2
    assert prompt.instructions == order_prompt("", []).instructions


def test_another_question_profile_or_model_is_another_prompt():
    prompt = reword_prompt("a")
    digests = {
        prompt.digest("one"),
        prompt.digest("two"),
        reword_prompt("b").digest("one"),
        order_prompt("a", []).digest("one"),
    }
    assert len(digests) == 4
    assert reword_prompt("a").digest("one") in digests
