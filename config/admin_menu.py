"""The console's side bar: what a person may see, room by room."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

# Heading -> (label, icon, app, model), and the model's page where it is not the list.
ROOMS: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    (
        "Figures",
        (
            ("Measures of success", "monitoring", "analytics", "refresh", "figures"),
            ("Mentors' figures", "bar_chart", "analytics", "mentorfigures"),
        ),
    ),
    (
        "People",
        (
            ("Mentors", "school", "mentors", "mentor"),
            ("Mentees", "rocket_launch", "mentors", "mentee"),
            ("Saved mentors", "favorite", "mentors", "savedmentor"),
            ("Kept apart", "block", "mentors", "block"),
            ("Everyone who signs in", "group", "accounts", "user"),
        ),
    ),
    (
        "Time",
        (
            ("Calendar", "calendar_view_week", "sessions_app", "session", "week"),
            ("Sessions", "event", "sessions_app", "session"),
            ("Waitlist", "hourglass_empty", "sessions_app", "waitlistentry"),
            ("Held times", "lock_clock", "sessions_app", "hold"),
            ("Availability", "calendar_month", "sessions_app", "availabilitywindow"),
            ("Meetings", "video_call", "sessions_app", "meeting"),
            ("Feedback", "star", "sessions_app", "feedback"),
            ("Messages sent", "mail", "sessions_app", "notification"),
            ("Who gets which", "unsubscribe", "sessions_app", "messagepreferences"),
            ("Weekly hours", "update", "sessions_app", "weeklyhours"),
            ("Dates that differ", "event_busy", "sessions_app", "hoursexception"),
            ("Time away", "flight_takeoff", "sessions_app", "busytime"),
            ("Holidays", "celebration", "sessions_app", "holiday"),
        ),
    ),
    (
        "Matching",
        (
            ("Requests", "search", "matching", "matchrequest"),
            ("Not relevant", "thumb_down", "matching", "matchfeedback"),
            ("Policies", "balance", "matching", "matchpolicy"),
            ("Saved queries", "bookmark", "matching", "savedquery"),
            ("Experiments", "science", "matching", "experiment"),
            ("Simulated markets", "storefront", "matching", "marketrun"),
            ("Indexed texts", "notes", "matching", "mentorembedding"),
            ("Use of models", "payments", "matching", "modeluse"),
        ),
    ),
    (
        "Words",
        (
            ("Message templates", "drafts", "content", "messagetemplate"),
            ("Help page", "help", "content", "helpprompt"),
            ("Program settings", "tune", "accounts", "programsettings"),
        ),
    ),
    (
        "Airtable",
        (
            ("At a glance", "monitor_heart", "sync", "syncevent", "glance"),
            ("What happened", "history", "sync", "syncevent"),
            ("To be sent", "outbox", "sync", "outboxrow"),
            ("Conflicts", "call_split", "sync", "syncconflict"),
            ("Records", "link", "sync", "recordlink"),
            ("Fields of the base", "view_column", "sync", "basefield"),
            ("Received", "inbox", "sync", "inboundchange"),
            ("Webhooks", "webhook", "sync", "webhookregistration"),
            ("Pause and resume", "pause_circle", "sync", "basebinding"),
            ("Comparisons", "difference", "sync", "reconcilerun"),
            ("Answered from", "alt_route", "sync", "rolloutflag"),
            ("Answers that differ", "compare_arrows", "sync", "shadowdifference"),
            ("Invitations", "mail", "sync", "invitation"),
            ("New addresses", "alternate_email", "sync", "addresschange"),
        ),
    ),
    (
        "Operations",
        (
            ("Schedules", "alarm", "django_celery_beat", "periodictask"),
            ("Intervals", "timer", "django_celery_beat", "intervalschedule"),
            ("Who changed what", "manage_history", "accounts", "auditentry"),
            ("E-mail addresses", "alternate_email", "account", "emailaddress"),
            ("Linked accounts", "badge", "socialaccount", "socialaccount"),
            ("Second factors", "key", "mfa", "authenticator"),
            ("Groups", "shield", "auth", "group"),
        ),
    ),
)


def _entry(
    request: HttpRequest, label: str, icon: str, name: str, page: str = "changelist"
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "title": _(label),
        "icon": icon,
        "link": reverse(f"admin:{name}_{page}"),
    }
    if page != "changelist":
        return entry
    # A model's other pages lie below its list, which is not open when they are.
    pages = [
        reverse(f"admin:{app}_{model}_{more[0]}")
        for _heading, entries in ROOMS
        for _label, _icon, app, model, *more in entries
        if more and f"{app}_{model}" == name
    ]
    if any(request.path.startswith(other) for other in pages):
        entry["active"] = False
    return entry


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The rooms with at least one list that this person may open."""
    rooms = [
        {
            "title": _(heading),
            "separator": True,
            "items": [
                _entry(request, label, icon, f"{app}_{model}", *page)
                for label, icon, app, model, *page in entries
                if request.user.has_perm(f"{app}.view_{model}")
                or request.user.has_perm(f"{app}.change_{model}")
            ],
        }
        for heading, entries in ROOMS
    ]
    start = [
        {"title": _("Today"), "icon": "today", "link": reverse("admin:index")},
        {"title": _("Everything"), "icon": "apps", "link": reverse("admin:everything")},
    ]
    return [{"items": start}, *(room for room in rooms if room["items"])]
