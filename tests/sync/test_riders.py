"""How booked a mentor is rides along with other changes, and goes by itself once a night."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from mentors.models import Mentor
from sync.models import OutboxRow, SyncLag
from sync.reconcile.models import ReconcileRun
from tests.factories import MenteeFactory, MentorFactory
from tests.sync.comparing import compare
from tests.sync.conftest import booked, drain, outbox_of, pull

NIGHT = ReconcileRun.Purpose.NIGHT


def utilization(base, mentor):
    return base.of("Mentors", mentor)["fields"].get("Utilization")


def writes(base):
    mentors = base.server.base.table("Mentors").id
    return [r for r in base.requests("PATCH") if mentors in r["path"]]


@pytest.fixture
def booked_mentor(base, mentor):
    """Bob, half of whose week is taken since his row was last written."""
    Mentor.objects.filter(pk=mentor.pk).update(weekly_load_cap=2)
    drain()
    booked(mentor, MenteeFactory(), days=0)
    drain()
    pull()
    SyncLag.objects.all().delete()
    base.forget_requests()
    assert utilization(base, mentor) == 0
    return mentor


def test_by_itself_once_a_night(base, booked_mentor):
    other = MentorFactory()
    drain()
    base.forget_requests()
    SyncLag.objects.all().delete()

    compare(purpose=NIGHT)
    assert outbox_of(other) is None  # nothing of theirs is out of date
    drain()

    assert utilization(base, booked_mentor) == 0.5
    assert len(writes(base)) == 1
    assert not SyncLag.objects.exists()  # nobody waited for it
    assert not OutboxRow.objects.exists()

    pull()
    base.forget_requests()
    compare(purpose=NIGHT)
    drain()
    assert not base.requests("PATCH")


@pytest.mark.parametrize(
    "how", [{}, {"purpose": NIGHT, "dry_run": True}], ids=["asked", "rehearsed"]
)
def test_not_by_any_other_comparison(base, booked_mentor, how):
    compare(**how)
    drain()
    assert not writes(base)


def test_a_refused_row_is_left_in_its_trouble(base, booked_mentor):
    OutboxRow.objects.create(
        subject="mentor",
        object_id=booked_mentor.pk,
        status="dead",
        attempts=4,
        last_error="Refused.",
    )
    compare(purpose=NIGHT)
    row = outbox_of(booked_mentor)
    assert (row.status, row.attempts, row.with_riders) == ("dead", 4, True)


def test_what_was_sent_meanwhile_is_not_sent_again(base, booked_mentor):
    compare(purpose=NIGHT)
    Mentor.objects.filter(pk=booked_mentor.pk).update(headline="Changed in the same minute")
    drain()
    assert utilization(base, booked_mentor) == 0.5
    assert SyncLag.objects.count() == 1
    base.forget_requests()
    later = timezone.now() - timedelta(seconds=1)
    OutboxRow.objects.create(
        subject="mentor", object_id=booked_mentor.pk, with_riders=True, next_attempt_at=later
    )
    sent = drain()
    assert sent.settled == 1
    assert not base.requests("PATCH")
