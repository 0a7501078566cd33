"""Records: what is kept, what is left out, what is refused."""

from __future__ import annotations

import pytest
import requests

from sync.sandbox import BASE_ID

ROOT = f"/v0/{BASE_ID}"


class TestCreate:
    def test_leaves_out_what_is_empty(self, mentors):
        made = mentors.create(
            {"Name": "Bob Stone", "Bio": "", "Expertise": [], "Is Active": False, "Title": None}
        )
        assert made["fields"] == {"Name": "Bob Stone"}
        assert mentors.get(made["id"]) == made

    def test_takes_ten_at_once_and_no_more(self, mentors, call):
        assert len(mentors.batch_create([{"Name": f"Mentor {n}"} for n in range(25)])) == 25
        body = {"records": [{"fields": {"Name": "Bob"}}] * 11}
        refused = call("POST", f"{ROOT}/Mentors", body)
        assert refused.status == 422
        assert refused.body["error"]["type"] == "INVALID_RECORDS"
        assert "10 records" in refused.body["error"]["message"]

    def test_applies_nothing_of_a_batch_with_one_bad_record(self, mentors, call):
        body = {"records": [{"fields": {"Name": "Bob"}}, {"fields": {"Weekly Load Cap": "many"}}]}
        assert call("POST", f"{ROOT}/Mentors", body).status == 422
        assert mentors.all() == []

    def test_may_be_told_to_apply_the_first_half(self, sandbox, mentors, call):
        sandbox.switches.batch_atomic = False
        body = {"records": [{"fields": {"Name": "Bob"}}, {"fields": {"Nme": "Bo"}}]}
        assert call("POST", f"{ROOT}/Mentors", body).status == 422
        assert [row["fields"]["Name"] for row in mentors.all()] == ["Bob"]

    @pytest.mark.parametrize(
        ("fields", "kind"),
        [
            ({"Nmae": "Bob"}, "UNKNOWN_FIELD_NAME"),
            ({"Name": 7}, "INVALID_VALUE_FOR_COLUMN"),
            ({"Weekly Load Cap": "3"}, "INVALID_VALUE_FOR_COLUMN"),
            ({"Weekly Load Cap": True}, "INVALID_VALUE_FOR_COLUMN"),
            ({"Next Free Slot": "soon"}, "INVALID_VALUE_FOR_COLUMN"),
            ({"Is Active": "yes"}, "INVALID_VALUE_FOR_COLUMN"),
            ({"Expertise": ["Juggling"]}, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
            ({"Visibility": "secret"}, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
            ({"Office Hours Slots": ["rec00000000000000"]}, "ROW_DOES_NOT_EXIST"),
            ({"Office Hours Slots": ["Tuesday"]}, "INVALID_RECORD_ID"),
        ],
    )
    def test_refuses_what_a_column_cannot_hold(self, call, fields, kind):
        refused = call("POST", f"{ROOT}/Mentors", {"fields": fields})
        assert (refused.status, refused.body["error"]["type"]) == (422, kind)

    def test_creates_choices_with_typecast_only(self, mentors):
        made = mentors.create({"Expertise": ["Sales", "Juggling"]}, typecast=True)
        assert made["fields"]["Expertise"] == ["Sales", "Juggling"]
        names = {c.name for c in mentors.schema().field("Expertise").options.choices}
        assert "Juggling" in names

    def test_writes_moments_in_one_spelling(self, base):
        made = base.table("Availability").create({"Starts": "2026-12-01T10:00:00+02:00"})
        assert made["fields"]["Starts"] == "2026-12-01T08:00:00.000Z"

    def test_answers_by_field_id_when_asked(self, mentors):
        name = mentors.schema().field("Name").id
        made = mentors.create({name: "Bob"}, use_field_ids=True)
        assert made["fields"] == {name: "Bob"}


class TestUpdate:
    def test_patch_changes_what_is_sent_and_put_clears_the_rest(self, mentors):
        made = mentors.create({"Name": "Bob", "Headline": "Sells", "Is Active": True})
        patched = mentors.update(made["id"], {"Headline": None})
        assert patched["fields"] == {"Name": "Bob", "Is Active": True}
        replaced = mentors.update(made["id"], {"Name": "Robert"}, replace=True)
        assert replaced["fields"] == {"Name": "Robert"}

    def test_says_which_record_of_a_batch_is_gone(self, mentors):
        entry = {"id": "rec00000000000000", "fields": {"Name": "Bob"}}
        with pytest.raises(requests.HTTPError) as refused:
            mentors.batch_update([entry])
        assert refused.value.response.status_code == 422
        assert refused.value.response.json()["error"]["type"] == "ROW_DOES_NOT_EXIST"

    def test_arrays_replace(self, mentors):
        made = mentors.create({"Expertise": ["Sales", "Legal"]})
        assert mentors.update(made["id"], {"Expertise": ["Legal"]})["fields"] == {
            "Expertise": ["Legal"]
        }


class TestUpsert:
    def test_creates_updates_and_refuses_the_ambiguous(self, mentors):
        entry = {"fields": {"Platform ID": "m-1", "Name": "Bob"}}
        first = mentors.batch_upsert([entry], ["Platform ID"])
        assert len(first["createdRecords"]) == 1
        entry["fields"]["Name"] = "Robert"
        second = mentors.batch_upsert([entry], ["Platform ID"])
        assert second["updatedRecords"] == first["createdRecords"]
        assert second["records"][0]["fields"]["Name"] == "Robert"
        mentors.create({"Platform ID": "m-1"})
        with pytest.raises(requests.HTTPError) as refused:
            mentors.batch_upsert([entry], ["Platform ID"])
        assert refused.value.response.status_code == 422
        assert len(mentors.all()) == 2

    def test_needs_a_field_of_a_kind_it_can_merge_on(self, mentors, call):
        body = {
            "performUpsert": {"fieldsToMergeOn": ["Email"]},
            "records": [{"fields": {"Email": "bob@example.com"}}],
        }
        assert call("PATCH", f"{ROOT}/Mentors", body).status == 422

    def test_needs_the_merge_value_in_every_record(self, mentors, call):
        body = {
            "performUpsert": {"fieldsToMergeOn": ["Platform ID"]},
            "records": [{"fields": {"Name": "Bob"}}],
        }
        assert call("PATCH", f"{ROOT}/Mentors", body).status == 422
        assert mentors.all() == []


class TestGetAndDelete:
    def test_get_finds_a_record_of_another_table(self, base, mentors):
        made = base.table("Mentees").create({"Name": "Alice"})
        assert mentors.get(made["id"])["fields"] == {"Name": "Alice"}

    def test_delete_is_final(self, mentors):
        made = mentors.create({"Name": "Bob"})
        assert mentors.delete(made["id"]) == {"id": made["id"], "deleted": True}
        with pytest.raises(requests.HTTPError) as refused:
            mentors.get(made["id"])
        assert refused.value.response.json() == {"error": "NOT_FOUND"}

    def test_a_batch_delete_with_a_missing_id_deletes_nothing(self, mentors, call):
        made = mentors.create({"Name": "Bob"})
        query = f"records[]={made['id']}&records[]=rec00000000000000"
        assert call("DELETE", f"{ROOT}/Mentors?{query}").status == 422
        assert len(mentors.all()) == 1
        assert mentors.batch_delete([made["id"]]) == [{"id": made["id"], "deleted": True}]


class TestLinks:
    def test_both_ends_stay_in_step(self, base, mentors):
        bob, ann = mentors.create({"Name": "Bob"}), mentors.create({"Name": "Ann"})
        hours = base.table("Availability")
        slot = hours.create({"Mentor": [bob["id"]]})
        assert mentors.get(bob["id"])["fields"]["Office Hours Slots"] == [slot["id"]]
        hours.update(slot["id"], {"Mentor": [ann["id"]]})
        assert "Office Hours Slots" not in mentors.get(bob["id"])["fields"]
        mentors.update(bob["id"], {"Office Hours Slots": [slot["id"]]})
        assert hours.get(slot["id"])["fields"]["Mentor"] == [ann["id"], bob["id"]]
        mentors.delete(ann["id"])
        assert hours.get(slot["id"])["fields"]["Mentor"] == [bob["id"]]

    def test_a_link_goes_to_its_own_table(self, base, mentors, call):
        alice = base.table("Mentees").create({"Name": "Alice"})
        refused = call("POST", f"{ROOT}/Availability", {"fields": {"Mentor": [alice["id"]]}})
        assert refused.body["error"]["type"] == "ROW_TABLE_DOES_NOT_MATCH_LINKED_TABLE"


class TestRoutes:
    def test_three_shapes_of_error(self, call):
        unknown = call("GET", "/v0/appAAAAAAAAAAAAAA/Mentors")
        assert (unknown.status, unknown.body["error"]["type"]) == (
            403,
            "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
        )
        assert call("GET", f"{ROOT}/Nobody").status == 403
        assert call("GET", "/v0/nowhere").body == {"error": "NOT_FOUND"}
        stale = call("GET", f"{ROOT}/Mentors?offset=itrX/recY")
        assert stale.body == {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}
        assert call("POST", f"{ROOT}/Mentors", b"{").status == 400

    def test_a_token_is_needed(self, call):
        refused = call("GET", f"{ROOT}/Mentors", token=None)
        assert (refused.status, refused.body["error"]["type"]) == (401, "AUTHENTICATION_REQUIRED")

    def test_the_schema_can_be_read_and_extended(self, base):
        assert [table.name for table in base.tables()][:2] == ["Mentors", "Mentees"]
        made = base.create_table("Rooms", [{"name": "Name", "type": "singleLineText"}])
        options = {"linkedTableId": base.table("Mentors").schema().id}
        made.create_field("Host", "multipleRecordLinks", options=options)
        assert base.schema(force=True).table("Mentors").field("Rooms").type == "multipleRecordLinks"
        field = made.schema().field("Name")
        field.name = "Room"
        field.save()
        assert made.create({"Room": "Blue"})["fields"] == {"Room": "Blue"}
