"""What each role may do, as Django groups (PRODUCT A4). Program managers are not superusers."""

from __future__ import annotations

from typing import Any

PROGRAM_MANAGERS = "Program managers"
# Group -> (app, models, actions). Just what their pages need: deleting people, mentors and sessions is left
# to administrators (a program manager deactivates or cancels, which keeps history), and what only the
# product writes is there to be read.
Grant = tuple[str, tuple[str, ...], tuple[str, ...]]
GROUPS: dict[str, tuple[Grant, ...]] = {
    PROGRAM_MANAGERS: (
        ("accounts", ("user", "programsettings"), ("view", "add", "change")),
        ("accounts", ("auditentry",), ("view",)),
        ("content", ("messagetemplate", "helpprompt"), ("view", "add", "change", "delete")),
        (
            "mentors",
            ("mentor", "mentee", "expertise", "savedmentor", "block"),
            ("view", "add", "change"),
        ),
        (
            "sessions_app",
            (
                "availabilitywindow",
                "weeklyhours",
                "hoursexception",
                "holiday",
                "busytime",
                "waitlistentry",
                "hold",
                "meeting",
                "session",
            ),
            ("view", "add", "change"),
        ),
        # Sent again, tried again; never written by hand.
        ("sessions_app", ("notification", "messagepreferences"), ("view", "change")),
        ("sessions_app", ("sessionevent", "feedback"), ("view",)),
        (
            "matching",
            ("matchrequest", "matchimpression", "matchfeedback", "mentorembedding", "modeluse"),
            ("view",),
        ),
        (
            "matching",
            ("matchpolicy", "savedquery", "experiment", "marketrun"),
            ("view", "add", "change", "delete"),
        ),
        (
            "sync",
            (
                "outboxrow",
                "recordlink",
                "syncconflict",
                "inboundchange",
                "webhookregistration",
                "basebinding",
                "basefield",
                "invitation",
                "addresschange",
                "syncevent",
                "tablestate",
                "reconcilerun",
                "reconciledifference",
                "rolloutflag",
                "shadowdifference",
            ),
            ("view", "change"),
        ),
        ("analytics", ("refresh", "mentorfigures"), ("view", "add")),
        ("django_celery_beat", ("periodictask", "intervalschedule"), ("view", "change")),
        ("account", ("emailaddress",), ("view",)),
    )
}


def create_groups(**_: Any) -> None:
    """Create the groups and grant their permissions. Runs after every migrate and may be repeated.

    Permissions that a person granted by hand are kept; only missing ones are added.
    """
    from django.contrib.auth.models import Group, Permission

    for name, grants in GROUPS.items():
        group, _created = Group.objects.get_or_create(name=name)
        for app, models, actions in grants:
            wanted = [f"{action}_{model}" for model in models for action in actions]
            group.permissions.add(
                *Permission.objects.filter(
                    content_type__app_label=app, codename__in=wanted
                ).values_list("pk", flat=True)
            )
