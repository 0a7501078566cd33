"""What can be read about time, and by whom."""

from sessions_app.selectors.calendars import (
    calendars,
    open_slots,
    open_slots_of,
    opens_until,
    rules_of,
)
from sessions_app.selectors.load import Load, loads
from sessions_app.selectors.sessions import (
    others_in,
    past,
    ratings,
    session_for,
    sessions_for,
    sessions_of,
    upcoming,
    windows_of,
)

__all__ = [
    "Load",
    "calendars",
    "loads",
    "open_slots",
    "open_slots_of",
    "opens_until",
    "others_in",
    "past",
    "ratings",
    "rules_of",
    "session_for",
    "sessions_for",
    "sessions_of",
    "upcoming",
    "windows_of",
]
