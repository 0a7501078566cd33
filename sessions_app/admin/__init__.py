"""The console's pages about time."""

from sessions_app.admin import hours, messages, sessions, templates, waitlist, weekly
from sessions_app.admin.deciding import Asking
from sessions_app.admin.hours import UpcomingWindowsInline

__all__ = [
    "Asking",
    "UpcomingWindowsInline",
    "hours",
    "messages",
    "sessions",
    "templates",
    "waitlist",
    "weekly",
]
