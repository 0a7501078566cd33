"""/api/admin/… through HTTP."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, strategies as st

from accounts.models import User
from analytics import csv_file
from sessions_app.models import MentorOpening
from tests import people
from tests.analytics.program import NOW, asked, rated, refreshed, session, window
from tests.factories import MenteeFactory, MentorFactory

FORMULA = '=HYPERLINK("http://example.com";"prize")'


def table(answer) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def world(db):
    bob, alice = people.bob(areas=["Sales", "Legal"]), people.alice()
    window(bob.mentor, 3)
    held = session(bob.mentor, alice.mentee, 3, goal=FORMULA, mentor_notes="between us")
    rated(held, 5, comment="+1, great", topics=["money", "=2"])
    asked(alice.mentee, 4, bob.mentor)
    return bob.mentor


ADDRESSES = ("/api/admin/analytics", "/api/admin/mentors", "/api/admin/export?dataset=sessions")


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("who", [people.alice, people.bob, None])
@pytest.mark.django_db
def test_the_figures_are_for_program_managers(address, who):
    answer = people.api(who and who()).get(address)
    assert answer.status_code == (403 if who else 401)
    assert answer.json()["code"] == ("permission_denied" if who else "not_authenticated")


def test_before_the_first_night_there_are_none(world):
    manager = people.api(people.carol())
    assert manager.get("/api/admin/analytics").json() == {
        "as_of": None, "measures": [], "areas": [], "sessions_by_day": [], "matches_by_day": [],
        "feedback_by_week": [],
    }  # fmt: skip
    assert manager.get("/api/admin/mentors").json()["results"] == []
    assert len(table(manager.get("/api/admin/export?dataset=analytics"))) == 1


def test_all_figures_are_of_one_moment(world):
    refreshed()
    found = people.api(people.carol()).get("/api/admin/analytics").json()
    assert found["as_of"] == "2026-11-27T12:00:00Z"
    used = found["measures"][0]
    assert used.pop("trend")[-1] == {"day": "2026-11-27", "value": 1.0, "sample": 1}
    assert used.pop("meaning").startswith("Of the active mentors")
    assert used == {
        "name": "utilization", "label": "Mentors in use", "unit": "%", "value": 1.0, "target": 0.9,
        "at_least": True, "meets_target": True, "change": None,
    }  # fmt: skip
    assert [area["area"] for area in found["areas"]] == ["Legal", "Sales"]
    assert found["areas"][0]["utilization"] == 0.25
    assert len(found["sessions_by_day"]) == len(found["matches_by_day"]) == 182
    assert {row["side"] for row in found["feedback_by_week"]} == {"mentee", "mentor"}


def test_mentors_in_pages_with_as_many_queries_for_many_as_for_one(world):
    MentorOpening.objects.filter(mentor=world).update(
        next_start=datetime(2026, 12, 1, 9, tzinfo=UTC)
    )
    for _ in range(4):
        MentorFactory()
    refreshed()
    manager = people.api(people.carol())
    manager.get("/api/admin/mentors")
    counts = []
    for size in (1, 5):
        with CaptureQueriesContext(connection) as queries:
            page = manager.get(f"/api/admin/mentors?page_size={size}").json()
        counts.append(len(queries))
        assert len(page["results"]) == size
    assert counts[0] == counts[1]
    seen, following = [], "/api/admin/mentors?page_size=2"
    while following:
        page = manager.get(following).json()
        seen += page["results"]
        following = page["next"]
    assert len(seen) == 5
    bob = next(row for row in seen if row["mentor"]["id"] == str(world.pk))
    assert bob == {
        "mentor": {"id": str(world.pk), "name": "Bob Mentor"}, "is_active": True, "offered": 4,
        "room": 4, "booked": 1, "completed": 1, "no_shows": 0, "utilization": 0.25, "rating": 5.0,
        "ratings": 1, "next_start": "2026-12-01T09:00:00Z",
    }  # fmt: skip


# -- Exports -----------------------------------------------------------------------------------
def export(dataset, **period):
    manager = people.api(User.objects.filter(role="pm").first() or people.carol())
    return manager.get("/api/admin/export", {"dataset": dataset, **period})


def test_sessions_as_a_file(world):
    answer = export("sessions")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="sessions.csv"'
    assert answer.streaming
    header, row = table(answer)
    found = dict(zip(header, row, strict=True))
    assert found["Mentor e-mail"] == "bob@example.com"
    assert found["Starts (UTC)"] == "2026-11-24 12:00:00Z"
    assert (found["Rating by mentee"], found["Rating by mentor"]) == ("5", "")
    assert found["From a search"] == "no"
    assert found["Goal"] == f"'{FORMULA}"
    assert "between us" not in str(row)


def test_feedback_as_a_file(world):
    header, row = table(export("feedback"))
    found = dict(zip(header, row, strict=True))
    assert found["Comment"] == "'+1, great"
    assert found["Topics"] == "money, =2"
    assert found["By"] == "mentee"


def test_mentors_as_a_file(world):
    idle = MentorFactory()
    refreshed()
    rows = table(export("mentors"))
    by_id = {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[1:]}
    assert by_id[str(world.pk)]["Areas"] == "Legal, Sales"
    assert by_id[str(world.pk)]["Utilization"] == "0.25"
    assert by_id[str(idle.pk)]["Utilization"] == ""


def test_the_measures_as_a_file(world):
    refreshed()
    rows = table(export("analytics", **{"from": "2026-11-27"}))
    assert ["Mentors in use", "utilization", "2026-11-27", "1", "%", "0.9", "1"] in [
        row[:7] for row in rows
    ]
    assert {row[2] for row in rows[1:]} == {"2026-11-27"}


def test_a_period_is_half_open_and_may_be_as_long_as_one_likes(world):
    def count(**period):
        return len(table(export("sessions", **period))) - 1

    assert count() == 1
    assert count(**{"from": "2020-01-01", "to": "2030-01-01"}) == 1
    assert count(**{"from": "2026-11-24T12:00:00Z"}) == 1
    assert count(to="2026-11-24T12:00:00Z") == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "dataset"),
        ({"dataset": "users"}, "dataset"),
        ({"dataset": "sessions", "from": "soon"}, "from"),
        ({"dataset": "sessions", "from": "2026-01-02", "to": "2026-01-01"}, "to"),
    ],
)
@pytest.mark.django_db
def test_what_cannot_be_exported_is_said(query, field):
    answer = people.api(people.carol()).get("/api/admin/export", query, HTTP_ACCEPT="text/csv")
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_a_manager_without_the_right_to_see_feedback_cannot_take_it_away(world):
    carol = people.carol()
    carol.groups.clear()
    answer = people.api(carol).get("/api/admin/export?dataset=feedback")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_a_file_asks_the_database_once_however_many_rows(world):
    alice = MenteeFactory()
    manager = people.api(people.carol())
    manager.get("/api/admin/export?dataset=mentors")
    counts = []
    for _ in range(2):
        for days in range(5):
            session(world, alice, len(counts) * 10 + days + 20)
        with CaptureQueriesContext(connection) as queries:
            rows = table(manager.get("/api/admin/export?dataset=sessions"))
        counts.append(len(queries))
    assert len(rows) == 12
    assert counts[0] == counts[1]


# -- Cells -------------------------------------------------------------------------------------
@given(st.text())
def test_no_text_begins_like_a_formula_and_none_is_lost(text):
    shown = csv_file.cell(text)
    assert not shown or shown.lstrip()[:1] not in set("=+-@\uff1d\uff0b\uff0d\uff20")
    assert shown in (text, f"'{text}")
    assert not shown.startswith(("\t", "\r", "\n"))


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2)))
def test_what_is_written_is_read_back(rows):
    text = "".join(csv_file.lines(["a", "b"], rows)).removeprefix(csv_file.MARK)
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [["a", "b"], *([csv_file.cell(one) for one in row] for row in rows)]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "\uff1d1"]
)
def test_every_way_to_begin_a_formula_gets_its_apostrophe(text):
    assert csv_file.cell(text) == f"'{text}"


def test_numbers_stay_numbers():
    shown = [csv_file.cell(v) for v in (-5, -0.5, 0.25, 3.0, True, None, NOW, NOW.date())]
    assert shown == [
        "-5", "-0.5", "0.25", "3", "yes", "", "2026-11-27 12:00:00Z", "2026-11-27",
    ]  # fmt: skip
    assert timezone.is_aware(NOW)
