"""A statement that is not awaited runs in the database while Python goes on."""

from __future__ import annotations

import time

import psycopg
import pytest
from django.db import DataError, connection

from accounts.prepared import not_awaited, prepared_cursor

pytestmark = pytest.mark.django_db(transaction=True)
LOCK = 7_301


def is_locked(other):
    return other.execute(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s)", [LOCK]
    ).fetchone()[0]


def test_it_is_under_way_before_anybody_reads_it():
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        with not_awaited():
            cursor = prepared_cursor()
            cursor.execute(f"SELECT pg_try_advisory_lock({LOCK}), %(said)s::text", {"said": "kept"})
            until = time.monotonic() + 10
            while not is_locked(other):
                assert time.monotonic() < until, "The statement was not sent."
        assert cursor.fetchone() == (True, "kept")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_unlock({LOCK})")
        assert cursor.fetchone() == (True,)


def test_what_goes_wrong_is_raised_at_the_end_and_the_connection_goes_on():
    with pytest.raises(DataError, match="division by zero"), not_awaited():
        prepared_cursor().execute("SELECT 1 / %(none)s::int", {"none": 0})
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def test_behind_a_pooler_it_is_awaited(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    with not_awaited(), pytest.raises(DataError, match="division by zero"):
        prepared_cursor().execute("SELECT 1 / %(none)s::int", {"none": 0})
