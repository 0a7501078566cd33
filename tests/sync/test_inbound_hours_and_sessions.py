from __future__ import annotations

from datetime import timedelta

from accounts.models import User
from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow
from sync.models import OutboxRow, RecordLink, SyncConflict, SyncEvent, WebhookRegistration
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.people import alice
from tests.sync.conftest import booked, drain, in_two_days, link_of, outbox_of, pull, pull_later


class TestHours:
    def test_an_edit_moves_the_window(self, base, mentor):
        window = open_window(mentor)
        drain()
        record = base.of("Availability", window)["id"]

        base.edit(
            "Availability", record, Starts=in_two_days(), Ends=in_two_days(3), Location="Room 4"
        )
        pull()

        window.refresh_from_db()
        assert window.ends_at - window.starts_at == timedelta(hours=3)
        assert window.location == "Room 4"

    def test_an_edit_that_would_orphan_a_session_is_refused_and_explained(self, base, mentor):
        window = open_window(mentor)
        mentee = MenteeFactory()
        session = booked(mentor, mentee)
        window.starts_at, window.ends_at = session.starts_at, session.ends_at
        window.save()
        drain()
        record = base.of("Availability", window)["id"]

        base.edit("Availability", record, Starts=in_two_days(-40), Ends=in_two_days(-39))
        pull()
        drain()

        fields = base.of("Availability", window)["fields"]
        assert fields["Starts"] == window.starts_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert "Booked sessions" in fields["Sync Message"]
        assert {row.field for row in SyncConflict.objects.all()} == {"Starts", "Ends"}

    def test_a_deleted_row_withdraws_the_window(self, base, mentor):
        window = open_window(mentor)
        drain()

        base.delete("Availability", base.of("Availability", window)["id"])
        pull()
        drain()

        window.refresh_from_db()
        assert not window.is_active
        assert base.rows("Availability") == []
        assert not OutboxRow.objects.exists()


class TestDeleting:
    def test_deactivates_the_mentor_and_destroys_nothing(self, base, mentor):
        base.delete("Mentors", base.of("Mentors", mentor)["id"])
        pull()
        drain()

        mentor.refresh_from_db()
        assert not mentor.is_active
        assert link_of(mentor).state == RecordLink.State.TOMBSTONE
        assert base.rows("Mentors") == []
        assert User.objects.get(pk=mentor.user_id).status == "active"

    def test_a_mentor_who_is_active_again_gets_a_row_again(self, base, mentor):
        base.delete("Mentors", base.of("Mentors", mentor)["id"])
        pull()
        drain()

        Mentor.objects.filter(pk=mentor.pk).update(is_active=True)
        drain()

        assert base.of("Mentors", mentor)["fields"]["Is Active"] is True

    def test_the_row_of_a_session_comes_back(self, base, mentor):
        session = booked(mentor, MenteeFactory())
        drain()

        base.delete("Sessions", base.of("Sessions", session)["id"])
        pull()
        drain()

        assert "Cancelled" in base.of("Sessions", session)["fields"]["Sync Message"]


class TestSessions:
    def test_appear_with_their_people(self, base, mentor):
        mentee = alice().mentee
        session = booked(mentor, mentee, goal="Pricing")
        drain()

        fields = base.of("Sessions", session)["fields"]
        assert fields["Mentor"] == [base.of("Mentors", mentor)["id"]]
        assert fields["Mentee"] == [base.of("Mentees", mentee)["id"]]
        assert fields["Status"] == "Booked"
        assert fields["Meeting URL"] == "https://meet.example/x"

    def test_a_pm_cancels(self, base, mentor):
        session = booked(mentor, MenteeFactory())
        drain()

        base.edit("Sessions", base.of("Sessions", session)["id"], Status="Cancelled")
        pull()
        drain()

        session.refresh_from_db()
        assert session.status == "cancelled"
        assert not session.meeting.__class__.objects.get(pk=session.meeting_id).live
        assert base.of("Sessions", session)["fields"]["Status"] == "Cancelled"

    def test_everything_else_is_put_back(self, base, mentor):
        session = booked(mentor, MenteeFactory(), goal="Pricing")
        drain()

        record = base.of("Sessions", session)["id"]
        base.edit("Sessions", record, Goal="Something else", Status="Completed")
        pull()
        drain()

        session.refresh_from_db()
        fields = base.of("Sessions", session)["fields"]
        assert (session.status, session.goal) == ("booked", "Pricing")
        assert (fields["Status"], fields["Goal"]) == ("Booked", "Pricing")


class TestTheWebhook:
    def test_that_died_is_replaced_and_what_it_missed_is_read(self, base, mentor):
        hook = WebhookRegistration.objects.get(is_live=True)
        base.server.base.webhooks.delete(hook.webhook_id)
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Headline="In the gap")

        pull()
        pull()

        mentor.refresh_from_db()
        assert mentor.headline == "In the gap"
        assert WebhookRegistration.objects.get(is_live=True).webhook_id != hook.webhook_id

    def test_a_record_that_fails_stops_nobody_and_is_tried_again(self, base, mentor, monkeypatch):
        other = base.create("Mentors", Name="Dana", Email="dana@example.com")
        record = base.of("Mentors", mentor)["id"]
        base.edit("Mentors", record, Headline="After")
        from sync.inbound import RecordMerge

        real = RecordMerge.run

        def broken(self, link):
            if self.change.record_id == other:
                raise RuntimeError("a mistake of ours")
            real(self, link)

        with monkeypatch.context() as patch:
            patch.setattr(RecordMerge, "run", broken)
            pull()
        mentor.refresh_from_db()
        assert mentor.headline == "After"
        assert not Mentor.objects.filter(user__email="dana@example.com").exists()

        pull_later()
        assert Mentor.objects.filter(user__email="dana@example.com").exists()
        assert outbox_of(mentor)


def test_an_edit_that_wins_and_is_refused_is_told_as_refused_alone(base, mentor):
    window = open_window(mentor)
    drain()
    pull()
    AvailabilityWindow.objects.update(capacity=3)
    base.server.clock.advance(timedelta(seconds=1))  # the later edit counts, to the millisecond
    base.edit("Availability", base.of("Availability", window)["id"], Max_Slots=0)

    pull()

    told = SyncEvent.objects.filter(object_id=window.pk, direction="in")
    assert [(event.kind, list(event.fields)) for event in told] == [("refused", ["Max Slots"])]
    assert SyncConflict.objects.get().winner == SyncConflict.Winner.LOCAL
