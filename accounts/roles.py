"""What each role may do, as Django groups (PRODUCT A4). Program managers are not superusers."""

from __future__ import annotations

from typing import Any

# Group -> app -> (models, actions). Deleting people, mentors and sessions is left to administrators:
# a program manager deactivates or cancels, which keeps history.
PROGRAM_MANAGERS = "Program managers"
GROUPS: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    PROGRAM_MANAGERS: {
        # Who changed what is shown by pages that change nothing, whatever is granted here.
        "accounts": (("user", "programsettings", "auditentry"), ("view", "add", "change")),
        "content": (("messagetemplate", "helpprompt"), ("view", "add", "change", "delete")),
        "mentors": (
            ("mentor", "mentee", "expertise", "savedmentor", "block"),
            ("view", "add", "change"),
        ),
        "sessions_app": (
            (
                "availabilitywindow",
                "weeklyhours",
                "hoursexception",
                "holiday",
                "busytime",
                "waitlistentry",
                "hold",
                "messagepreferences",
                "meeting",
                "session",
                "sessionevent",
                "feedback",
                "notification",
                "waitlistentry",
                "hold",
            ),
            ("view", "add", "change"),
        ),
        # Requests and indexed texts are shown by pages that change nothing, whatever is granted here.
        "matching": (
            (
                "matchrequest",
                "matchimpression",
                "matchfeedback",
                "mentorembedding",
                "modeluse",
                "matchpolicy",
                "savedquery",
                "experiment",
                "marketrun",
            ),
            ("view", "add", "change", "delete"),
        ),
        "sync": (
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
        "analytics": (("refresh", "mentorfigures"), ("view", "add")),
        "django_celery_beat": (("periodictask", "intervalschedule"), ("view", "change")),
        "account": (("emailaddress",), ("view",)),
    }
}


def create_groups(**_: Any) -> None:
    """Create the groups and grant their permissions. Runs after every migrate and may be repeated.

    Permissions that a person granted by hand are kept; only missing ones are added.
    """
    from django.contrib.auth.models import Group, Permission

    for name, apps in GROUPS.items():
        group, _created = Group.objects.get_or_create(name=name)
        wanted = [
            f"{action}_{model}"
            for models, actions in apps.values()
            for model in models
            for action in actions
        ]
        group.permissions.add(
            *Permission.objects.filter(
                content_type__app_label__in=list(apps), codename__in=wanted
            ).values_list("pk", flat=True)
        )
