"""A session as an iCalendar event (RFC 5545, 5546). Pure.

One UID for ever; SEQUENCE counts the session's version, so that a calendar updates and cancels the
event it has. Times are UTC, which spares the zone definitions. The link to the room is not in here:
it opens from the session's page, after a permission check.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from icalendar import Calendar, Event, vCalAddress, vText

Method = Literal["REQUEST", "CANCEL", "PUBLISH"]


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    uid: str
    sequence: int
    starts_at: datetime
    ends_at: datetime
    summary: str
    description: str
    location: str
    url: str
    status: Literal["CONFIRMED", "TENTATIVE", "CANCELLED"]
    organizer_name: str
    organizer_email: str
    attendee_name: str
    attendee_email: str


def calendar_file(event: CalendarEvent, *, method: Method, stamp: datetime) -> bytes:
    """The event as an .ics file.

    The only attendee is the person it is sent to: group sessions do not show people to one another. A
    file that was asked for names none (RFC 5546, 3.2.1): nobody is to answer it.

    Args:
        method: REQUEST invites and updates, CANCEL cancels, PUBLISH is for a file that was asked for.
        stamp: when this version was made.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Office Hours//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    entry = Event()
    entry.add("uid", event.uid)
    entry.add("sequence", event.sequence)
    entry.add("dtstamp", stamp)
    entry.add("dtstart", event.starts_at)
    entry.add("dtend", event.ends_at)
    entry.add("summary", event.summary)
    entry.add("description", event.description)
    entry.add("location", event.location)
    entry.add("url", event.url)
    entry.add("status", event.status)
    entry.add("transp", "OPAQUE")
    entry["organizer"] = _address(event.organizer_email, CN=event.organizer_name)
    if method != "PUBLISH":
        entry["attendee"] = _address(
            event.attendee_email,
            CN=event.attendee_name,
            ROLE="REQ-PARTICIPANT",
            PARTSTAT="ACCEPTED" if event.status == "CONFIRMED" else "NEEDS-ACTION",
            RSVP="FALSE",
        )
    calendar.add_component(entry)
    return bytes(calendar.to_ical())


def _address(email: str, **parameters: str) -> vCalAddress:
    address = vCalAddress(f"mailto:{email}")
    for name, value in parameters.items():
        address.params[name] = vText(" ".join(value.split()))  # a parameter has one line
    return address
