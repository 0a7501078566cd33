"""Trap 18: one event for ever, which calendars add, update and cancel. Read back by a second library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes

import pytest
import vobject
from django.utils import timezone
from icalendar import Calendar

from sessions_app import services
from sessions_app.calendar_file import CalendarEvent, calendar_file
from tests.bookings import booked, mails, moved
from tests.hours import open_window
from tests.people import alice as new_alice, api, bob, mallory

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
EVENT = CalendarEvent(
    uid="0d9c@office-hours",
    sequence=3,
    starts_at=datetime(2026, 12, 8, 13, 30, tzinfo=UTC),
    ends_at=datetime(2026, 12, 8, 14, tzinfo=UTC),
    summary="Office hours: Zoë, “Bob”; and\\more",
    description="Which funds?\nAnd why, exactly; say?\n\n" + "A long line. " * 30,
    location="Room 5, Main St",
    url="https://hours.example.org/sessions/1/",
    status="CONFIRMED",
    organizer_name='The "Harbour" program: founders, mentors',
    organizer_email="hours@example.com",
    attendee_name="Zoë\r\nBcc: x@example.com",
    attendee_email="zoe@example.com",
)


def read(content):
    """The file as vobject understands it, valid by its own table of what must and may be there."""
    text = content.decode() if isinstance(content, bytes) else content
    found = vobject.readOne(text)
    found.validate(raiseException=True)
    return found


def invitation(message):
    """Of a mail as it goes out: the method of the part calendars act on, and its event."""
    parts = [
        part
        for part in message_from_bytes(message.message().as_bytes()).walk()
        if part.get_content_type() == "text/calendar"
    ]
    acted_on, attached = parts
    # On the wire every line of a text ends with CRLF, whatever it ended with here.
    contents = {part.get_payload(decode=True).replace(b"\r\n", b"\n") for part in parts}
    assert len(contents) == 1, "Both parts say the same."
    assert attached.get_filename() == "invite.ics"
    found = read(contents.pop())
    for part in parts:
        assert part.get_param("method") == found.method.value, "The type names the method too."
    assert acted_on.get_content_charset() == "utf-8"
    return found.method.value, found.vevent


class TestTheFile:
    @pytest.mark.parametrize("method", ["REQUEST", "CANCEL", "PUBLISH"])
    def test_trap_18_a_second_library_reads_what_was_written(self, method):
        found = read(calendar_file(EVENT, method=method, stamp=NOW))

        event = found.vevent
        assert (found.method.value, event.uid.value) == (method, EVENT.uid)
        assert (event.sequence.value, event.status.value) == ("3", "CONFIRMED")
        assert (event.dtstart.value, event.dtend.value) == (EVENT.starts_at, EVENT.ends_at)
        assert event.dtstamp.value == NOW
        assert event.summary.value == EVENT.summary
        assert event.description.value == EVENT.description
        assert event.location.value == EVENT.location
        assert event.organizer.value == "mailto:hours@example.com"

    def test_every_line_ends_as_it_must_and_is_short_enough(self):
        content = calendar_file(EVENT, method="REQUEST", stamp=NOW)
        assert content.endswith(b"END:VCALENDAR\r\n")
        lines = content.split(b"\r\n")
        assert all(len(line) <= 75 and b"\n" not in line for line in lines)
        assert b"\r\nBcc:" not in content

    def test_times_are_utc_and_need_no_zone_definition(self):
        content = calendar_file(EVENT, method="REQUEST", stamp=NOW)
        assert b"DTSTART:20261208T133000Z" in content
        assert b"VTIMEZONE" not in content

    def test_a_file_that_was_asked_for_invites_nobody(self):
        event = read(calendar_file(EVENT, method="PUBLISH", stamp=NOW)).vevent
        assert "attendee" not in event.contents


@pytest.mark.django_db
class TestTheLifeOfAnEvent:
    def test_trap_18_booked_moved_and_cancelled_are_one_event(self):
        session = booked()
        steps = [mails(to="alice@example.com")[0]]
        moved(session)
        steps.append(mails(to="alice@example.com")[0])
        services.cancel_session(session_id=session.pk, by=None, reason="", clock=timezone.now)
        steps.append(mails(to="alice@example.com")[0])

        found = [invitation(message) for message in steps]

        assert [method for method, _event in found] == ["REQUEST", "REQUEST", "CANCEL"]
        assert {event.uid.value for _method, event in found} == {f"{session.pk}@office-hours"}
        assert [int(event.sequence.value) for _method, event in found] == [0, 1, 2]
        assert [event.status.value for _m, event in found] == [
            "CONFIRMED",
            "CONFIRMED",
            "CANCELLED",
        ]
        assert len({event.organizer.value for _method, event in found}) == 1
        starts = [event.dtstart.value for _method, event in found]
        half_an_hour = timedelta(minutes=30)
        assert starts == [session.starts_at, *[session.starts_at + half_an_hour] * 2]
        stamps = [event.dtstamp.value for _method, event in found]
        assert stamps == sorted(stamps)

    def test_a_request_is_tentative_until_it_is_accepted(self):
        session = booked(approves_bookings=True)
        first = invitation(mails(to="alice@example.com")[0])[1]
        services.approve_session(session_id=session.pk, by=session.mentor.user, clock=timezone.now)
        second = invitation(mails(to="alice@example.com")[0])[1]

        assert [event.status.value for event in (first, second)] == ["TENTATIVE", "CONFIRMED"]
        assert first.attendee.params["PARTSTAT"] == ["NEEDS-ACTION"]
        assert int(second.sequence.value) > int(first.sequence.value)

    def test_trap_18_one_who_leaves_a_group_cancels_for_one(self):
        """And nobody of a group sees another one's address or name."""
        window = open_window(bob(name="Bob Mentor").mentor, capacity=3)
        people = [new_alice(), mallory()]
        sessions = [
            services.book_session(
                mentor_id=window.mentor_id,
                mentee=person.mentee,
                by=person,
                starts_at=window.starts_at,
                clock=timezone.now,
            )
            for person in people
        ]
        invited = {m.to[0]: m for m in mails() if "bob@example.com" not in m.to}
        for person, other in (people, people[::-1]):
            raw = invited[person.email].message().as_string()
            assert other.email not in raw
            assert other.name not in raw

        services.cancel_session(
            session_id=sessions[0].pk, by=people[0], reason="", clock=timezone.now
        )
        gone = mails()

        assert {m.to[0] for m in gone} == {"alice@example.com", "bob@example.com"}
        assert {invitation(m)[0] for m in gone} == {"CANCEL"}

    def test_trap_17_the_room_is_in_no_mail_and_no_file(self):
        session = booked()
        room = session.meeting.meeting_url
        sent = [m.message().as_string() for m in mails()]
        asked_for = api(session.mentee.user).get(f"/api/sessions/{session.pk}/calendar.ics")

        assert asked_for.status_code == 200
        name = room.rpartition("/")[2]
        assert not [text for text in (*sent, asked_for.content.decode()) if name in text]

    def test_the_downloaded_file_is_read_by_both_libraries(self):
        session = booked()
        answer = api(session.mentee.user).get(f"/api/sessions/{session.pk}/calendar.ics")

        assert "method=PUBLISH" in answer["Content-Type"]
        assert read(answer.content).vevent.uid.value == f"{session.pk}@office-hours"
        assert Calendar.from_ical(answer.content)["METHOD"] == "PUBLISH"
