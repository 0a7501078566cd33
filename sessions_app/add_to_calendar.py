"""Ways to put a session into one's own calendar: a file, or a link that fills in an event."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpResponse
from django.utils import timezone

from accounts.models import User
from accounts.times import utc
from sessions_app.calendar_file import calendar_file
from sessions_app.messages import event_of
from sessions_app.models import Session


def ics_response(session: Session, user: User) -> HttpResponse:
    """The session as a file to download, for its page and the API alike."""
    content = calendar_file(event_of(session, user), method="PUBLISH", stamp=timezone.now())
    return HttpResponse(
        content,
        content_type='text/calendar; charset="utf-8"; method=PUBLISH',
        headers={"Content-Disposition": 'attachment; filename="session.ics"'},
    )


def calendar_links(session: Session, user: User) -> dict[str, str]:
    """Addresses that open Google's and Outlook's form with the session filled in."""
    event = event_of(session, user)
    start, end = utc(event.starts_at), utc(event.ends_at)
    google = {
        "action": "TEMPLATE",
        "text": event.summary,
        "dates": "/".join(time.replace("-", "").replace(":", "") for time in (start, end)),
        "details": event.description,
        "location": event.location,
    }
    outlook = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "subject": event.summary,
        "startdt": start,
        "enddt": end,
        "body": event.description,
        "location": event.location,
    }
    return {
        "google": f"https://calendar.google.com/calendar/render?{urlencode(google)}",
        "outlook": f"https://outlook.live.com/calendar/0/deeplink/compose?{urlencode(outlook)}",
    }
