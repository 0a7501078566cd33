"""The shipped words of our messages, and how words are filled in.

A PM's MessageTemplate of the same name takes the place of these. Both use `{{ variable }}`, replaced
from a fixed list and nothing else: whoever edits a template can show a variable, not run code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sessions_app.models import Notification

VARIABLES = (
    "recipient_name", "other_name", "mentor_name", "mentee_name", "when", "minutes", "where", "goal",
    "session_url", "program_name", "reason",
)  # fmt: skip
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Wording:
    subject: str
    body: str


_CLOSE = "\n\nSee or cancel it here: {{ session_url }}"
SHIPPED: Mapping[str, Wording] = {
    Notification.Kind.BOOKED: Wording(
        "Booked: {{ mentor_name }} and {{ mentee_name }}, {{ when }}",
        "Hello {{ recipient_name }},\n\nYour session with {{ other_name }} is booked.\n\n"
        "When: {{ when }} ({{ minutes }} minutes)\nWhere: {{ where }}\nGoal: {{ goal }}\n\n"
        "The invitation is attached, so it can go straight into your calendar. The link to the room "
        "opens on the session's page 15 minutes before." + _CLOSE,
    ),
    Notification.Kind.REQUESTED: Wording(
        "Requested: {{ mentor_name }} and {{ mentee_name }}, {{ when }}",
        "Hello {{ recipient_name }},\n\n{{ mentee_name }} asked {{ mentor_name }} for a session. The "
        "time is held until {{ mentor_name }} answers.\n\nWhen: {{ when }} ({{ minutes }} minutes)\n"
        "Goal: {{ goal }}" + _CLOSE,
    ),
    Notification.Kind.MOVED: Wording(
        "Moved: {{ mentor_name }} and {{ mentee_name }}, now {{ when }}",
        "Hello {{ recipient_name }},\n\nYour session with {{ other_name }} has a new time.\n\n"
        "When: {{ when }} ({{ minutes }} minutes)\nWhere: {{ where }}" + _CLOSE,
    ),
    Notification.Kind.CANCELLED: Wording(
        "Cancelled: {{ mentor_name }} and {{ mentee_name }}, {{ when }}",
        "Hello {{ recipient_name }},\n\nYour session with {{ other_name }} at {{ when }} will not take "
        "place.\n\nReason: {{ reason }}\n\nThe event leaves your calendar with this message."
        + _CLOSE,
    ),
    Notification.Kind.REMINDER_DAY: Wording(
        "Tomorrow: your session with {{ other_name }}",
        "Hello {{ recipient_name }},\n\nA reminder of your session with {{ other_name }}.\n\n"
        "When: {{ when }} ({{ minutes }} minutes)\nWhere: {{ where }}\nGoal: {{ goal }}" + _CLOSE,
    ),
    Notification.Kind.REMINDER_HOUR: Wording(
        "In an hour: your session with {{ other_name }}",
        "Hello {{ recipient_name }},\n\nYour session with {{ other_name }} starts at {{ when }}.\n"
        "Where: {{ where }}" + _CLOSE,
    ),
    Notification.Kind.FEEDBACK: Wording(
        "How was your session with {{ other_name }}?",
        "Hello {{ recipient_name }},\n\nTell us how your session with {{ other_name }} went. It takes a "
        "minute." + _CLOSE,
    ),
}


def fill(text: str, variables: Mapping[str, str]) -> str:
    """Replace each `{{ variable }}`. A name that is not a variable stays as it was typed, so that a
    slip in a template is seen in its preview instead of vanishing. A line whose only variable is
    empty is left out ("Goal:" with no goal)."""
    lines = []
    for line in text.split("\n"):
        names = _VARIABLE.findall(line)
        known = [name for name in names if name in variables]
        if known and all(not variables[name] for name in known) and len(known) == len(names):
            continue
        lines.append(_VARIABLE.sub(lambda found: variables.get(found[1], found[0]), line))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
