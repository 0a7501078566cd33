"""What can be done with time: book, cancel, approve, join; set and withdraw hours."""

from sessions_app.services.booking import approve_session, book_session
from sessions_app.services.lifecycle import (
    cancel_session,
    finish_ended_sessions,
    join_session,
    lapse_pending_sessions,
    write_notes,
)
from sessions_app.services.openings import refresh_openings
from sessions_app.services.windows import (
    WindowSpec,
    conflicts_of,
    replace_windows,
    save_window,
    withdraw_window,
)

__all__ = [
    "WindowSpec",
    "approve_session",
    "book_session",
    "cancel_session",
    "conflicts_of",
    "finish_ended_sessions",
    "join_session",
    "lapse_pending_sessions",
    "refresh_openings",
    "replace_windows",
    "save_window",
    "withdraw_window",
    "write_notes",
]
