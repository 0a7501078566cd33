"""What can be done with time: book, move, cancel, approve, join; set and withdraw hours."""

from sessions_app.services.attendance import (
    complete_or_dispute,
    complete_session,
    dispute_absence,
    finish_ended_sessions,
    report_absence,
)
from sessions_app.services.booking import book_session
from sessions_app.services.displaced import (
    Action,
    Decision,
    ask_about_displaced,
    change_time_zone,
    deactivate_mentor,
    decide_displaced,
)
from sessions_app.services.feedback import FeedbackValues, feedback_of, give_feedback
from sessions_app.services.holds import extend_hold, hold_minutes, hold_slot, release_hold
from sessions_app.services.holidays import remove_holiday, save_holiday
from sessions_app.services.hours import (
    AwaySpec,
    ExceptionSpec,
    WeeklySpec,
    remove_exception,
    remove_time_away,
    remove_weekly_hours,
    save_exception,
    save_time_away,
    save_weekly_hours,
    set_hours,
)
from sessions_app.services.lifecycle import (
    approve_session,
    cancel_session,
    join_session,
    lapse_pending_sessions,
    write_notes,
)
from sessions_app.services.made_hours import make_due_hours
from sessions_app.services.openings import refresh_openings
from sessions_app.services.pausing import pause_mentor, resume_mentor
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
from sessions_app.services.words import save_template

__all__ = [
    "CHOICES",
    "Action",
    "AwaySpec",
    "Decision",
    "ExceptionSpec",
    "FeedbackValues",
    "WeeklySpec",
    "WindowSpec",
    "accept_offer",
    "approve_session",
    "ask_about_displaced",
    "book_session",
    "cancel_session",
    "change_time_zone",
    "choose_messages",
    "complete_or_dispute",
    "complete_session",
    "conflicts_of",
    "deactivate_mentor",
    "decide_displaced",
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
    "make_due_hours",
    "note_bounce",
    "pass_offer",
    "pause_mentor",
    "refresh_openings",
    "release_hold",
    "remove_exception",
    "remove_holiday",
    "remove_time_away",
    "remove_weekly_hours",
    "replace_windows",
    "report_absence",
    "reschedule_session",
    "resume_mentor",
    "save_exception",
    "save_holiday",
    "save_template",
    "save_time_away",
    "save_weekly_hours",
    "save_window",
    "set_hours",
    "stop_messages",
    "tend_waitlists",
    "why_not",
    "withdraw_window",
    "write_notes",
]
