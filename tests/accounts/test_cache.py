"""A Redis that accepts and then says nothing costs one request a second, not every request many."""

from __future__ import annotations

import socket
import time

import pytest
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts import cache
from accounts.cache import ForgivingRedisCache
from sessions_app import notifications


@pytest.fixture
def hanging(monkeypatch):
    monkeypatch.setattr(ForgivingRedisCache, "_away_until", float("-inf"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        options = {"OPTIONS": {"socket_timeout": 0.5, "retry": Retry(NoBackoff(), 0)}}
        yield ForgivingRedisCache(f"redis://127.0.0.1:{silent.getsockname()[1]}", options)
    monkeypatch.undo()


def test_a_hanging_redis_is_waited_for_once(hanging):
    began = time.monotonic()
    assert hanging.get("a", "nothing") == "nothing"
    assert cache.is_away()
    for _ in range(20):
        assert hanging.incr("a") == 1
    assert time.monotonic() - began < 3


def test_what_failed_just_now_is_not_nudged(hanging, monkeypatch):
    hanging.get("a")

    def sent(*_given: object, **_more: object) -> None:
        raise AssertionError("The queue is on the same Redis.")

    monkeypatch.setattr("celery.app.base.Celery.send_task", sent)
    notifications.nudge()
