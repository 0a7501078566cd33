"""A provider that fails is left alone, by all processes; and calls that end when they must."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid

import pytest
import time_machine
from django.core.cache import cache

from accounts.cache import ForgivingRedisCache
from matching.breaker import Breaker
from matching.deadlines import Calls, TooLate


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(f"Something {uuid.uuid4()}")


def fail(breaker, times=3, **how):
    for _ in range(times):
        breaker.failed("It broke.", **how)


def test_opens_after_three_failures_in_a_row(breaker):
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.allows()
    fail(breaker, 1)
    assert not breaker.allows()
    assert 25 < breaker.state().left <= 30
    assert breaker.state().reason == "It broke."


def test_half_open_it_lets_one_through_and_closes_if_that_goes_well(breaker):
    fail(breaker)
    with time_machine.travel(time.time() + 31):
        assert [breaker.allows() for _ in range(4)] == [True, False, False, False]
        breaker.succeeded()
        assert breaker.allows()
        assert breaker.allows()


def test_each_pause_is_twice_as_long_up_to_five_minutes(breaker):
    now = time.time()
    fail(breaker)
    pauses = []
    for _ in range(6):
        now += breaker.state().left + 1
        with time_machine.travel(now):
            assert breaker.allows()
            fail(breaker, 1)
            pauses.append(round(breaker.state().left))
    assert pauses == [60, 120, 240, 300, 300, 300]


def test_a_wait_that_the_server_asks_for_is_kept_and_a_lost_cause_is_left_at_once(breaker):
    fail(breaker, 3, retry_after=90)
    assert 85 < breaker.state().left <= 90
    other = Breaker(f"Other {uuid.uuid4()}")
    fail(other, 1, retry_after=None)
    assert 295 < other.state().left <= 300


def test_other_processes_know(breaker):
    fail(breaker)
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import django, sys; django.setup();"
            "from matching.breaker import Breaker; print(Breaker(sys.argv[1]).allows())",
            breaker.name,
        ],
        env={**os.environ, "REDIS_URL": _redis_url(), "DATABASE_URL": "postgres://nobody/none"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "False"


def _redis_url():
    from django.conf import settings

    return settings.REDIS_URL


def test_without_the_cache_each_process_knows_for_itself(breaker, monkeypatch):
    monkeypatch.setattr(ForgivingRedisCache, "_away_until", float("inf"))
    assert cache.get("anything") is None
    fail(breaker)
    assert not breaker.allows()
    with time_machine.travel(time.time() + 31):
        assert [breaker.allows() for _ in range(2)] == [True, False]
        breaker.succeeded()
        assert breaker.allows()


# -- Deadlines -------------------------------------------------------------------------------------
def test_a_call_gives_its_value_or_its_own_error():
    calls = Calls()
    assert calls.within(5, lambda: 7) == 7
    assert calls.within(5, lambda: None) is None
    with pytest.raises(KeyError):
        calls.within(5, lambda: {}["x"])


def test_nobody_waits_longer_than_they_said():
    release = threading.Event()
    began = time.monotonic()
    with pytest.raises(TooLate):
        Calls().within(0.1, release.wait)
    assert time.monotonic() - began < 2
    release.set()


def test_calls_that_were_left_behind_are_bounded():
    release, calls = threading.Event(), Calls(most=2)
    for _ in range(2):
        with pytest.raises(TooLate):
            calls.within(0.05, release.wait)
    with pytest.raises(TooLate, match="too many"):
        calls.within(5, lambda: 1)
    release.set()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert calls.within(5, lambda: 1) == 1
            return
        except TooLate:
            time.sleep(0.02)
    pytest.fail("The places were not given back.")
