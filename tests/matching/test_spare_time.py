"""Who stands further up for being free: by the definition, and by what must hold whoever there is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from matching.ranking import DEFAULT_POLICY, EVEN_LOAD, moved_up_by_spare_time
from tests.matching.candidates import candidates, ranked


def by_hand(rows):
    """As the sentence says it: take it away from everybody, and count who is not behind."""

    def before(row, value):
        def tier(other):
            return (other.is_named, other.candidate.is_bookable)

        return sum(
            tier(other) > tier(row)
            or (tier(other) == tier(row) and round(value(other), 9) >= round(value(row), 9))
            for other in rows
        )

    def spare(row):
        return sum(row.parts[name] for name in EVEN_LOAD)

    return {
        row.candidate.mentor_id
        for row in rows
        if spare(row) > 0
        and before(row, lambda r: r.value) < before(row, lambda r: r.value - spare(r))
    }


@given(found=candidates())
@settings(deadline=None, max_examples=200)
def test_it_is_what_the_definition_says(found):
    rows = ranked(found)
    assert moved_up_by_spare_time(rows) == by_hand(rows)


@given(found=candidates())
@settings(deadline=None, max_examples=100)
def test_where_nobody_is_freer_than_others_nobody_is_there_for_it(found):
    same = {"booked_7d": 0, "booked_28d": 0, "idle_days": 9.0, "created_at": found[0].created_at}
    rows = ranked(
        [replace(one, **same) for one in found], policy=replace(DEFAULT_POLICY, floor=0.0)
    )
    assert len({row.parts["deficit"] for row in rows}) == 1
    assert moved_up_by_spare_time(rows) == frozenset()


def test_nobody_is_nobody():
    assert moved_up_by_spare_time([]) == frozenset()
