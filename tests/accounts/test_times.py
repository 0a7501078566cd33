"""Times on their way in and out of the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from accounts.http import OffsetDateTimeField, period, utc
from accounts.refusals import Invalid

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
MADRID = ZoneInfo("Europe/Madrid")


class TimeSerializer(serializers.Serializer):
    at = OffsetDateTimeField()


def read(value):
    serializer = TimeSerializer(data={"at": value})
    if serializer.is_valid():
        return serializer.validated_data["at"]
    return " ".join(serializer.errors["at"])


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T10:30:00Z",
        "2026-03-02T11:30:00+01:00",
        "2026-03-02 05:30:00-05:00",
        "2026-03-02T10:30Z",
    ],
)
def test_any_offset_means_the_same_instant_in_utc(text):
    assert read(text) == NOW
    assert read(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-03-02T10:30:00", "2026-03-02", "2026-03-02T10:30"])
def test_a_time_without_an_offset_is_refused_with_a_sentence(text):
    assert read(text).startswith("Add the offset")


@pytest.mark.parametrize(
    "text",
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
    ],
)
def test_a_time_too_far_away_is_refused(text):
    assert read(text) == "This time is too far away."


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "2026-02-30T10:00:00Z",
        "2026-03-02T25:00:00Z",
        5,
        True,
        {},
        [],
        "2026-03-02T10:30:00+99:00",
    ],
)
def test_what_is_no_time_is_refused(value):
    assert isinstance(read(value), str)


def test_answers_are_utc_with_a_z():
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-5)))
    assert TimeSerializer({"at": elsewhere}).data == {"at": "2026-03-02T10:30:00Z"}
    assert utc(elsewhere) == "2026-03-02T10:30:00Z"


def asked(zone=MADRID, **query):
    query = {name.rstrip("_"): value for name, value in query.items()}
    return period(Request(APIRequestFactory().get("/", query)), NOW, zone)


def test_by_default_the_next_two_weeks():
    assert asked() == (NOW, NOW + timedelta(days=14))
    assert asked(None) == (NOW, NOW + timedelta(days=14))


def test_dates_are_read_in_the_zone_of_the_caller_or_the_one_named():
    first, last = asked(from_="2026-03-10", to="2026-03-12")
    assert (utc(first), utc(last)) == ("2026-03-09T23:00:00Z", "2026-03-11T23:00:00Z")
    first, _last = asked(from_="2026-03-10", tz="America/Bogota")
    assert utc(first) == "2026-03-10T05:00:00Z"


def test_an_instant_keeps_its_own_offset_even_when_the_plus_was_lost():
    first, last = asked(from_="2026-03-10T09:00:00+02:00", tz="Asia/Tokyo")
    assert utc(first) == "2026-03-10T07:00:00Z"
    assert last - first == timedelta(days=14)
    assert asked(from_="2026-03-10T09:00:00 02:00")[0] == first


def test_a_day_that_begins_at_one_o_clock_begins_then():
    first, _last = asked(from_="2025-09-07", to="2025-09-09", tz="America/Santiago")
    assert utc(first) == "2025-09-07T04:00:00Z"


def test_at_most_62_days_also_across_the_end_of_summer_time():
    asked(from_="2026-10-01", to="2026-12-02")
    for query in (
        {"from_": "2026-10-01", "to": "2026-12-03"},
        {"from_": "2026-03-10T00:00:00Z", "to": "2026-05-11T00:00:01Z", "tz": "UTC"},
    ):
        with pytest.raises(Invalid) as caught:
            asked(**query)
        assert list(caught.value.extra["fields"]) == ["to"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from_": "2026-03-10T09:00:00"}, "from"),
        ({"from_": "tomorrow"}, "from"),
        ({"from_": "2026-13-01"}, "from"),
        ({"from_": "0001-01-01"}, "from"),
        ({"to": "9999-12-31T23:59:59-10:00"}, "to"),
        ({"from_": "2026-03-10", "to": "2026-03-10"}, "to"),
        ({"from_": "2026-03-10", "to": "2026-03-09"}, "to"),
        ({"to": "2026-03-02T10:30:00Z"}, "to"),
        ({"tz": "Mars/Olympus"}, "tz"),
        ({"tz": "../../etc/passwd"}, "tz"),
    ],
)
def test_what_is_no_period_is_refused_by_name(query, field):
    with pytest.raises(Invalid) as caught:
        asked(**query)
    assert list(caught.value.extra["fields"]) == [field]
