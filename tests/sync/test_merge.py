"""The merge alone: the table of DESIGN 4, and what must hold whatever the values are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from sync.mappings import codecs
from sync.mappings.base import AIRTABLE, OUT, PLATFORM, SHARED, Field
from sync.merge import Decision, first_ancestor, merge

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIELDS = (
    Field("Theirs", codecs.text, AIRTABLE, "a"),
    Field("Ours", codecs.text, PLATFORM, "b"),
    Field("Both", codecs.text, SHARED, "c"),
    Field("Starts", codecs.text, SHARED, "d", unit="period"),
    Field("Ends", codecs.text, SHARED, "e", unit="period"),
    Field("Status", codecs.text, PLATFORM, "f", accepts=("Cancelled",)),
)
NAMES = [field.name for field in FIELDS]
value = st.sampled_from(["", "x", "y", "z", "Cancelled"])
values = st.fixed_dictionaries(dict.fromkeys(NAMES, value))
times = st.sampled_from([None, NOON - timedelta(1), NOON, NOON + timedelta(1)])


def decide(ancestor, local, remote, local_at=NOON, remote_at=NOON):
    return merge(
        FIELDS,
        ancestor=ancestor,
        local=local,
        remote=remote,
        remote_at=remote_at,
        local_at=local_at,
    )


def settled(decision, local, remote):
    """The state after the decision: local values, and the new ancestor."""
    taken = {name: found for unit in decision.take for name, found in unit.items()}
    return {**local, **taken}, dict(remote)


@pytest.mark.parametrize(
    ("name", "ancestor", "local", "remote", "wins"),
    [
        ("Theirs", "x", "y", "x", "local"),
        ("Theirs", "x", "x", "y", "remote"),
        ("Both", "x", "x", "y", "remote"),
        ("Ours", "x", "x", "y", "local"),
        ("Theirs", "x", "y", "z", "remote"),
        ("Ours", "x", "y", "z", "local"),
        ("Status", "x", "x", "Cancelled", "remote"),
        ("Status", "x", "x", "y", "local"),
    ],
)
def test_the_table(name, ancestor, local, remote, wins):
    decision = decide({name: ancestor}, {name: local}, {name: remote})
    after, _ = settled(decision, {name: local}, {name: remote})
    assert after[name] == (remote if wins == "remote" else local)


@pytest.mark.parametrize(
    ("remote_at", "wins"),
    [(NOON + timedelta(seconds=1), "z"), (NOON, "y"), (NOON - timedelta(seconds=1), "y")],
)
def test_shared_the_later_edit_and_ties_to_the_platform(remote_at, wins):
    decision = decide({"Both": "x"}, {"Both": "y"}, {"Both": "z"}, remote_at=remote_at)
    after, _ = settled(decision, {"Both": "y"}, {"Both": "z"})
    assert after["Both"] == wins
    assert [c.field for c in decision.conflicts] == ["Both"]


def test_what_only_we_write_is_neither_taken_nor_disputed_nor_put_back():
    """Utilization, for one."""
    field = Field("Figure", codecs.text, PLATFORM, "g", direction=OUT)
    decision = merge(
        [field], ancestor={"Figure": "1"}, local={"Figure": "2"}, remote={"Figure": "typed"},
        remote_at=NOON, local_at=NOON,
    )  # fmt: skip
    assert decision == Decision(take=(), push=False, undone=(), conflicts=())


def test_starts_and_ends_go_together():
    ancestor = {"Starts": "1", "Ends": "2"}
    decision = decide(
        ancestor, {"Starts": "1", "Ends": "3"}, {"Starts": "0", "Ends": "2"},
        remote_at=NOON + timedelta(1),
    )  # fmt: skip
    assert decision.take == ({"Starts": "0", "Ends": "2"},)


@given(ancestor=values, local=values, local_at=times)
def test_an_unchanged_remote_changes_nothing(ancestor, local, local_at):
    decision = decide(ancestor, local, ancestor, local_at)
    assert not decision.take
    assert not decision.push
    assert not decision.conflicts


@given(ancestor=values, both=values, local_at=times)
def test_agreement_is_no_conflict_and_moves_nothing(ancestor, both, local_at):
    decision = decide(ancestor, both, both, local_at)
    assert not decision.take
    assert not decision.push
    assert not decision.conflicts


@given(ancestor=values, local=values, remote=values, local_at=times)
def test_merging_twice_is_merging_once(ancestor, local, remote, local_at):
    once, moved = settled(decide(ancestor, local, remote, local_at), local, remote)
    again = decide(moved, once, remote, local_at)
    assert not again.take
    assert not again.conflicts


@given(ancestor=values, local=values, remote=values, local_at=times)
def test_every_field_ends_as_one_of_the_two_sides_and_the_rest_is_pushed(
    ancestor, local, remote, local_at
):
    decision = decide(ancestor, local, remote, local_at)
    after, moved = settled(decision, local, remote)
    for name in NAMES:
        assert after[name] in (local[name], remote[name])
    lost_there = [
        n for n in NAMES if after[n] != moved[n] and remote[n] != ancestor[n]
    ]  # fmt: skip
    if lost_there:
        assert decision.push


@given(ancestor=values, local=values, remote=values, local_at=times)
def test_a_lost_value_is_always_written_down(ancestor, local, remote, local_at):
    decision = decide(ancestor, local, remote, local_at)
    after, _ = settled(decision, local, remote)
    noted = {conflict.field for conflict in decision.conflicts}
    for name in ("Theirs", "Ours", "Both", "Status"):
        changed_here = local[name] != ancestor[name]
        if changed_here and after[name] != local[name]:
            assert name in noted


@given(local=values, remote=values)
def test_at_the_first_meeting_an_empty_cell_wipes_nothing(local, remote):
    ancestor = first_ancestor(FIELDS, local=local, remote=remote)
    after, _ = settled(decide(ancestor, local, remote, None), local, remote)
    for name in ("Theirs", "Both"):
        assert after[name] == (remote[name] or local[name])
    assert after["Ours"] == local["Ours"]


class TestCanonical:
    @pytest.mark.parametrize(
        ("codec", "spellings"),
        [
            (codecs.text, [" a\r\nb ", "a\nb"]),
            (codecs.text, [None, "", "  "]),
            (codecs.email, ["A@B.example", "a@b.example "]),
            (codecs.checkbox, [None, False]),
            (codecs.integer, [3, 3.0, "3"]),
            (
                codecs.selects(),
                [["b", "a"], [{"id": "s1", "name": "a"}, {"id": "s2", "name": "b"}]],
            ),
            (codecs.selects(), [None, []]),
            (codecs.select(), ["Seed", {"id": "sel1", "name": "Seed", "color": "x"}]),
            (codecs.link("T"), [["rec1"], [{"id": "rec1", "name": "Bob"}]]),
            (
                codecs.moment,
                [
                    "2026-03-02T12:00:00.000Z",
                    "2026-03-02T13:00:00+01:00",
                    NOON,
                    NOON + timedelta(microseconds=400),
                ],
            ),
            (codecs.rating, [None, 0]),
        ],
    )
    def test_every_spelling_is_one_value(self, codec, spellings):
        assert len({repr(codec.canonical(spelling)) for spelling in spellings}) == 1

    @given(st.one_of(st.none(), st.text(), st.integers(), st.lists(st.text()), st.booleans()))
    def test_canonical_of_canonical_is_itself(self, anything):
        for codec in (codecs.text, codecs.checkbox, codecs.integer, codecs.moment, codecs.email):
            once = codec.canonical(anything)
            assert codec.canonical(once) == once
