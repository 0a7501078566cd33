"""Try again, leave as it is, compare with Airtable: what an operator can do about a record."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from mentors.models import Mentor
from sync import remedies
from sync.models import InboundChange, OutboxRow, RecordLink, SyncEvent
from tests.sync.conftest import drain, link_of, outbox_of, pull, pull_later


def retry(rows=None):
    rows = OutboxRow.objects.all() if rows is None else rows
    return remedies.retry(rows=rows, by="Carol", now=timezone.now())


def changed(mentor, **more):
    """Bob has a new title, and the row stands as told."""
    Mentor.objects.filter(pk=mentor.pk).update(title="Chair")
    OutboxRow.objects.filter(object_id=mentor.pk).update(**more)
    return outbox_of(mentor)


def told():
    """What an operator did."""
    done = SyncEvent.objects.filter(kind__in=("replayed", "ignored"))
    return list(done.order_by("pk").values_list("kind", "detail"))


class TestTryingAgain:
    def test_a_refused_object_goes_as_it_is_now(self, mentor, base):
        changed(mentor, status="dead", attempts=7, last_error="No such choice")
        assert retry() == 1
        row = outbox_of(mentor)
        assert (row.status, row.attempts) == ("pending", 0)
        assert told() == [("replayed", "Tried again, by Carol. It was: No such choice")]
        drain()
        assert base.of("Mentors", mentor)["fields"]["Title"] == "Chair"

    def test_a_long_wait_is_cut_short(self, mentor):
        changed(mentor, next_attempt_at=timezone.now() + timedelta(minutes=4), attempts=6)
        assert retry() == 1
        assert outbox_of(mentor).next_attempt_at <= timezone.now()

    def test_what_a_sender_may_hold_is_not_given_to_a_second(self, mentor):
        due = timezone.now() + timedelta(seconds=59)
        changed(mentor, next_attempt_at=due)
        assert retry() == 0
        assert outbox_of(mentor).next_attempt_at == due
        assert told() == []


class TestLeaving:
    def test_it_is_settled_without_sending_and_recorded(self, mentor, base):
        changed(mentor, status="dead", last_error="No such choice")
        assert remedies.leave(rows=OutboxRow.objects.all(), by="Carol", now=timezone.now()) == 1
        drain()
        assert outbox_of(mentor) is None
        assert base.requests("PATCH") == []
        assert told() == [("ignored", "Not sent, by Carol. It was: No such choice")]

    def test_its_next_change_is_sent_with_what_was_left(self, mentor, base):
        changed(mentor)
        remedies.leave(rows=OutboxRow.objects.all(), by="Carol", now=timezone.now())
        Mentor.objects.filter(pk=mentor.pk).update(headline="Sells to hospitals")
        drain()
        fields = base.of("Mentors", mentor)["fields"]
        assert (fields["Headline"], fields["Title"]) == ("Sells to hospitals", "Chair")


class TestComparing:
    def compare(self, mentor):
        remedies.compare(subject="mentor", object_ids=[mentor.pk], by="Carol", now=timezone.now())

    def test_what_was_wrongly_remembered_is_found_out(self, mentor, base):
        # As after a lost answer or a bug: we believe that Airtable has a title it does not have.
        Mentor.objects.filter(pk=mentor.pk).update(title="Chair")
        OutboxRow.objects.all().delete()
        link = link_of(mentor)
        RecordLink.objects.filter(pk=link.pk).update(
            ancestor={**link.ancestor, "Headline": "Ghost"}
        )
        Mentor.objects.filter(pk=mentor.pk).update(headline="Ghost")
        drain()
        there = base.of("Mentors", mentor)["fields"]
        assert there["Title"] == "Chair"
        assert there.get("Headline", "") != "Ghost"

        self.compare(mentor)
        pull()
        drain()
        # Airtable decides about headlines, so what stands there is what counts.
        mentor.refresh_from_db()
        assert mentor.headline == base.of("Mentors", mentor)["fields"].get("Headline", "")
        assert told()[-1] == ("replayed", "Compared with Airtable again, by Carol.")

    def test_an_object_without_a_record_is_sent(self, mentor, base):
        RecordLink.objects.all().delete()
        self.compare(mentor)
        assert outbox_of(mentor) is not None
        assert not InboundChange.objects.filter(applied_at=None).exists()

    def test_a_row_that_is_gone_there_is_noticed(self, mentor, base):
        base.delete("Mentors", link_of(mentor).record_id)
        InboundChange.objects.all().delete()
        self.compare(mentor)
        pull()
        pull_later()
        mentor.refresh_from_db()
        assert not mentor.is_active
