"""Listing: pages, offsets, order, and the formulas sync needs."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests
from pyairtable.formulas import match

from sync.sandbox import BASE_ID

ROOT = f"/v0/{BASE_ID}"


@pytest.fixture
def many(mentors):
    mentors.batch_create([{"Name": f"Mentor {n:03}", "Weekly Load Cap": n} for n in range(130)])
    return mentors


def test_pages_hold_a_hundred_and_miss_nobody(many):
    pages = list(many.iterate())
    assert [len(page) for page in pages] == [100, 30]
    assert len({row["id"] for page in pages for row in page}) == 130


def test_sort_and_limits_hold_over_pages(many):
    rows = many.all(sort=["-Weekly Load Cap"], max_records=7, page_size=3, fields=["Name"])
    assert [row["fields"]["Name"] for row in rows] == [f"Mentor {n}" for n in range(129, 122, -1)]


def test_values_are_read_live_while_paging(many):
    pages = many.iterate(sort=["Name"], page_size=100)
    next(pages)
    last = many.first(sort=["-Name"])
    many.update(last["id"], {"Headline": "Changed meanwhile"})
    assert next(pages)[-1]["fields"]["Headline"] == "Changed meanwhile"


def test_an_offset_expires(sandbox, call, many):
    offset = call("GET", f"{ROOT}/Mentors").body["offset"]
    assert len(call("GET", f"{ROOT}/Mentors?offset={offset}").body["records"]) == 30
    offset = call("GET", f"{ROOT}/Mentors").body["offset"]
    sandbox.clock.advance(timedelta(minutes=6))
    assert call("GET", f"{ROOT}/Mentors?offset={offset}").status == 422


def test_a_long_query_is_posted(many):
    formula = "OR(" + ",".join(f"{{Name}}='Mentor {n:03}'" for n in range(90)) + ")"
    url = "x" * 16_000
    assert len(many.all(formula=formula)) == 90
    assert len(many.all(formula=f"OR({{Name}}='Mentor 001',{{Name}}='{url}')")) == 1


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("{Name}='Bob'", ["Bob"]),
        ("AND({Name}='Bob', {Email}='bob@example.com')", ["Bob"]),
        ("LOWER({Name})='o\\'neil'", ["O'Neil"]),
        ("{Email}=''", ["O'Neil"]),
        ("{Email}=BLANK()", ["O'Neil"]),
        ("NOT({Is Active})", ["O'Neil"]),
        ("{Is Active}=1", ["Bob"]),
        ("{Weekly Load Cap}>=3", ["Bob"]),
        ("IS_AFTER(LAST_MODIFIED_TIME(), '2020-01-01')", ["Bob", "O'Neil"]),
        ("IS_AFTER(LAST_MODIFIED_TIME(), '2120-01-01T00:00:00.000Z')", []),
    ],
)
def test_formulas(mentors, formula, names):
    mentors.create(
        {"Name": "Bob", "Email": "bob@example.com", "Is Active": True, "Weekly Load Cap": 3}
    )
    mentors.create({"Name": "O'Neil"})
    assert sorted(row["fields"]["Name"] for row in mentors.all(formula=formula)) == names


def test_a_record_is_found_by_its_id_and_by_pyairtables_own_formula(mentors):
    made = mentors.create({"Name": 'Bob "the" O\'Neil'})
    assert mentors.first(formula=f"RECORD_ID()='{made['id']}'") == made
    assert mentors.first(formula=match({"Name": 'Bob "the" O\'Neil'})) == made


@pytest.mark.parametrize(
    "formula", ["{Nobody}='x'", "FIND('x', {Name})", "{Name}=", "1+1", "(" * 99]
)
def test_other_formulas_are_refused(mentors, formula):
    with pytest.raises(requests.HTTPError) as refused:
        mentors.all(formula=formula)
    assert refused.value.response.json()["error"]["type"] == "INVALID_FILTER_BY_FORMULA"
