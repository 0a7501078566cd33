"""Trap 8: the log of payloads, its cursor, and what was lost of it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from accounts.models import User
from mentors.models import Mentor
from sync import airtable, intake, services
from sync.locks import only_one
from sync.models import InboundChange, WebhookRegistration
from sync.people_models import Invitation
from tests.sync.conftest import drain, pull


def live():
    return WebhookRegistration.objects.get(is_live=True)


def log_of(base):
    return base.server.base.webhooks.hooks[live().webhook_id].payloads


@contextmanager
def going_away(event, row="true"):
    """To whoever does this, the database answers as when it is shut down."""
    name = "gone_" + "".join(filter(str.isalpha, event)).lower()
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'shutting down' USING ERRCODE = '57P01'; END $$;"
            f"CREATE TRIGGER {name} BEFORE {event} FOR EACH ROW WHEN ({row})"
            f" EXECUTE FUNCTION {name}()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP FUNCTION {name}() CASCADE")


class TestTrap8:
    def test_trap_8_two_readers_store_each_payload_once(self, base, mentor):
        other = live()
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Bio="One")
        there = airtable.connect()
        assert intake.fetch(there, live(), now=timezone.now()) == 1
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Bio="Two")

        # This one still has the cursor of before, as a second worker would.
        intake.fetch(there, other, now=timezone.now())

        positions = list(InboundChange.objects.values_list("position", flat=True))
        assert len(positions) == len(set(positions))
        assert live().cursor == max(positions) + 1
        assert sorted(log_of(base)) == sorted(positions)

    def test_trap_8_a_gap_in_the_log_has_the_base_read(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        base.edit("Mentors", record, Bio="Told by a payload that is lost")
        lost = max(log_of(base))
        base.edit("Mentors", record, Headline="Told by one that is not")
        del log_of(base)[lost]
        pull()
        assert live().needs_scan

        pull()
        mentor.refresh_from_db()
        assert mentor.bio == "Told by a payload that is lost"
        assert not live().needs_scan

    def test_without_a_gap_nothing_is_scanned(self, base, mentor):
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Bio="One")
        pull()
        assert not live().needs_scan

    @pytest.mark.django_db(transaction=True)
    def test_trap_8_what_can_be_neither_applied_nor_remembered_is_read_again(self, base, mentor):
        """The database goes away in the middle, and is back before the payloads are marked as applied."""
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Headline="Told once")
        with (
            going_away("UPDATE ON mentors_mentor"),
            going_away("INSERT ON sync_inboundchange", f"NEW.webhook = '{InboundChange.AGAIN}'"),
            pytest.raises(OperationalError),
        ):
            pull()
        last = InboundChange.objects.get(position=max(log_of(base)))
        assert last.applied_at is None
        mentor.refresh_from_db()
        assert mentor.headline != "Told once"

        pull()
        mentor.refresh_from_db()
        assert mentor.headline == "Told once"
        assert not InboundChange.objects.filter(applied_at=None).exists()


class TestPeopleGoAheadOfBulkWork:
    @pytest.fixture
    def busy(self, base):
        """Another worker is sending, and will be for a while."""
        pull()
        with only_one(f"engine:{airtable.connect().base_id}") as mine:
            assert mine
            yield

    def test_a_new_person_is_admitted_while_another_worker_sends(self, base, busy):
        base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
        base.create("Mentees", Name="Eli", Email="eli@example.com", Is_Active=True)
        services.pull_now()
        assert set(User.objects.values_list("email", flat=True)) == {
            "dana@example.com",
            "eli@example.com",
        }

    def test_the_rest_is_left_to_the_next_pull_which_admits_nobody_twice(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        with only_one(f"engine:{airtable.connect().base_id}"):
            base.edit("Mentors", record, Bio="Edited")
            base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
            services.pull_now()
        mentor.refresh_from_db()
        assert mentor.bio != "Edited"
        pull()
        drain()
        mentor.refresh_from_db()
        assert mentor.bio == "Edited"
        assert Mentor.objects.count() == 2
        assert Invitation.objects.count() == 1

    def test_a_row_that_waited_for_its_address_is_taken_up_too(self, base):
        pull()
        record = base.create("Mentors", Name="Dana", Is_Active=True)
        pull()
        with only_one(f"engine:{airtable.connect().base_id}"):
            base.edit("Mentors", record, Email="dana@example.com")
            services.pull_now()
        assert Mentor.objects.get().user.email == "dana@example.com"

    def test_when_nobody_else_is_at_work_everything_is_read(self, base, mentor):
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Bio="Edited")
        services.pull_now()
        mentor.refresh_from_db()
        assert mentor.bio == "Edited"
