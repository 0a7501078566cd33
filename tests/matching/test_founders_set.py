"""The labelled set in benchmarks/data/founders is whole: a wrong label would mislead all tuning."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from matching.evaluation import read_set

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "data" / "founders"
FIELDS = {
    "id", "name", "headline", "bio", "title", "company", "expertise", "industries", "stages",
}  # fmt: skip
KINDS = {
    "short", "long", "vague", "typo", "two-part", "negation", "other-words", "other-language",
    "names-stage", "names-sector", "names-place", "names-person",
}  # fmt: skip


def lines(name: str) -> list[str]:
    return (FOLDER / name).read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def labelled():
    return read_set(FOLDER)


@pytest.fixture(scope="module")
def queries() -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines("queries.jsonl")]


@pytest.fixture(scope="module")
def groups() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for line in lines("near-duplicates.tsv"):
        group, mentor, difference = line.split("\t")
        assert difference.strip(), line
        found[group].append(mentor)
    return found


def test_it_is_large_enough_and_every_id_is_used_once(labelled):
    mentors = [row["id"] for row in labelled.mentors]
    asked = [query for query, _ in labelled.queries]
    assert len(mentors) >= 120
    assert len(asked) >= 80
    assert len(set(mentors)) == len(mentors)
    assert len(set(asked)) == len(asked)


def test_profiles_are_whole_and_no_two_are_the_same(labelled):
    for row in labelled.mentors:
        assert set(row) == FIELDS, row["id"]
        assert all(row[field] for field in ("name", "headline", "title", "expertise")), row["id"]
        assert 2 <= len(row["bio"].split("\n\n")) <= 5, row["id"]
        assert len(row["bio"].split()) >= 50, row["id"]
    for field in ("name", "headline", "bio"):
        assert len({row[field] for row in labelled.mentors}) == len(labelled.mentors), field


def test_labels_name_what_exists_once_and_grade_it_from_0_to_3(labelled):
    mentors = {row["id"] for row in labelled.mentors}
    asked = {query for query, _ in labelled.queries}
    rows = [line.split("\t") for line in lines("qrels.tsv")]
    assert {query for query, _, _ in rows} == asked
    assert {mentor for _, mentor, _ in rows} <= mentors
    assert {grade for _, _, grade in rows} == {"0", "1", "2", "3"}
    twice = [pair for pair, n in Counter((q, m) for q, m, _ in rows).items() if n > 1]
    assert not twice


def test_every_request_has_someone_who_is_exactly_right_and_few_of_them(labelled):
    for query, _ in labelled.queries:
        exact = [grade for grade in labelled.grades[query].values() if grade == 3]
        assert 1 <= len(exact) <= 3, query


def test_nearly_every_mentor_helps_somebody(labelled):
    helpful = {
        mentor
        for graded in labelled.grades.values()
        for mentor, grade in graded.items()
        if grade == 3
    }
    assert len(helpful) >= 0.9 * len(labelled.mentors)


def test_the_half_to_tune_on_is_half_and_sorted(labelled):
    tune = lines("tune.txt")
    asked = {query for query, _ in labelled.queries}
    assert set(tune) < asked
    assert all(first < second for first, second in pairwise(tune))
    assert len(tune) == len(asked) // 2


def test_requests_of_every_kind_stand_in_both_halves(queries):
    tune = set(lines("tune.txt"))
    kinds: Counter[tuple[str, bool]] = Counter()
    for row in queries:
        assert set(row["kinds"]) <= KINDS, row["id"]
        kinds.update((kind, row["id"] in tune) for kind in row["kinds"])
    for kind in ("short", "vague", "two-part", "other-words", "names-sector", "names-place"):
        assert min(kinds[kind, True], kinds[kind, False]) >= 3, kind


def test_near_duplicates_stand_in_groups_that_a_request_tells_apart(labelled, queries, groups):
    assert len(groups) >= 15
    mentors = {row["id"] for row in labelled.mentors}
    for group, members in groups.items():
        assert 2 <= len(members) <= 3, group
        assert set(members) <= mentors, group
    assert {row["tells_apart"] for row in queries if "tells_apart" in row} == set(groups)


def test_where_a_request_names_the_difference_one_of_the_group_is_better(labelled, queries, groups):
    for row in queries:
        if "tells_apart" not in row:
            continue
        graded = labelled.grades[row["id"]]
        members = sorted(
            (graded.get(member, 0) for member in groups[row["tells_apart"]]), reverse=True
        )
        assert members[0] == 3, row["id"]
        assert members[1] < 3, row["id"]
