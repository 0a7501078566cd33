"""The chaos run's judgement of single edits: it excuses what it has proof of, and nothing else."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from benchmarks.chaos.checks import TOLD_NOBODY, Trial
from benchmarks.chaos.ledger import HERE, THERE, Ledger
from sync.mappings import BY_SUBJECT
from sync.models import RecordLink, SyncConflict, SyncEvent

RECORD = "rec00000000000001"
pytestmark = pytest.mark.django_db


class Case:
    """One object's edits of one field, each a second after the one before."""

    def __init__(self, subject, field):
        self.subject, self.field, self.object_id = subject, field, uuid4()
        self.ledger, self.counts, self.untold = Ledger(), Counter(), []
        self.seconds = 0

    def edit(self, side, value, *, how="edited", duel=0):
        self.seconds += 1
        self.ledger.note(
            side, self.subject, {self.field: value}, at=self.seconds, how=how,
            object_id=self.object_id, record_id=RECORD, duel=duel,
        )  # fmt: skip

    def event(self, kind, before, after):
        self.seconds += 1
        SyncEvent.objects.create(
            subject=self.subject, object_id=self.object_id, kind=kind, direction="in",
            fields={self.field: [before, after]}, at=datetime.fromtimestamp(self.seconds, UTC),
        )  # fmt: skip

    def conflict(self, here, there, reason="Both sides changed it."):
        SyncConflict.objects.create(
            subject=self.subject, object_id=self.object_id, field=self.field, local=here,
            remote=there, winner="local", reason=reason, at=datetime.now(UTC),
        )  # fmt: skip

    def broken(self, final):
        """The rules that are broken where the field ends as this."""
        link = RecordLink(subject=self.subject, object_id=self.object_id, state="linked")
        edits = self.ledger.by_object()[self.object_id]
        mapping, values = BY_SUBJECT[self.subject], {self.field: final}
        trial = Trial(mapping, edits, values, link, self.counts, self.object_id)
        trial.untold = self.untold
        return [rule for rule, _ in trial.judge(self.field)]


@pytest.fixture
def slots():
    return Case("window", "Max Slots")


@pytest.fixture
def headline():
    return Case("mentor", "Headline")


def test_an_edit_that_vanished_is_lost_on_either_side(headline):
    headline.edit(HERE, "Ours")
    headline.edit(THERE, "Theirs")
    assert headline.broken("Ours") == ["no edit is lost"]
    assert headline.broken("Theirs") == []  # followed by it


def test_the_last_of_each_side_is_lost_where_something_older_stands(headline):
    headline.edit(THERE, "First")
    headline.edit(HERE, "Ours")
    headline.edit(THERE, "Theirs")
    assert headline.broken("First") == ["no edit is lost"] * 2


def test_what_came_before_the_edit_that_stands_was_followed_by_it(slots):
    """Though a later one of the other side was refused, and stands in a conflict."""
    slots.edit(HERE, 2)
    slots.edit(THERE, 4)
    slots.edit(THERE, None)
    assert slots.broken(4) == ["no edit is lost"]
    slots.conflict(4, None, "Max Slots cannot be empty.")
    assert slots.broken(4) == []


def test_what_nobody_was_told_is_excused_if_the_sandbox_swears_to_that_very_edit(headline):
    headline.edit(HERE, "Ours", duel=1)
    headline.edit(THERE, "Theirs", duel=1)
    broken = headline.broken("Ours")
    assert broken == ["no edit is lost", "every conflict is recorded", "who decides wins"]
    other = {"record_id": RECORD, "field": "Headline", "value": "Something else"}
    headline.untold = [other, {**other, "field": "Bio", "value": "Theirs"}]
    assert headline.broken("Ours") == broken
    headline.untold = [{**other, "value": "Theirs"}]
    assert headline.broken("Ours") == []
    assert headline.counts[TOLD_NOBODY] == 1


@pytest.mark.parametrize("is_sent", [False, True])
def test_putting_back_what_was_agreed_is_an_edit_once_anything_of_it_was_sent(slots, is_sent):
    slots.event("created", None, 2)
    slots.edit(HERE, 8)
    slots.edit(THERE, 6)
    slots.edit(HERE, 2)
    if is_sent:
        slots.event("sent", 8, 2)
    slots.event("applied", 2, 6)
    assert slots.broken(6) == (["no edit is lost"] if is_sent else [])


def test_another_value_than_was_agreed_is_an_edit(slots):
    slots.event("created", None, 2)
    slots.edit(THERE, 6)
    slots.edit(HERE, 3)
    slots.event("applied", 3, 6)
    assert slots.broken(6) == ["no edit is lost"]


def test_what_is_decided_here_begins_with_our_default_if_the_history_tells_of_the_cell():
    case = Case("mentor", "Timezone")
    case.edit(THERE, "Europe/Rome", how="made")
    assert case.broken("UTC") == ["no edit is lost"]
    case.event("created", None, "Europe/Rome")
    assert case.broken("UTC") == []


def test_what_is_decided_there_comes_from_nowhere_if_nobody_wrote_it(headline):
    headline.edit(THERE, "Theirs", how="made")
    assert "no value comes from nowhere" in headline.broken("")
