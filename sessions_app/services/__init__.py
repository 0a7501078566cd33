"""What can be done with time: book, move, cancel, approve, join; set and withdraw hours."""

from sessions_app.services.attendance import (
    complete_or_dispute,
    complete_session,
    dispute_absence,
    finish_ended_sessions,
    report_absence,
)
from sessions_app.services.booking import book_session
from sessions_app.services.feedback import FeedbackValues, feedback_of, give_feedback
from sessions_app.services.holds import extend_hold, hold_minutes, hold_slot, release_hold
from sessions_app.services.lifecycle import (
    approve_session,
    cancel_session,
    join_session,
    lapse_pending_sessions,
    write_notes,
)
from sessions_app.services.openings import refresh_openings
from sessions_app.services.places import (
    accept_offer,
    join_waitlist,
    leave_waitlist,
    pass_offer,
)
from sessions_app.services.preferences import (
    CHOICES,
    choose_messages,
    mail_again,
    note_bounce,
    stop_messages,
)
from sessions_app.services.rescheduling import reschedule_session
from sessions_app.services.rules import why_not
from sessions_app.services.waitlist import tend_waitlists
from sessions_app.services.windows import (
    WindowSpec,
    conflicts_of,
    replace_windows,
    save_window,
    withdraw_window,
)

__all__ = [
    "CHOICES",
    "FeedbackValues",
    "WindowSpec",
    "accept_offer",
    "approve_session",
    "book_session",
    "cancel_session",
    "choose_messages",
    "complete_or_dispute",
    "complete_session",
    "conflicts_of",
    "dispute_absence",
    "extend_hold",
    "feedback_of",
    "finish_ended_sessions",
    "give_feedback",
    "hold_minutes",
    "hold_slot",
    "join_session",
    "join_waitlist",
    "lapse_pending_sessions",
    "leave_waitlist",
    "mail_again",
    "note_bounce",
    "pass_offer",
    "refresh_openings",
    "release_hold",
    "replace_windows",
    "report_absence",
    "reschedule_session",
    "save_window",
    "stop_messages",
    "tend_waitlists",
    "why_not",
    "withdraw_window",
    "write_notes",
]
