"""The table of `python -m benchmarks relevance`, on a set small enough to know its figures."""

from __future__ import annotations

import pytest
from django.utils import timezone

from benchmarks import relevance
from matching.evaluation import LabelledSet, load
from matching.ranking import SIGNALS
from tests.matching.worlds import PROFILES

SMALL = LabelledSet(
    [
        {**profile, "id": profile["name"], "expertise": [a for a, *_ in profile["areas"]]}
        for profile in PROFILES
    ],
    [
        ("law", "a lawyer who reads contracts and trademarks"),
        ("store", "choose a warehouse for our logistics"),
        ("nobody", "asked by nobody"),
    ],
    {"law": {"Eva Lawyer": 3}, "store": {"Dev Operator": 2, "Nobody Here": 2}},
)


@pytest.mark.django_db
def test_each_part_has_a_row_and_the_shipped_order_comes_last(tmp_path):
    now = timezone.now()
    table = relevance.measure(load(SMALL, cache=tmp_path, now=now), now)
    rows = [name for name, row in table.items() if not row.get("is_difference")]
    assert rows[0] == "vector, whole profile"
    assert rows[-1] == "as served"
    assert {"BM25", "RRF, whole profile", "fusion, whole profile", "+ chunks"} <= set(rows)
    for signal in (*SIGNALS, "diversity"):
        assert f"+ {signal}" in rows
    assert table["as served"]["questions"] == 2
    assert table["as served"]["ndcg@10"] == 1.0
    assert str(table["as served"]) == "1.000 [1.000, 1.000]  recall@50 1.000"


@pytest.mark.django_db
def test_signals_that_are_the_same_for_all_change_nothing(tmp_path):
    now = timezone.now()
    table = relevance.measure(load(SMALL, cache=tmp_path, now=now), now)
    assert len({str(table[f"+ {signal}"]) for signal in SIGNALS}) == 1


def test_what_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(relevance, "OUR_OWN", tmp_path / "founders")
    assert relevance.missing(None)["sets of others"].startswith("not measured")
    said = relevance.missing(tmp_path)
    assert said[str(tmp_path)].startswith("not measured")
    assert said["founders"].startswith("not measured")
