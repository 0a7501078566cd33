from __future__ import annotations

import pytest
from django.utils import timezone

from sync import guard, selectors, services
from sync.models import BaseBinding, OutboxRow
from tests.factories import MenteeFactory
from tests.people import bob
from tests.sync.conftest import drain, outbox_of


class TestTheGuard:
    def test_a_base_on_this_machine_is_bound_at_the_first_start(self, base):
        bob()
        drain()
        assert BaseBinding.objects.get().bound_by == "first start"
        assert len(base.rows("Mentors")) == 1

    def test_a_base_elsewhere_is_not(self, base, settings):
        bob()
        settings.AIRTABLE_API_URL = "https://api.airtable.example"
        sent = drain()
        assert "sync_bind --yes" in sent.stopped
        assert not BaseBinding.objects.exists()
        assert OutboxRow.objects.count() == 1

    def test_an_unbound_deployment_writes_nothing(self, base):
        BaseBinding.objects.create(base_id="appSomethingElse1", deployment_id="x")
        bob()
        assert "not bound" in drain().stopped
        assert base.requests("PATCH") == []

    def test_a_restored_copy_is_unbound_again(self, base, settings, tmp_path):
        """Trap 15: a copy of the database must not correct the real base."""
        bob()
        drain()
        settings.VAR_DIR = tmp_path / "elsewhere"  # the database came along, this folder did not
        bob_again = OutboxRow.objects.create(subject="mentor", object_id=_any_mentor())
        base.forget_requests()

        sent = drain()

        assert "restored copy" in sent.stopped
        assert base.requests() == []
        assert OutboxRow.objects.filter(pk=bob_again.pk).exists()
        assert "restored copy" in selectors.paused()

    def test_another_database_is_another_deployment(self, base, monkeypatch):
        first = guard.deployment_id()
        monkeypatch.setattr(guard, "_database_identity", lambda: ["7", "9"])
        assert guard.deployment_id() != first

    def test_the_switch_is_asked_before_every_write(self, base):
        """Trap 15: when something is sent, not when it was noted."""
        bob()
        guard.bind(by="test")
        BaseBinding.objects.update(paused=True)
        assert "paused" in drain().stopped
        assert base.requests("PATCH") == []

    def test_no_webhook_is_made_either(self, base):
        BaseBinding.objects.create(base_id=_base_id(), deployment_id="another's")
        services.pull()
        assert base.requests("POST") == []


class TestWithoutAKey:
    def test_nothing_happens_quietly(self, db, settings):
        settings.AIRTABLE_API_KEY = None
        bob()
        assert services.drain() is None
        assert services.pull().stopped == ""
        services.keep_webhook()
        assert OutboxRow.objects.count() == 1


@pytest.mark.parametrize(
    ("url", "is_loopback"),
    [
        ("http://127.0.0.1:9000", True),
        ("http://[::1]:9000", True),
        ("http://localhost", True),
        ("https://api.airtable.com", False),
        ("http://127.0.0.1.example.com", False),
        ("nonsense", False),
    ],
)
def test_loopback(url, is_loopback):
    assert guard.is_loopback(url) is is_loopback


def _any_mentor():
    from mentors.models import Mentor

    return Mentor.objects.get().pk


def _base_id():
    from sync.sandbox import BASE_ID

    return BASE_ID


class TestAPausedTable:
    def test_it_waits_and_the_others_go_on(self, base):
        mentor, mentee = bob().mentor, MenteeFactory()
        services.pause_table(table="Mentors", by="Carol", note="tidying", now=timezone.now())

        drain()

        assert base.rows("Mentors") == []
        assert outbox_of(mentor).attempts == 0
        assert base.of("Mentees", mentee)

        services.resume_table(table="Mentors")
        drain()

        assert base.of("Mentors", mentor)
