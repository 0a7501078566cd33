"""The outbox with real transactions beside each other, and with several workers at the real pace."""

from __future__ import annotations

import pytest
from django.db import connection
from django.utils import timezone

from benchmarks.base import Workers, sandbox
from mentors.models import Mentor
from sync import outbox, services
from sync.models import OutboxRow
from tests.factories import MentorFactory
from tests.people import bob
from tests.sync.conftest import drain

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_change_that_commits_late_is_sent_all_the_same(base):
    """Trap 9: ids are handed out before commit, so a consumer that remembers the highest loses rows."""
    early, late = bob().mentor, MentorFactory()
    drain()
    slow = connection.copy()
    try:
        with slow.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("UPDATE mentors_mentor SET bio = 'late' WHERE id = %s", [late.pk])
            Mentor.objects.filter(pk=early.pk).update(bio="early")
            drain()
            assert not OutboxRow.objects.exists()
            cursor.execute("COMMIT")
    finally:
        slow.close()

    drain()

    assert base.of("Mentors", late)["fields"]["Bio"] == "late"


def test_a_row_is_claimed_by_one_worker_only():
    MentorFactory.create_batch(5)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT id FROM sync_outboxrow ORDER BY id LIMIT 2 FOR UPDATE")
            locked = {id_ for (id_,) in cursor.fetchall()}
            taken = {row.pk for row in outbox.claim("mentor", now=timezone.now())}
            assert len(taken) == 3
            assert not taken & locked
            cursor.execute("ROLLBACK")
    finally:
        other.close()
    assert len(outbox.claim("mentor", now=timezone.now())) == 2


@pytest.mark.crowd
def test_three_workers_together_stay_below_the_limit(settings, tmp_path):
    """Trap 11: the limit is of the base, however many processes ask."""
    for name in ("AIRTABLE_API_KEY", "AIRTABLE_BASE_ID", "AIRTABLE_API_URL", "AIRTABLE_RPS"):
        setattr(settings, name, getattr(settings, name))  # put back afterwards
    settings.VAR_DIR = tmp_path
    MentorFactory.create_batch(150)
    with sandbox(tmp_path / "base.db", rps=5) as base:
        crew = Workers(3)
        try:
            services.pull()
            crew.start()
            results = crew.results()
        finally:
            crew.kill()
        assert sum(result["written"] for result in results) == 150
        assert base.refused() == 0
        assert base.most_in_a_second() <= 5
    assert not OutboxRow.objects.exists()
