"""Every path by which a row may be written notes the object, in the writer's own transaction."""

from __future__ import annotations

import re

import pytest
from django.db import ProgrammingError, connection, transaction

from accounts.models import User
from mentors.models import Expertise, Mentor
from sessions_app.models import AvailabilityWindow, Feedback, Meeting, Session
from sync.mappings import REGISTRY
from sync.models import OutboxRow
from tests.factories import ExpertiseFactory, MenteeFactory, MentorFactory
from tests.hours import open_window
from tests.sync.conftest import booked, outbox_of

pytestmark = pytest.mark.django_db


def forget():
    OutboxRow.objects.all().delete()


@pytest.fixture
def mentor():
    found = MentorFactory(areas=["Sales"])
    forget()
    return found


class TestEveryWritePathIsNoted:
    def test_one_row_however_often(self, mentor):
        mentor.bio = "save"
        mentor.save()
        Mentor.objects.filter(pk=mentor.pk).update(bio="update")
        Mentor.objects.bulk_update([Mentor(pk=mentor.pk, bio="bulk")], ["bio"])
        with connection.cursor() as cursor:
            cursor.execute("UPDATE mentors_mentor SET bio = 'sql' WHERE id = %s", [mentor.pk])

        row = OutboxRow.objects.get()
        assert (row.subject, row.object_id, row.generation) == ("mentor", mentor.pk, 4)

    def test_bulk_create(self, mentor):
        window = open_window(mentor)
        forget()
        window.pk = None
        AvailabilityWindow.objects.filter().delete()
        forget()
        AvailabilityWindow.objects.bulk_create(
            [AvailabilityWindow(mentor=mentor, starts_at=window.starts_at, ends_at=window.ends_at)]
        )
        assert OutboxRow.objects.get().subject == "window"

    def test_delete(self, mentor):
        window = open_window(mentor)
        forget()
        key = window.pk
        window.delete()
        assert OutboxRow.objects.get().object_id == key

    def test_a_rolled_back_write_leaves_nothing(self, mentor):
        with transaction.atomic():
            Mentor.objects.filter(pk=mentor.pk).update(bio="x")
            transaction.set_rollback(True)
        assert not OutboxRow.objects.exists()

    def test_the_same_value_is_no_change(self, mentor):
        mentor.save()
        Mentor.objects.filter(pk=mentor.pk).update(session_minutes=45)  # not in the base
        assert not OutboxRow.objects.exists()

    def test_a_row_under_way_keeps_its_time(self, mentor):
        Mentor.objects.filter(pk=mentor.pk).update(bio="x")
        before = OutboxRow.objects.get()
        OutboxRow.objects.update(next_attempt_at="2099-01-01T00:00Z")
        Mentor.objects.filter(pk=mentor.pk).update(bio="y")
        after = OutboxRow.objects.get()
        assert after.next_attempt_at.year == 2099
        assert after.changed_at > before.changed_at


class TestWhatFeedsARecordIsWatchedToo:
    @pytest.mark.parametrize("column", ["name", "email", "time_zone", "photo_source"])
    def test_the_person(self, mentor, column):
        User.objects.filter(pk=mentor.user_id).update(**{column: "https://a.example/b@c.de"})
        assert outbox_of(mentor) is not None

    def test_not_when_they_were_last_seen(self, mentor):
        User.objects.filter(pk=mentor.user_id).update(last_seen_at="2026-01-01T00:00Z")
        assert not OutboxRow.objects.exists()

    def test_expertise(self, mentor):
        row = ExpertiseFactory(mentor=mentor, area="Hiring")
        assert outbox_of(mentor).generation == 1
        Expertise.objects.filter(pk=row.pk).update(area="Legal")
        Expertise.objects.filter(pk=row.pk).update(weight=5)
        row.delete()
        assert outbox_of(mentor).generation == 3

    def test_the_meeting_and_the_feedback_of_a_session(self, mentor):
        session = booked(mentor, MenteeFactory())
        forget()
        Meeting.objects.filter(pk=session.meeting_id).update(meeting_url="https://b.example")
        assert outbox_of(session).generation == 1
        Feedback.objects.create(session=session, side="mentee", overall=4)
        assert outbox_of(session).generation == 2

    def test_a_moved_meeting_moves_its_sessions(self, mentor):
        session = booked(mentor, MenteeFactory())
        forget()
        Meeting.objects.filter(pk=session.meeting_id).update(
            starts_at=session.starts_at.replace(minute=5)
        )
        assert outbox_of(session) is not None


class TestLoadMentorsAreOutside:
    def test_with_everything_they_have(self):
        synthetic = MentorFactory(is_synthetic=True, areas=["Sales"])
        mentee = MenteeFactory()
        forget()
        open_window(synthetic)
        session = booked(synthetic, mentee, days=9)
        Feedback.objects.create(session=session, side="mentee", overall=3)
        Session.objects.filter(pk=session.pk).update(goal="x")
        User.objects.filter(pk=synthetic.user_id).update(name="x")
        assert not OutboxRow.objects.exists()


def test_every_mapped_column_is_in_the_installed_trigger():
    """The triggers are generated from the mappings; this notices a forgotten migration."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger"
            " WHERE tgname LIKE 'pgtrigger_note_%'"
        )
        definitions = cursor.fetchall()
    for mapping in REGISTRY:
        text = " ".join(
            sql for table, sql in definitions if table == mapping.model._meta.db_table
        ).replace('"', "")
        for column in mapping.columns:
            assert re.search(rf"old\.{column}\b.* IS DISTINCT FROM ", text), (mapping, column)


class TestTruncate:
    """It fires no row's trigger, so the base would keep what is gone here."""

    @pytest.mark.parametrize(
        "table", ["mentors_mentor", "sessions_app_session", "mentors_expertise", "accounts_user"]
    )
    def test_it_is_refused(self, table):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL office_hours.may_truncate = 'off'")
            with (
                pytest.raises(ProgrammingError, match=r"TRUNCATE of .* delete the rows instead"),
                transaction.atomic(),
            ):
                cursor.execute(f"TRUNCATE {table} CASCADE")

    def test_a_session_that_says_so_may(self):
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE mentors_mentor CASCADE")
        assert not Mentor.objects.exists()
