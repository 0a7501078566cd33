"""The console's pages about time."""

from sessions_app.admin import hours, messages, sessions, templates, waitlist
from sessions_app.admin.hours import UpcomingWindowsInline

__all__ = ["UpcomingWindowsInline", "hours", "messages", "sessions", "templates", "waitlist"]
