from __future__ import annotations

import pytest
from django.utils import timezone

from mentors.models import Mentor
from sessions_app.models import Feedback
from sync import limiter, outbox, services
from sync.models import OutboxRow, RecordLink, SyncLag
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window
from tests.people import bob
from tests.sync.conftest import booked, drain, drain_later, link_of, outbox_of


class TestCreating:
    def test_a_mentor_gets_one_record_with_every_field(self, base):
        mentor = bob(areas=["Sales", "Fundraising"], languages=["English"]).mentor

        drain()

        fields = base.row("Mentors")["fields"]
        assert fields["Name"] == "Bob Mentor"
        assert fields["Email"] == "bob@example.com"
        assert fields["Expertise"] == ["Fundraising", "Sales"]
        assert fields["Languages"] == ["English"]
        assert fields["Is Active"] is True
        assert fields["Weekly Load Cap"] == 5
        assert fields["Visibility"] == "public"
        assert fields["Timezone"] == "UTC"
        assert fields["Utilization"] == 0
        assert fields["Platform ID"] == str(mentor.pk)
        assert fields["Last Synced"]
        assert not OutboxRow.objects.exists()
        assert link_of(mentor).ancestor["Bio"] == mentor.bio

    def test_hours_are_linked_to_their_mentor_in_the_same_run(self, base):
        mentor = bob().mentor
        window = open_window(mentor, capacity=3, location="Room 4")

        drain()

        fields = base.of("Availability", window)["fields"]
        assert fields["Mentor"] == [base.of("Mentors", mentor)["id"]]
        assert fields["Max Slots"] == 3
        assert fields["Location"] == "Room 4"
        assert fields["Starts"] == window.starts_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def test_many_go_in_tens(self, base):
        MentorFactory.create_batch(23)

        drain()

        assert len(base.rows("Mentors")) == 23
        assert [r["records"] for r in base.requests("PATCH")] == [10, 10, 3]

    def test_load_mentors_and_their_hours_stay_out(self, base):
        mentor = MentorFactory(is_synthetic=True, areas=["Sales"])
        open_window(mentor)
        mentor.user.name = "Somebody else"
        mentor.user.save()

        assert not OutboxRow.objects.exists()

    def test_a_word_of_ours_that_the_base_lacks_becomes_a_choice(self, base):
        bob(industries=["Space"])

        drain()

        assert base.row("Mentors")["fields"]["Industries"] == ["Space"]


class TestUpdating:
    def test_only_what_differs_is_sent(self, base):
        mentor = bob().mentor
        drain()
        base.forget_requests()

        mentor.headline = "Now in Berlin"
        mentor.save()
        drain()

        assert base.of("Mentors", mentor)["fields"]["Headline"] == "Now in Berlin"
        assert len(base.requests("PATCH")) == 1

    def test_a_change_that_is_none_costs_no_request(self, base):
        mentor = bob().mentor
        drain()
        base.forget_requests()

        Mentor.objects.filter(pk=mentor.pk).update(headline="x")
        Mentor.objects.filter(pk=mentor.pk).update(headline=mentor.headline)
        sent = drain()

        assert sent.settled == 1
        assert base.requests() == []
        assert not OutboxRow.objects.exists()

    def test_blanks_at_the_end_are_no_change(self, base):
        mentor = bob(bio="Two lines\r\n\r\nof text  ").mentor
        drain()

        mentor.bio = "Two lines\n\nof text"
        mentor.save()

        assert drain().settled == 1

    def test_a_change_during_the_sending_is_sent_after_it(self, base):
        mentor = bob().mentor
        drain()
        Mentor.objects.filter(pk=mentor.pk).update(headline="first")
        row = outbox.claim("mentor", now=timezone.now())[0]
        Mentor.objects.filter(pk=mentor.pk).update(headline="second")
        outbox.finish([row])
        drain()

        assert base.of("Mentors", mentor)["fields"]["Headline"] == "second"
        assert outbox_of(mentor) is None

    def test_withdrawn_hours_leave_the_base(self, base):
        window = open_window(bob().mentor)
        drain()

        window.is_active = False
        window.save()
        drain()

        assert base.rows("Availability") == []
        assert link_of(window).state == RecordLink.State.DELETED_REMOTE

    def test_lag_is_measured(self, base):
        bob()
        drain()

        assert SyncLag.objects.get().seconds < 30


class TestFailures:
    def test_one_poisoned_record_is_found_and_buried_alone(self, base):
        """Trap 10: one record of ten is refused, and the nine go through."""
        mentor, mentee = bob().mentor, MenteeFactory()
        sessions = [booked(mentor, mentee, days=day) for day in range(1, 11)]
        poison = sessions[4]
        Feedback.objects.create(session=poison, side="mentee", overall=5)
        base.server.base.table("Sessions").find_field("Rating").options["max"] = 3

        sent = drain()

        assert sent.dead == 1
        assert len(base.rows("Sessions")) == 9
        dead = OutboxRow.objects.get()
        assert (dead.object_id, dead.status) == (poison.pk, "dead")
        assert "Rating" in dead.last_error

    def test_a_dead_letter_is_replayed_with_the_object_as_it_is_now(self, base):
        """Trap 10: not as it was when it was refused."""
        session = booked(bob().mentor, MenteeFactory())
        feedback = Feedback.objects.create(session=session, side="mentee", overall=5)
        rating = base.server.base.table("Sessions").find_field("Rating").options
        rating["max"] = 3
        drain()
        assert outbox_of(session).status == "dead"

        rating["max"] = 5
        assert services.replay() == 1
        drain()

        assert base.of("Sessions", session)["fields"]["Rating"] == feedback.overall
        assert outbox_of(session) is None

    def test_a_further_change_gives_a_dead_letter_another_chance(self, base):
        session = booked(bob().mentor, MenteeFactory())
        feedback = Feedback.objects.create(session=session, side="mentee", overall=5)
        base.server.base.table("Sessions").find_field("Rating").options["max"] = 3
        drain()

        feedback.overall = 2
        feedback.save()
        drain()

        assert base.of("Sessions", session)["fields"]["Rating"] == 2

    def test_a_field_that_was_retyped_blocks_itself_and_not_the_table(self, base):
        base.server.base.table("Mentors").find_field("Headline").type = "number"
        bob()

        drain()

        assert base.row("Mentors")["fields"]["Name"] == "Bob Mentor"

    def test_an_answer_that_got_lost_makes_no_second_record(self, base):
        mentor = bob().mentor
        base.fault("timeout_after_apply", method="PATCH", delay=0.05)

        drain()
        assert outbox_of(mentor).error_kind == "ambiguous"
        drain_later()

        assert len(base.rows("Mentors")) == 1
        assert outbox_of(mentor) is None

    @pytest.mark.parametrize("kind", ["error_after_apply", "error_before", "drop_connection"])
    def test_a_broken_exchange_is_repeated(self, base, kind):
        mentor = bob().mentor
        base.fault(kind, method="PATCH")

        drain()
        drain_later()

        assert base.row("Mentors")["fields"]["Platform ID"] == str(mentor.pk)

    def test_the_rate_limit_holds_everybody_for_half_a_minute(self, base):
        """Trap 11: a 429 of the rate costs the whole base half a minute."""
        bob()
        base.fault("error_before", status=429, type="RATE_LIMIT_REACHED", method="PATCH")

        sent = drain()

        assert "rate limit" in sent.stopped
        held = limiter.for_base().held()
        assert 28 < held.seconds < 34
        limiter.for_base().release()
        drain_later()
        assert len(base.rows("Mentors")) == 1

    def test_a_spent_quota_opens_the_circuit(self, base):
        """Trap 11: a 429 of the month's quota is another matter, and is not repeated."""
        mentor = bob().mentor
        MenteeFactory()
        base.fault(
            "error_before", status=429, type="PUBLIC_API_BILLING_LIMIT_EXCEEDED", method="PATCH"
        )

        sent = drain()

        assert "quota" in sent.stopped
        assert limiter.for_base().held().seconds > 3000
        assert outbox_of(mentor).status == "pending"
        assert drain_later().written == 0

    def test_a_refused_key_stops_and_loses_nothing(self, base, settings):
        mentor = bob().mentor
        settings.AIRTABLE_API_KEY = "patWrong"

        drain()

        assert outbox_of(mentor).status == "pending"
