"""The pages about time: a mentor's open times, one's sessions, a mentor's hours."""

from sessions_app.views.attendance import dispute_absence, report_absence
from sessions_app.views.booking import book, mentor_page
from sessions_app.views.feedback import feedback
from sessions_app.views.holds import extend_hold, hold, release_hold
from sessions_app.views.hours import add_window, decide, hours, remove_window
from sessions_app.views.links import follow
from sessions_app.views.moving import move
from sessions_app.views.preferences import message_choices
from sessions_app.views.sessions import (
    accept,
    calendar_ics,
    cancel,
    detail,
    join,
    session_list,
    write_notes,
)
from sessions_app.views.waitlist import (
    accept_offer,
    join_waitlist,
    leave_waitlist,
    pass_offer,
    waitlist,
)

__all__ = [
    "accept",
    "accept_offer",
    "add_window",
    "book",
    "calendar_ics",
    "cancel",
    "decide",
    "detail",
    "dispute_absence",
    "extend_hold",
    "feedback",
    "follow",
    "hold",
    "hours",
    "join",
    "join_waitlist",
    "leave_waitlist",
    "mentor_page",
    "message_choices",
    "move",
    "pass_offer",
    "release_hold",
    "remove_window",
    "report_absence",
    "session_list",
    "waitlist",
    "write_notes",
]
