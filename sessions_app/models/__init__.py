"""Time: when mentors can be met, and who meets when."""

from sessions_app.models.availability import (
    AvailabilityWindow,
    BookableMentor,
    BusyTime,
    Holiday,
    HoursException,
    HoursMade,
    MentorOpening,
    WeeklyHours,
)
from sessions_app.models.booking import (
    Commitment,
    Feedback,
    Meeting,
    MentorRating,
    Session,
    SessionEvent,
)
from sessions_app.models.messages import MessagePreferences, Notification
from sessions_app.models.waitlist import Hold, WaitlistEntry

__all__ = [
    "AvailabilityWindow",
    "BookableMentor",
    "BusyTime",
    "Commitment",
    "Feedback",
    "Hold",
    "Holiday",
    "HoursException",
    "HoursMade",
    "Meeting",
    "MentorOpening",
    "MentorRating",
    "MessagePreferences",
    "Notification",
    "Session",
    "SessionEvent",
    "WaitlistEntry",
    "WeeklyHours",
]
