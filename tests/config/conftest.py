from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from django.utils import timezone

from matching.models import MatchImpression, MatchRequest, MentorEmbedding, ModelUse
from mentors.models import Block, SavedMentor
from sessions_app.models import (
    Feedback,
    HoursException,
    Notification,
    SessionEvent,
    WeeklyHours,
)
from sync.models import (
    BaseBinding,
    InboundChange,
    OutboxRow,
    RecordLink,
    SyncConflict,
    WebhookRegistration,
)
from sync.reconcile.models import ReconcileRun
from sync.rollout.models import ShadowDifference
from tests import people
from tests.config.console import TOMORROW, booked, window
from tests.config.services import Visitor


@pytest.fixture
def folder():
    """A short folder that every account may walk through; pytest's own is private to us."""
    path = Path(tempfile.mkdtemp(prefix="oh-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def visitor():
    everybody: list[Visitor] = []

    def come(var_dir: Path, *words: str, **more) -> Visitor:
        everybody.append(Visitor(var_dir, *words, **more))
        return everybody[-1]

    yield come
    for one in everybody:
        one.is_killed()


@pytest.fixture
def world():
    """At least one row of everything that the console shows."""
    alice, bob, mallory = people.alice(), people.bob(areas=["Sales"]), people.mallory()
    mentor, mentee = bob.mentor, alice.mentee
    window(mentor)
    WeeklyHours.objects.create(
        mentor=mentor, weekday=1, starts="09:00", ends="12:00", starts_on=TOMORROW.date()
    )
    HoursException.objects.create(mentor=mentor, date=TOMORROW.date(), reason="Holiday")
    session = booked(mentor, mentee)
    SessionEvent.objects.create(session=session, at=timezone.now(), by=alice, to_status="booked")
    Feedback.objects.create(session=session, side="mentee", overall=5, comment="Good")
    Notification.objects.create(session=session, recipient=alice, kind="booked", version=1)
    SavedMentor.objects.create(mentee=mentee, mentor=mentor)
    Block.objects.create(mentee=mallory.mentee, mentor=mentor, kind="conflict")
    request = MatchRequest.objects.create(
        user=alice, query="money", model_id="m", policy="p", took_ms=3
    )
    MatchImpression.objects.create(request=request, mentor=mentor, position=1, score=80)
    MentorEmbedding.objects.create(
        mentor=mentor, model_id="m", chunk_no=0, text="Sales", text_hash="x", vector=[1.0, 0.0]
    )
    ModelUse.objects.create(month=TOMORROW.date().replace(day=1), purpose="ordering", model_id="m")
    OutboxRow.objects.get_or_create(subject="mentor", object_id=mentor.pk)
    RecordLink.objects.create(
        table="Mentors", record_id="rec1", subject="mentor", object_id=mentor.pk
    )
    SyncConflict.objects.create(
        subject="mentor",
        object_id=mentor.pk,
        field="headline",
        winner="local",
        local="a",
        remote="b",
    )
    InboundChange.objects.create(webhook="ach1", position=1, payload={"x": 1})
    registration = WebhookRegistration(webhook_id="ach1", base_id="app1")
    registration.keep_secret("c2VjcmV0")
    registration.save()
    BaseBinding.objects.create(base_id="app1", deployment_id="here")
    run = ReconcileRun.objects.create(base_id="app1", purpose="asked", tables=["Mentors"])
    run.differences.create(
        table="Mentors",
        subject="mentor",
        kind="field",
        field="Bio",
        side="here",
        here="a",
        there="b",
    )
    ShadowDifference.objects.create(
        endpoint="mentor_list", key=mentor.pk, field="bio", there="a", here="b"
    )
    return mentor
