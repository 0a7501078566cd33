from __future__ import annotations

import threading
import time
import uuid

import pytest

from sync.limiter import Limiter, OnHold


@pytest.fixture
def base_name():
    return f"test-{uuid.uuid4().hex}"


def run(limiter, count, workers=1, seconds=0.0):
    """The moments at which requests were sent."""
    sent, lock = [], threading.Lock()

    def work():
        for _ in range(count):
            with limiter.place():
                with lock:
                    sent.append(time.monotonic())
                time.sleep(seconds)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(sent)


def test_never_more_than_five_in_any_second_however_many_ask(base_name):
    sent = run(Limiter(base_name, 5), 4, workers=4)
    assert len(sent) == 16
    assert all(sent[i + 5] - sent[i] >= 1.0 for i in range(len(sent) - 5))


def test_a_hold_binds_every_process(base_name):
    Limiter(base_name, 5).hold(60, "because")
    other = Limiter(base_name, 5)
    assert 55 < other.held().seconds <= 60
    with pytest.raises(OnHold, match="because"), other.place(patience=0.1):
        pass
    other.release()
    with other.place(patience=0.1):
        pass


def test_without_redis_it_keeps_a_slow_pace_of_its_own(base_name, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    limiter = Limiter(base_name, 10)
    sent = run(limiter, 3)
    assert sent[2] - sent[0] >= 0.38
    limiter.hold(60, "because")
    with pytest.raises(OnHold), limiter.place(patience=0.1):
        pass


def test_the_engine_never_meets_the_limit_of_a_real_pace(base, settings):
    from tests.factories import MentorFactory
    from tests.sync.conftest import drain

    settings.AIRTABLE_RPS = 5
    base.server.limiter.rps = 5
    MentorFactory.create_batch(60)
    drain()
    assert base.server.limiter.refused == 0
    assert len(base.rows("Mentors")) == 60
