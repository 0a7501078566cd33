from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest
import redis as redis_client
from django.conf import settings as configured
from django.db import connection, connections

from sync import limiter
from sync.limiter import Lane, Limiter, OnHold
from sync.models import BaseBinding

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def base_name():
    return f"test/app{uuid.uuid4().hex[:12]}"


@pytest.fixture(autouse=True)
def remembers(base_name):
    """Redis was not emptied a moment ago."""
    client = redis_client.Redis.from_url(configured.REDIS_URL)
    client.set("oh:airtable:open", "0")
    return client


def run(pace, count, workers=1, seconds=0.0, lane=Lane.SYNC):
    """The moments at which requests were sent."""
    sent, lock = [], threading.Lock()

    def work():
        with limiter.lane(lane):
            for _ in range(count):
                with pace.place(patience=20):
                    with lock:
                        sent.append(time.monotonic())
                    time.sleep(seconds)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(sent)


def most_in_a_second(sent):
    return max(sum(1 for other in sent if 0 <= other - moment < 1.0) for moment in sent)


def test_never_more_than_five_in_any_second_however_many_ask(base_name):
    sent = run(Limiter(base_name, 5), 4, workers=4)
    assert len(sent) == 16
    assert most_in_a_second(sent) == 5


def test_the_pace_is_used_up(base_name):
    sent = run(Limiter(base_name, 5), 21)
    assert sent[20] - sent[0] < 4.3  # 4 s are what five a second allow


class TestLanes:
    @pytest.mark.timing
    def test_a_person_is_served_within_a_second_while_whole_tables_are_read(self, base_name):
        pace = Limiter(base_name, 5)
        bulk = [
            threading.Thread(target=run, args=(pace, 5), kwargs={"lane": Lane.BACKFILL})
            for _ in range(6)
        ]
        for thread in bulk:
            thread.start()
        waited = []
        for _ in range(4):
            time.sleep(0.37)
            asked = time.monotonic()
            with limiter.lane(Lane.PEOPLE), pace.place():
                waited.append(time.monotonic() - asked)
        for thread in bulk:
            thread.join()
        assert max(waited) < 1.1

    @pytest.mark.timing
    def test_bulk_work_is_not_starved_by_people(self, base_name):
        pace = Limiter(base_name, 5)
        ends = time.monotonic() + 4.5

        def people():
            with limiter.lane(Lane.PEOPLE):
                while time.monotonic() < ends:
                    with pace.place():
                        pass

        crowd = [threading.Thread(target=people) for _ in range(8)]
        for thread in crowd:
            thread.start()
        try:
            with pace.place():  # SYNC may be kept waiting for two seconds
                assert time.monotonic() < ends
        finally:
            for thread in crowd:
                thread.join()

    def test_one_that_died_waiting_stops_nobody(self, base_name):
        pace = Limiter(base_name, 5)
        client = redis_client.Redis.from_url(configured.REDIS_URL)
        key = f"oh:airtable:{base_name}"
        for name in ("a", "b", "c", "d", "e"):
            client.zadd(f"{key}:waiting", {name: 0})
            client.zadd(f"{key}:seen", {name: time.time()})
        asked = time.monotonic()
        with pace.place():
            assert time.monotonic() - asked < 1.0


class TestHolds:
    def test_a_hold_binds_every_process(self, base_name):
        Limiter(base_name, 5).hold(60, "because")
        other = Limiter(base_name, 5)
        assert 55 < other.held().seconds <= 60
        with pytest.raises(OnHold, match="because"), other.place(patience=0.1):
            pass
        other.release()
        with other.place(patience=0.1):
            pass

    def test_a_hold_outlives_redis(self, base_name, remembers):
        BaseBinding.objects.create(base_id=base_name.partition("/")[2], deployment_id="x")
        Limiter(base_name, 5).hold(60, "because")
        remembers.delete(f"oh:airtable:{base_name}:hold", "oh:airtable:open")

        with pytest.raises(OnHold, match="because"), Limiter(base_name, 5).place(patience=0.1):
            pass


class TestWithoutRedis:
    @pytest.fixture
    def no_redis(self, settings, monkeypatch):
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        monkeypatch.setattr(limiter, "QUIET", 0.3)

    def test_one_request_at_a_time_well_below_the_limit(self, base_name, no_redis):
        began = time.monotonic()
        sent = run(Limiter(base_name, 5), 2, workers=3)
        assert sent[0] - began >= 0.3  # what Redis still counted is over
        assert most_in_a_second(sent) <= 4

    def test_a_hold_is_heeded(self, base_name, no_redis):
        BaseBinding.objects.create(base_id=base_name.partition("/")[2], deployment_id="x")
        Limiter(base_name, 5).hold(60, "because")
        with pytest.raises(OnHold, match="because"), Limiter(base_name, 5).place(patience=0.1):
            pass


ASKING = """
import sys, time
import django
django.setup()
from sync.limiter import Lane, Limiter, lane
pace = Limiter(sys.argv[1], 5)
print("ready", flush=True)
sys.stdin.readline()
ends = time.time() + 6
with lane(Lane.PEOPLE):
    while time.time() < ends:
        with pace.place(patience=20):
            print(repr(time.time()), flush=True)
"""


def database_url():
    database = connection.settings_dict
    host = quote(str(database["HOST"]), safe="")
    port = f"&port={database['PORT']}" if database["PORT"] else ""
    login = f"{quote(database['USER'])}:{quote(database['PASSWORD'])}"
    return f"postgres://{login}@/{quote(database['NAME'])}?host={host}{port}"


@pytest.mark.race
@pytest.mark.crowd
class TestProcessesTogether:
    def asking(self, base_name, meanwhile):
        """When three processes sent something, while `meanwhile` happens half a second after five did."""
        processes = [
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", ASKING, base_name],
                cwd=ROOT,
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "config.settings.base",
                    "DATABASE_URL": database_url(),
                    "REDIS_URL": configured.REDIS_URL,
                    "VAR_DIR": str(configured.VAR_DIR),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout.readline().strip() == "ready"
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        time.sleep(1.5)
        assert meanwhile()
        return sorted(
            float(line) for process in processes for line in process.communicate()[0].split()
        )

    def test_emptying_redis_lets_nobody_send_more(self, base_name, remembers):
        key = f"oh:airtable:{base_name}:calls"
        sent = self.asking(base_name, lambda: remembers.delete(key, "oh:airtable:open"))
        assert len(sent) > 10
        assert most_in_a_second(sent) <= 5

    def test_the_race_is_real_without_the_mark_that_redis_remembers(self, base_name, remembers):
        key = f"oh:airtable:{base_name}:calls"
        assert most_in_a_second(self.asking(base_name, lambda: remembers.delete(key))) > 5
