"""The console's side bar: what a person may see, room by room."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop as _

# Heading -> (label, icon, app, model), and the model's page where it is not the list.
ROOMS: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    (
        _("Figures"),
        (
            (_("Measures of success"), "monitoring", "analytics", "refresh", "figures"),
            (_("Mentors' figures"), "bar_chart", "analytics", "mentorfigures"),
        ),
    ),
    (
        _("People"),
        (
            (_("Mentors"), "school", "mentors", "mentor"),
            (_("Mentees"), "rocket_launch", "mentors", "mentee"),
            (_("Saved mentors"), "favorite", "mentors", "savedmentor"),
            (_("Kept apart"), "block", "mentors", "block"),
            (_("Everyone who signs in"), "group", "accounts", "user"),
        ),
    ),
    (
        _("Time"),
        (
            (_("Calendar"), "calendar_view_week", "sessions_app", "session", "week"),
            (_("Sessions"), "event", "sessions_app", "session"),
            (_("Waitlist"), "hourglass_empty", "sessions_app", "waitlistentry"),
            (_("Held times"), "lock_clock", "sessions_app", "hold"),
            (_("Availability"), "calendar_month", "sessions_app", "availabilitywindow"),
            (_("Meetings"), "video_call", "sessions_app", "meeting"),
            (_("Feedback"), "star", "sessions_app", "feedback"),
            (_("Messages sent"), "mail", "sessions_app", "notification"),
            (_("Who gets which"), "unsubscribe", "sessions_app", "messagepreferences"),
            (_("Weekly hours"), "update", "sessions_app", "weeklyhours"),
            (_("Dates that differ"), "event_busy", "sessions_app", "hoursexception"),
            (_("Time away"), "flight_takeoff", "sessions_app", "busytime"),
            (_("Holidays"), "celebration", "sessions_app", "holiday"),
        ),
    ),
    (
        _("Matching"),
        (
            (_("Requests"), "search", "matching", "matchrequest"),
            (_("Not relevant"), "thumb_down", "matching", "matchfeedback"),
            (_("Policies"), "balance", "matching", "matchpolicy"),
            (_("Saved queries"), "bookmark", "matching", "savedquery"),
            (_("Experiments"), "science", "matching", "experiment"),
            (_("Simulated markets"), "storefront", "matching", "marketrun"),
            (_("Indexed texts"), "notes", "matching", "mentorembedding"),
            (_("Use of models"), "payments", "matching", "modeluse"),
        ),
    ),
    (
        _("Words"),
        (
            (_("Message templates"), "drafts", "content", "messagetemplate"),
            (_("Help page"), "help", "content", "helpprompt"),
            (_("Program settings"), "tune", "accounts", "programsettings"),
        ),
    ),
    (
        _("Airtable"),
        (
            (_("At a glance"), "monitor_heart", "sync", "syncevent", "glance"),
            (_("What happened"), "history", "sync", "syncevent"),
            (_("To be sent"), "outbox", "sync", "outboxrow"),
            (_("Conflicts"), "call_split", "sync", "syncconflict"),
            (_("Records"), "link", "sync", "recordlink"),
            (_("Fields of the base"), "view_column", "sync", "basefield"),
            (_("Received"), "inbox", "sync", "inboundchange"),
            (_("Webhooks"), "webhook", "sync", "webhookregistration"),
            (_("Pause and resume"), "pause_circle", "sync", "basebinding"),
            (_("Comparisons"), "difference", "sync", "reconcilerun"),
            (_("Answered from"), "alt_route", "sync", "rolloutflag"),
            (_("Answers that differ"), "compare_arrows", "sync", "shadowdifference"),
            (_("Invitations"), "mail", "sync", "invitation"),
            (_("New addresses"), "alternate_email", "sync", "addresschange"),
        ),
    ),
    (
        _("Operations"),
        (
            (_("Schedules"), "alarm", "django_celery_beat", "periodictask"),
            (_("Intervals"), "timer", "django_celery_beat", "intervalschedule"),
            (_("Who changed what"), "manage_history", "accounts", "auditentry"),
            (_("E-mail addresses"), "alternate_email", "account", "emailaddress"),
            (_("Linked accounts"), "badge", "socialaccount", "socialaccount"),
            (_("Second factors"), "key", "mfa", "authenticator"),
            (_("Groups"), "shield", "auth", "group"),
        ),
    ),
)


def by_room(app_list: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Django's list of apps and their models, in the rooms of the side bar.

    What the side bar does not show stands in the room of its app's other lists, else in the last one.
    """
    places = {
        (app, model): (n, m)
        for n, (_heading, entries) in enumerate(ROOMS)
        for m, (_label, _icon, app, model, *_page) in enumerate(entries)
    }
    of_apps = {app: n for (app, _model), (n, _m) in places.items()}
    rooms: list[list[tuple[int, dict[str, Any]]]] = [[] for _room in ROOMS]
    for listed in app_list:
        for shown in listed["models"]:
            meta = shown["model"]._meta
            last = of_apps.get(meta.app_label, len(ROOMS) - 1), len(places)
            n, m = places.get((meta.app_label, meta.model_name), last)
            rooms[n].append((m, shown | {"one": meta.verbose_name}))
    return [
        {"name": gettext(heading), "models": [shown for _m, shown in sorted(lists, key=_place)]}
        for (heading, _entries), lists in zip(ROOMS, rooms, strict=True)
        if lists
    ]


def _place(listed: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    return listed[0], str(listed[1]["name"])


def _entry(
    request: HttpRequest, label: str, icon: str, name: str, page: str = "changelist"
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "title": gettext(label),
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
            "title": gettext(heading),
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
        {"title": gettext("Today"), "icon": "today", "link": reverse("admin:index")},
        {"title": gettext("Everything"), "icon": "apps", "link": reverse("admin:everything")},
    ]
    return [{"items": start}, *(room for room in rooms if room["items"])]
