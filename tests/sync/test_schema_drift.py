"""Trap 15: what people do to tables, fields and choices blocks what it touches, and nothing else."""

from __future__ import annotations

import io

import pytest
import requests
from django.core.management import CommandError, call_command

from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow
from sync import addresses, airtable
from sync.models import BaseField, OutboxRow, SyncConflict
from sync.sandbox import BASE_ID, DEFAULT_TOKEN
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.sync.conftest import booked, drain, drain_later, outbox_of, pull


def run(name, *arguments):
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def rename(base, table, new, field=None):
    """What a PM does in Airtable's menu."""
    found = base.server.base.table(table)
    path = f"tables/{found.id}" + (f"/fields/{found.find_field(field).id}" if field else "")
    answer = requests.patch(
        f"{base.server.url}/v0/meta/bases/{BASE_ID}/{path}",
        json={"name": new},
        headers={"Authorization": f"Bearer {DEFAULT_TOKEN}"},
        timeout=5,
    )
    assert answer.ok, answer.text


def rename_choice(base, table, field, old, new):
    found = base.server.base.table(table)
    column = found.find_field(field)
    column.choice(old)["name"] = new
    for record in found.records.values():
        if record.cells.get(column.id) == old:
            record.cells[column.id] = new


def remove_field(base, table, field):
    found = base.server.base.table(table)
    column = found.find_field(field)
    found.fields.remove(column)
    for record in found.records.values():
        record.cells.pop(column.id, None)


def look_again():
    """As when the kept schema has grown old."""
    airtable.connect().schema(fresh=True)


def told(table, field=""):
    return BaseField.objects.get(table=table, field=field).problem


class TestTrap15Renaming:
    def test_a_renamed_field_goes_on_working_both_ways_and_is_told(self, base, mentor):
        rename(base, "Mentors", "One line", "Headline")
        record = base.of("Mentors", mentor)["id"]
        base.edit("Mentors", record, One_line="From there")
        pull()
        mentor.refresh_from_db()
        assert mentor.headline == "From there"

        mentor.headline = "From here"
        mentor.save()
        drain()

        assert base.of("Mentors", mentor)["fields"]["One line"] == "From here"
        assert told("Mentors", "Headline") == (
            "The field is called One line there; it goes on working."
        )
        assert "The base fits." in run("sync_check_schema")

    def test_even_before_anybody_has_looked(self, base, mentor):
        rename(base, "Mentors", "One line", "Headline")
        Mentor.objects.filter(pk=mentor.pk).update(headline="From here")
        drain()
        assert base.of("Mentors", mentor)["fields"]["One line"] == "From here"

    def test_another_field_that_takes_its_name_is_not_mistaken_for_it(self, base, mentor):
        rename(base, "Mentors", "Old bio", "Bio")
        rename(base, "Mentors", "Bio", "Company")
        rename(base, "Mentors", "One line", "Headline")
        rename(base, "Mentors", "Headline", "Office Hours Slots")
        look_again()
        Mentor.objects.filter(pk=mentor.pk).update(
            bio="Of the person", company="Of the firm", headline="In short"
        )
        drain()

        fields = base.of("Mentors", mentor)["fields"]
        assert fields["One line"] == "In short"
        assert (fields["Old bio"], fields["Bio"]) == ("Of the person", "Of the firm")

    def test_a_renamed_table(self, base, mentor):
        window = open_window(mentor)
        rename(base, "Availability", "Office hours")
        drain()
        pull()
        record = base.of("Office hours", window)["id"]
        base.edit("Office hours", record, Location="Room 9")
        pull()

        window.refresh_from_db()
        assert window.location == "Room 9"
        assert "Office hours" in told("Availability")

    def test_a_renamed_choice(self, base, mentor):
        session = booked(mentor, MenteeFactory())
        drain()
        pull()
        rename_choice(base, "Sessions", "Status", "Booked", "Confirmed")
        rename_choice(base, "Sessions", "Status", "Cancelled", "Called off")
        look_again()
        session.goal = "Pricing"
        session.save()
        other = booked(mentor, MenteeFactory(), days=5)
        drain()
        assert base.of("Sessions", session)["fields"]["Status"] == "Confirmed"
        assert base.of("Sessions", other)["fields"]["Status"] == "Confirmed"
        assert not SyncConflict.objects.exists()

        base.edit("Sessions", base.of("Sessions", session)["id"], Status="Called off")
        pull()
        drain()

        session.refresh_from_db()
        assert session.status == "cancelled"
        assert base.of("Sessions", session)["fields"]["Status"] == "Called off"
        assert "Called off" in told("Sessions", "Status") or "Confirmed" in told(
            "Sessions", "Status"
        )


class TestTrap15AFieldThatIsGone:
    def test_of_another_type_rests_while_the_others_go_on(self, base, mentor):
        """Noticed by the refusal: the kept schema still shows the old type."""
        mentor.headline = "Before"
        mentor.save()
        drain()
        pull()
        base.server.base.table("Mentors").find_field("Headline").type = "number"
        Mentor.objects.filter(pk=mentor.pk).update(headline="After", company="Acorn")

        drain()
        drain_later()

        assert base.of("Mentors", mentor)["fields"]["Company"] == "Acorn"
        assert outbox_of(mentor) is None
        row = BaseField.objects.get(table="Mentors", field="Headline")
        assert row.is_blocked
        assert "singleLineText is needed" in row.problem

    def test_emptied_by_a_change_of_type_it_empties_nothing_here(self, base, mentor):
        """Trap 6: what was not read is not empty."""
        mentor.headline = "Kept"
        mentor.save()
        drain()
        pull()
        record = base.of("Mentors", mentor)["id"]
        base.edit("Mentors", record, Headline=None, Company="Acorn")
        base.server.base.table("Mentors").find_field("Headline").type = "number"
        look_again()
        pull()
        run("sync_backfill", "--table", "Mentors")

        mentor.refresh_from_db()
        assert (mentor.headline, mentor.company) == ("Kept", "Acorn")

    def test_once_mended_what_stands_there_is_read_before_anything_is_written(self, base, mentor):
        column = base.server.base.table("Mentors").find_field("Headline")
        column.type = "number"
        look_again()
        column.type = "singleLineText"
        record = base.of("Mentors", mentor)["id"]
        base.server.base.rows[record].cells[column.id] = "Written meanwhile"  # and never reported
        Mentor.objects.filter(pk=mentor.pk).update(company="Acorn")
        look_again()
        drain()

        mentor.refresh_from_db()
        assert mentor.headline == "Written meanwhile"
        assert not BaseField.objects.filter(is_blocked=True).exists()

    def test_removed_and_made_again_it_is_filled_again_and_clears_nothing(self, base, mentor):
        bio = mentor.bio
        assert bio
        remove_field(base, "Mentors", "Bio")
        with pytest.raises(CommandError, match="1 places"):
            run("sync_check_schema")
        assert "missing" in told("Mentors", "Bio")

        run("sync_check_schema", "--create")
        pull()
        drain()

        mentor.refresh_from_db()
        assert mentor.bio == bio
        assert base.of("Mentors", mentor)["fields"]["Bio"] == bio
        assert told("Mentors", "Bio") == ""

    def test_removed_at_run_time_it_blocks_itself(self, base, mentor):
        remove_field(base, "Mentors", "Bio")
        Mentor.objects.filter(pk=mentor.pk).update(bio="New", company="Acorn")
        drain()
        drain_later()
        assert base.of("Mentors", mentor)["fields"]["Company"] == "Acorn"
        assert outbox_of(mentor) is None


class TestTrap15TheTable:
    def test_another_one_of_its_name_is_left_alone_until_an_operator_says_so(self, base, mentor):
        window = open_window(mentor)
        drain()
        pull()
        inner = base.server.base
        for record in list(inner.table("Availability").records.values()):
            inner.forget(record)
        inner.tables.pop(inner.table("Availability").id)
        made = requests.post(
            f"{base.server.url}/v0/meta/bases/{BASE_ID}/tables",
            json={"name": "Availability", "fields": [{"name": "Notes", "type": "singleLineText"}]},
            headers={"Authorization": f"Bearer {DEFAULT_TOKEN}"},
            timeout=5,
        )
        assert made.ok
        look_again()
        assert "another of that name" in told("Availability")
        AvailabilityWindow.objects.update(location="Room 1")
        drain()
        assert base.rows("Availability") == []
        assert AvailabilityWindow.objects.get().is_active

        run("sync_check_schema", "--create")
        pull()
        drain()

        assert base.of("Availability", window)["fields"]["Location"] == "Room 1"
        assert not OutboxRow.objects.exists()


class TestNaming:
    def test_a_base_with_other_names_from_the_start(self, base):
        rename(base, "Help Prompts", "FAQ")
        rename(base, "FAQ", "Answer", "Default Response")
        with pytest.raises(CommandError):
            run("sync_check_schema")

        out = run(
            "sync_check_schema",
            "--use", "Help Prompts=FAQ", "--use", "Help Prompts/Default Response=Answer",
        )  # fmt: skip

        assert "The base fits." in out
        found = {row.field: row for row in addresses.problems(BASE_ID)}
        assert found[""].name_there == "FAQ"
        assert not found["Default Response"].is_blocked

    @pytest.mark.parametrize("wish", ["Nowhere=FAQ", "Help Prompts/Nothing=x", "Help Prompts=Nix"])
    def test_what_is_not_there_is_said(self, base, wish):
        with pytest.raises(CommandError, match="--use") as refused:
            run("sync_check_schema", "--use", wish)
        assert refused.value.returncode == 2
